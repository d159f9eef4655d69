import type { Clock, Timer } from '#base/clock.ts'
import type { Peer } from './endpoint-peer.ts'
import type { EndpointCounters, EndpointLimits } from './endpoint-types.ts'

/** How a Confirmable message ended. `refused`: too many were waiting for this peer. */
export type TransmissionEnd = 'acknowledged' | 'reset' | 'timed-out' | 'cancelled' | 'refused'

/** A Confirmable message on its way (`RFC 7252 §4.2`). */
export interface Transmission {
  readonly peer: Peer
  readonly messageId: number
  readonly bytes: Uint8Array
  attempts: number
  timeoutMs: number
  timer: Timer | undefined
  /** It counts for NSTART. A ping does not: it must not hold up what it is sent for. */
  readonly counted: boolean
  readonly attemptsMax: number
  ended: (end: TransmissionEnd) => void
}

/** Sends Confirmable messages again until they are acknowledged, NSTART at a time to each peer. */
export class Transmitter {
  readonly #clock: Clock
  readonly #limits: EndpointLimits
  readonly #counters: EndpointCounters
  readonly #send: (peer: Peer, bytes: Uint8Array) => void

  constructor(clock: Clock, limits: EndpointLimits, counters: EndpointCounters, send: (peer: Peer, bytes: Uint8Array) => void) {
    this.#clock = clock
    this.#limits = limits
    this.#counters = counters
    this.#send = send
  }

  /** Starts a transmission, or lets it wait for its turn. `bytes` must carry `messageId`, taken from `peer.messageId()`. */
  transmit(peer: Peer, messageId: number, bytes: Uint8Array, ended: (end: TransmissionEnd) => void): Transmission {
    const transmission = this.#create(peer, messageId, bytes, true, ended)
    if (peer.inFlight < this.#limits.nstart && (peer.waiting === undefined || peer.waiting.length === 0)) {
      this.#start(transmission)
      return transmission
    }
    peer.waiting ??= []
    if (peer.waiting.length >= this.#limits.waitingPerPeerMax) {
      this.#clock.defer(() => this.#end(transmission, 'refused'))
      return transmission
    }
    // Its id is taken from now on, although nothing has left yet.
    peer.waiting.push(transmission)
    return transmission
  }

  /** Sends a ping (`RFC 7252 §4.3`) once, outside NSTART: `reset` is the answer of a peer that is there. */
  ping(peer: Peer, messageId: number, bytes: Uint8Array, ended: (end: TransmissionEnd) => void): void {
    this.#start(this.#create(peer, messageId, bytes, false, ended))
  }

  /** An ACK, or a response that implies one, has come. False: nothing with this id was in flight. */
  acknowledged(peer: Peer, messageId: number): boolean {
    return this.#finish(peer, messageId, 'acknowledged')
  }

  /** A RST has come. False: nothing with this id was in flight. */
  reset(peer: Peer, messageId: number): boolean {
    return this.#finish(peer, messageId, 'reset')
  }

  /** Stops sending it; its end is told as `cancelled`. */
  cancel(transmission: Transmission): void {
    const { peer } = transmission
    if (peer.transmissions?.get(transmission.messageId) !== transmission) return
    const at = peer.waiting?.indexOf(transmission) ?? -1
    if (at >= 0) {
      peer.waiting!.splice(at, 1)
      this.#end(transmission, 'cancelled')
    } else this.#finish(peer, transmission.messageId, 'cancelled')
  }

  /** Stops all that is on its way to a peer. */
  cancelAll(peer: Peer): void {
    for (const transmission of [...(peer.transmissions?.values() ?? [])]) this.cancel(transmission)
  }

  #create(peer: Peer, messageId: number, bytes: Uint8Array, counted: boolean, ended: (end: TransmissionEnd) => void): Transmission {
    const attemptsMax = counted ? this.#limits.retransmitMax : 0
    const transmission = { peer, messageId, bytes, attempts: 0, timeoutMs: 0, timer: undefined, counted, attemptsMax, ended }
    peer.transmissions ??= new Map()
    peer.transmissions.set(messageId, transmission)
    peer.holds++
    return transmission
  }

  #start(transmission: Transmission): void {
    if (transmission.counted) transmission.peer.inFlight++
    const spread = 1 + this.#clock.random() * (this.#limits.ackRandomFactor - 1)
    transmission.timeoutMs = this.#limits.ackTimeoutMs * spread
    this.#send(transmission.peer, transmission.bytes)
    this.#arm(transmission)
  }

  #arm(transmission: Transmission): void {
    transmission.timer = this.#clock.setTimer(transmission.timeoutMs, () => this.#expired(transmission))
  }

  #expired(transmission: Transmission): void {
    if (transmission.attempts >= transmission.attemptsMax) {
      if (transmission.counted) this.#counters.transmissionTimeouts++
      this.#finish(transmission.peer, transmission.messageId, 'timed-out')
      return
    }
    transmission.attempts++
    transmission.timeoutMs *= 2
    this.#counters.retransmissions++
    this.#send(transmission.peer, transmission.bytes)
    this.#arm(transmission)
  }

  #finish(peer: Peer, messageId: number, end: TransmissionEnd): boolean {
    const transmission = peer.transmissions?.get(messageId)
    // What still waits behind NSTART has not left: an answer to it is a guess.
    if (transmission === undefined || transmission.timer === undefined) return false
    this.#clock.clearTimer(transmission.timer)
    if (transmission.counted) peer.inFlight--
    // Whoever names an id that is in flight has read the message: the address is its own.
    if (end === 'acknowledged' || end === 'reset') peer.verified = true
    this.#end(transmission, end)
    while (peer.inFlight < this.#limits.nstart) {
      const next = peer.waiting?.shift()
      if (next === undefined) break
      this.#start(next)
    }
    return true
  }

  #end(transmission: Transmission, end: TransmissionEnd): void {
    const { peer } = transmission
    if (peer.transmissions?.get(transmission.messageId) !== transmission) return
    peer.transmissions.delete(transmission.messageId)
    if (peer.transmissions.size === 0) peer.transmissions = undefined
    peer.holds--
    transmission.ended(end)
  }
}
