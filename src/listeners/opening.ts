/** A connection on its way from the accepted socket to its owner: PROXY header, TLS handshake, WebSocket upgrade. */

import type { Socket } from 'node:net'
import type { Clock, Timer } from '#base/clock.ts'
import { plainAddress } from './address.ts'
import type { FaultBook, OpeningFault } from './opening-faults.ts'
import type { ByteConnection, NetworkAddress, PeerCertificate } from './types.ts'

/** What was found out about a peer on the way. */
export interface PeerFacts {
  /** The peer as a trusted proxy named it. */
  remote?: NetworkAddress
  certificate?: PeerCertificate | undefined
  pskIdentity?: string | undefined
}

/** One step of the way. It calls `advance` or `fail` of the opening, once. */
export interface OpeningStage {
  readonly timeout: OpeningFault
  begin(opening: Opening): void
  /** The opening is over, one way or the other, and what the stage keeps of it is to be forgotten. */
  ended?(opening: Opening): void
  close?(): void
}

/** The listener's side. */
export interface OpeningHost {
  readonly stages: readonly OpeningStage[]
  readonly faults: FaultBook
  readonly clock: Clock
  /** For all stages together. */
  readonly openTimeoutMs: number
  opened(opening: Opening): void
  /** The socket is gone, and nothing has become of it. */
  lost(): void
}

/** How long an answer to a refused peer may take. */
const ANSWER_MS = 2000

export class Opening {
  /** The accepted socket, and from the TLS handshake on the one on top of it. */
  socket: Socket
  readonly accepted: Socket
  readonly address: string
  readonly facts: PeerFacts = {}
  /** Whether `socket` speaks TLS. */
  secure = false
  /** Puts something between the socket's connection and its owner. */
  wrap: ((connection: ByteConnection) => ByteConnection) | undefined = undefined
  readonly #host: OpeningHost
  #stage = -1
  #timer: Timer | undefined
  #over = false
  readonly #closed = () => this.#gone()

  constructor(socket: Socket, host: OpeningHost) {
    this.socket = this.accepted = socket
    this.address = plainAddress(socket.remoteAddress ?? '')
    this.#host = host
    this.#timer = host.clock.setTimer(host.openTimeoutMs, () => this.fail(host.stages[this.#stage].timeout))
    socket.on('error', ignore)
    socket.on('close', this.#closed)
  }

  get over(): boolean {
    return this.#over
  }

  /** TLS stands: from here on its socket is used. */
  secured(socket: Socket): void {
    this.socket = socket
    this.secure = true
    socket.on('error', ignore)
  }

  /** The next step; behind the last one the connection is open. */
  advance(): void {
    if (this.#over) return
    const stage = this.#host.stages[++this.#stage]
    if (stage !== undefined) return stage.begin(this)
    this.#finish()
    this.accepted.off('close', this.#closed)
    if (!this.secure) this.accepted.off('error', ignore)
    this.#host.opened(this)
  }

  /** Counts the reason and closes, with an answer where there is one. */
  fail(fault: OpeningFault, detail?: string, answer?: string | Uint8Array): void {
    if (this.#over) return
    this.#finish()
    this.#host.faults.note(fault, this.facts.remote?.address ?? this.address, detail)
    const { socket } = this
    if (answer === undefined || !socket.writable) {
      this.accepted.destroy()
      return
    }
    this.#timer = this.#host.clock.setTimer(ANSWER_MS, () => this.accepted.destroy())
    // Unread bytes would make the kernel reset the connection, and the answer be lost.
    socket.on('error', ignore)
    socket.resume()
    socket.end(answer)
  }

  #finish(): void {
    this.#over = true
    this.#host.clock.clearTimer(this.#timer)
    for (const stage of this.#host.stages) stage.ended?.(this)
  }

  #gone(): void {
    this.#host.clock.clearTimer(this.#timer)
    if (!this.#over) {
      this.#finish()
      this.#host.faults.note('left-while-opening', this.address)
    }
    this.#host.lost()
  }
}

function ignore(): void {}

/**
 * Reads from the socket of an opening until `look` has seen enough: it gets all bytes so far and returns how many of them are used,
 * or undefined for more. What is behind them is put back, and the next step follows. When `look` has ended the opening, nothing is.
 */
export function readAhead(opening: Opening, look: (bytes: Buffer) => number | undefined, then = () => opening.advance()): void {
  const { socket } = opening
  let bytes: Buffer | undefined
  const read = () => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    bytes = bytes === undefined ? chunk : Buffer.concat([bytes, chunk])
    const used = look(bytes)
    if (opening.over) socket.off('readable', read)
    if (used === undefined) return
    socket.off('readable', read)
    if (used < bytes.length) socket.unshift(bytes.subarray(used))
    then()
  }
  socket.on('readable', read)
}
