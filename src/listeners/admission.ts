import type { Clock } from '#base/clock.ts'

/** Lets `perSecond` connections through in a second, and as many at once after a quiet one. 0: no limit. */
export class AdmissionRate {
  readonly #perSecond: number
  readonly #clock: Clock
  #tokens: number
  #atMs: number

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond
    this.#clock = clock
    this.#tokens = Math.max(1, perSecond)
    this.#atMs = clock.monotonic()
  }

  /** Whether one more may come now; if so it is counted. */
  admit(): boolean {
    if (this.#perSecond <= 0) return true
    const nowMs = this.#clock.monotonic()
    const earned = ((nowMs - this.#atMs) / 1000) * this.#perSecond
    this.#tokens = Math.min(Math.max(1, this.#perSecond), this.#tokens + earned)
    this.#atMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
