import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { systemClock } from '#base/system-clock.ts'
import type { ByteConnection } from '#listeners/types.ts'
import { RecordingLogger } from '../support/recording-logger.ts'

/** A connection's events as promises, for one test each. */
export class Peer {
  readonly connection: ByteConnection
  receivedBytes = 0
  closes: (Error | undefined)[] = []
  #chunks: Buffer[] = []
  #wake: (() => void)[] = []

  constructor(connection: ByteConnection) {
    this.connection = connection
    connection.onData = chunk => {
      this.receivedBytes += chunk.length
      this.#chunks.push(chunk)
      this.#changed()
    }
    connection.onClose = error => {
      this.closes.push(error)
      this.#changed()
    }
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  #changed() {
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** Resolves as soon as `holds` does; looked at after every event. */
  async until(holds: (peer: this) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>(resolve => this.#wake.push(resolve))
  }
}

/** Takes connections one after the other, as they are accepted. */
export class Acceptor {
  #accepted: Peer[] = []
  #waiting: ((peer: Peer) => void)[] = []

  readonly onConnection = (connection: ByteConnection) => {
    const peer = new Peer(connection)
    const waiting = this.#waiting.shift()
    if (waiting) waiting(peer)
    else this.#accepted.push(peer)
  }

  next(): Promise<Peer> {
    const peer = this.#accepted.shift()
    return peer ? Promise.resolve(peer) : new Promise(resolve => this.#waiting.push(resolve))
  }
}

/** Listener options for tests: real time, a logger that remembers, no limit in the way. */
export function testOptions(acceptor: Acceptor) {
  return {
    maxConnections: 100,
    connectionsPerSecond: 0,
    onConnection: acceptor.onConnection,
    logger: new RecordingLogger(),
    clock: systemClock(),
  }
}

/** A client socket that is connected; errors after that are left to its 'close'. */
export async function dial(to: NetConnectOpts): Promise<Socket> {
  const socket = connect(to)
  await once(socket, 'connect')
  socket.on('error', () => {})
  return socket
}

/** Connects and resolves when the other side has turned that down, however far it came. */
export function dialRefused(to: NetConnectOpts): Promise<void> {
  return new Promise(resolve => {
    connect(to)
      .on('error', () => {})
      .on('close', () => resolve())
      .resume()
  })
}
