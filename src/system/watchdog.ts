/** The proof of life that the service manager wants: the event loop turns, and the store's worker answers. */
import type { Clock, Timer } from '#base/clock.ts'

export interface WatchdogOptions {
  clock: Clock
  /** Between two questions. */
  intervalMs: number
  /** Asks the store's worker; resolves when it has answered. */
  ask: () => Promise<void>
  /** Both are alive, at this moment. */
  alive: () => void
  /** The worker has not answered within an interval; called once for each such silence. */
  silent: () => void
}

/**
 * Asks at once and then at every interval. One question is open at a time: a worker that is busy answers late and is
 * alive then, one that hangs is asked no more, and `alive` is called no more.
 */
export class Watchdog {
  readonly #options: WatchdogOptions
  #timer: Timer | undefined
  #asking = false
  #told = false
  #stopped = false

  constructor(options: WatchdogOptions) {
    this.#options = options
  }

  start(): void {
    this.#tick()
  }

  stop(): void {
    this.#stopped = true
    this.#options.clock.clearTimer(this.#timer)
  }

  #tick(): void {
    const { clock, intervalMs, silent } = this.#options
    this.#timer = clock.setTimer(intervalMs, () => this.#tick())
    if (!this.#asking) void this.#question()
    else if (!this.#told) {
      this.#told = true
      silent()
    }
  }

  async #question(): Promise<void> {
    this.#asking = true
    await this.#options.ask()
    this.#asking = false
    this.#told = false
    if (!this.#stopped) this.#options.alive()
  }
}
