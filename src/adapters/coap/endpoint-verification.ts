import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '#base/clock.ts'
import type { Peer } from './endpoint-peer.ts'
import type { EndpointLimits } from './endpoint-types.ts'

/** Answers may be this many times as large as what an unverified peer sent. */
const AMPLIFICATION_MAX = 3
const ECHO_LIFETIME_SECONDS = 300
const ECHO_BYTES = 12

/**
 * Keeps the endpoint from being used to flood a forged address (`RFC 9175 §2.4`): to a peer that has not shown that
 * it receives at its address go at most three times the bytes that came from it, and beyond that what a small budget for
 * all such peers together allows. An Echo option with a value of ours, or an answer to a Confirmable message,
 * verifies a peer.
 */
export class Verification {
  readonly #clock: Clock
  readonly #limits: EndpointLimits
  readonly #secret: Uint8Array
  #budget: number
  #budgetAtMs: number

  constructor(clock: Clock, limits: EndpointLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#secret = clock.randomBytes(32)
    this.#budget = limits.unverifiedBurstBytes
    this.#budgetAtMs = clock.monotonic()
  }

  /** Whether `bytes` may go to a peer now; if they exceed its share they are taken from the common budget. */
  permits(peer: Peer, bytes: number): boolean {
    if (peer.verified || peer.bytesOut + bytes <= AMPLIFICATION_MAX * peer.bytesIn) return true
    const nowMs = this.#clock.monotonic()
    const { unverifiedBytesPerSecond, unverifiedBurstBytes } = this.#limits
    this.#budget = Math.min(unverifiedBurstBytes, this.#budget + ((nowMs - this.#budgetAtMs) / 1000) * unverifiedBytesPerSecond)
    this.#budgetAtMs = nowMs
    if (this.#budget < bytes) return false
    this.#budget -= bytes
    return true
  }

  /** An Echo value for a peer: the time and a keyed hash of time and address; nothing is remembered. */
  challenge(peer: Peer): Uint8Array {
    return this.#value(peer, Math.floor(this.#clock.monotonic() / 1000))
  }

  /** Takes the Echo value of a request; a fresh one of ours for this very address verifies the peer. */
  echoed(peer: Peer, value: Uint8Array): void {
    if (value.length !== ECHO_BYTES) return
    const seconds = Buffer.from(value).readUInt32BE(0)
    const age = Math.floor(this.#clock.monotonic() / 1000) - seconds
    if (age >= 0 && age <= ECHO_LIFETIME_SECONDS && timingSafeEqual(this.#value(peer, seconds), value)) peer.verified = true
  }

  #value(peer: Peer, seconds: number): Uint8Array {
    const value = Buffer.alloc(ECHO_BYTES)
    value.writeUInt32BE(seconds >>> 0, 0)
    const hash = createHmac('sha256', this.#secret).update(value.subarray(0, 4)).update(peer.key).digest()
    hash.copy(value, 4, 0, ECHO_BYTES - 4)
    return value
  }
}
