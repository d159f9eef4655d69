import type { Clock, Timer } from '#base/clock.ts'

/** A bucket of tokens: `burst` at once, then `perSecond`; 0 per second is no limit. */
export class Pace {
  readonly #clock: Clock
  readonly #perSecond: number
  readonly #burst: number
  readonly #room: () => void
  #tokens: number
  #filledAtMs: number
  #timer: Timer | undefined = undefined

  /** `room` is called when a token is there again after `spent` was true. */
  constructor(clock: Clock, perSecond: number, burst: number, room: () => void) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#burst = Math.max(1, burst)
    this.#room = room
    this.#tokens = this.#burst
    this.#filledAtMs = clock.monotonic()
  }

  /** Whether there is no token; then `room` will be called when there is. */
  get spent(): boolean {
    if (this.#perSecond === 0) return false
    if (this.#tokens >= 1) return false
    this.#fill()
    if (this.#tokens >= 1) return false
    const waitMs = Math.ceil(((1 - this.#tokens) * 1000) / this.#perSecond)
    this.#timer ??= this.#clock.setTimer(waitMs, () => {
      this.#timer = undefined
      this.#room()
    })
    return true
  }

  take(): void {
    if (this.#perSecond > 0) this.#tokens--
  }

  stop(): void {
    this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
  }

  #fill(): void {
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAtMs) * this.#perSecond) / 1000)
    this.#filledAtMs = now
  }
}
