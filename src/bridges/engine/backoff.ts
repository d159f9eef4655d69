import type { Clock } from '#base/clock.ts'

const FIRST_MS = 1000
const MAX_MS = 120_000

/** Growing, random waits between attempts: from 1–2 s, doubling, to 1–2 min. */
export class Backoff {
  readonly #clock: Clock
  #attempts = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Waits taken since the last reset. */
  get attempts(): number {
    return this.#attempts
  }

  /** The next wait in ms. The randomness spreads a fleet that lost the same upstream. */
  next(): number {
    const lowMs = Math.min(FIRST_MS * 2 ** Math.min(this.#attempts, 16), MAX_MS / 2)
    this.#attempts++
    return lowMs + this.#clock.random() * lowMs
  }

  /** The link has proved itself. */
  reset(): void {
    this.#attempts = 0
  }
}
