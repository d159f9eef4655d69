/** What all connections of a run share: where they go, the memory that they read into, and what became of them. */
import type { Transport } from '../job.ts'
import { Histogram } from './histogram.ts'
import { Turn } from './turn.ts'

const READ_BYTES = 128 * 1024
/** Loopback has many addresses; taking them in turn keeps the local ports of one from running out. */
const SOURCES = 200

export class Network {
  readonly turn = new Turn()
  readonly port: number
  /** Every socket is read into this: one read is worked through before the next begins. */
  readonly chunk = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly chunkView = new DataView(this.chunk.buffer)
  /** When the read that is being worked through was done. */
  readAtMs = 0
  connectTimes = new Histogram()
  sessionsPresent = 0
  /** Connections that ended without being asked to. */
  disconnects = 0
  /** The server is on its way down, by our own hand: what breaks now is no fault. */
  leaving = false
  #opened = 0

  readonly transport: Transport

  constructor(port: number, transport: Transport = 'tcp') {
    this.port = port
    this.transport = transport
  }

  nextSource(): string {
    return `127.0.1.${1 + (this.#opened++ % SOURCES)}`
  }
}
