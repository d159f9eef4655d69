import type { Clock, Timer } from '#base/clock.ts'
import { PublishRate, type RateLimits } from '#base/publish-rate.ts'

/** Slows a client that publishes faster than it may: its socket is not read until it may again. */
export class Throttle {
  readonly #clock: Clock
  readonly #rate: PublishRate
  readonly #resume: () => void
  #timer: Timer | undefined

  constructor(clock: Clock, limits: RateLimits, resume: () => void) {
    this.#clock = clock
    this.#rate = new PublishRate(clock, limits)
    this.#resume = resume
  }

  /** Waits: nothing is taken. */
  get waiting(): boolean {
    return this.#timer !== undefined
  }

  get spent(): boolean {
    return this.#rate.spent
  }

  took(bytes: number): void {
    this.#rate.took(bytes)
  }

  wait(): void {
    this.#timer ??= this.#clock.setTimer(this.#rate.waitMs, () => {
      this.#timer = undefined
      this.#resume()
    })
  }

  stop(): void {
    this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
  }
}
