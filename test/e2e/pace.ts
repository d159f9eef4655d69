const TICK_MS = 10
/** After a standstill at most so much is made up for at once. */
const BURST = 20

/** Calls `act` so many times a second, until it is stopped. */
export class Pace {
  readonly #timer: NodeJS.Timeout
  readonly #perMs: number
  #due = 0
  #lastMs = performance.now()

  constructor(perSecond: number, act: () => void) {
    this.#perMs = perSecond / 1000
    this.#timer = setInterval(() => {
      const nowMs = performance.now()
      this.#due = Math.min(BURST, this.#due + (nowMs - this.#lastMs) * this.#perMs)
      this.#lastMs = nowMs
      for (; this.#due >= 1; this.#due--) act()
    }, TICK_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
