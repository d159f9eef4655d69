/**
 * Shares out the time for TLS handshakes. Each costs a millisecond of the one thread that also serves everybody else, on a
 * small device ten; so they begin a few at a time, with a turn for all others in between, and only so many are in progress.
 */

import type { Clock } from '#base/clock.ts'

/** What handshakes may take of one turn of the event loop. */
const TURN_MS = 4
/** When all places are taken, whoever has been at it for longer than this makes room. */
const PATIENCE_MS = 2000

export interface Handshake {
  start(): void
  /** Gives up its place for another. */
  crowdOut(): void
}

export class HandshakeQueue {
  readonly #inProgressMax: number
  readonly #clock: Clock
  /** With the time at which they began, in that order. */
  readonly #inProgress = new Map<Handshake, number>()
  /** Bounded by the listener's `max_connections`. */
  readonly #waiting = new Set<Handshake>()
  #scheduled = false

  constructor(inProgressMax: number, clock: Clock) {
    this.#inProgressMax = inProgressMax
    this.#clock = clock
  }

  get waiting(): number {
    return this.#waiting.size
  }

  enter(handshake: Handshake): void {
    this.#waiting.add(handshake)
    this.#schedule()
  }

  /** It is over, or will never begin. */
  leave(handshake: Handshake): void {
    if (!this.#inProgress.delete(handshake)) this.#waiting.delete(handshake)
    else if (this.#waiting.size > 0) this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.defer(() => {
      this.#scheduled = false
      this.#begin()
    })
  }

  #begin(): void {
    const fromMs = this.#clock.monotonic()
    for (const next of this.#waiting) {
      const nowMs = this.#clock.monotonic()
      if (nowMs - fromMs > TURN_MS) return this.#schedule()
      if (this.#inProgress.size >= this.#inProgressMax && !this.#makeRoom(nowMs)) return
      this.#waiting.delete(next)
      this.#inProgress.set(next, nowMs)
      next.start()
    }
  }

  #makeRoom(nowMs: number): boolean {
    for (const [oldest, sinceMs] of this.#inProgress) {
      if (nowMs - sinceMs < PATIENCE_MS) return false
      this.#inProgress.delete(oldest)
      oldest.crowdOut()
      return true
    }
    return false
  }
}
