/**
 * Running time: monotonic, and continued over restarts. The time between two runs counts only where the wall
 * clock was believed on both sides, so that a clock that jumps lets nothing expire early (DESIGN §1.7).
 */
import type { Clock } from '#base/clock.ts'
import type { Message, TimeQuality } from './message.ts'
import type { StoredState } from './store-port.ts'

export class RunningClock {
  readonly #clock: Clock
  #originMs: number
  #stamped = false
  #turnWallMs = 0
  #turnRunningMs = 0
  #turnSynchronised = false
  readonly #turnEnded = () => {
    this.#stamped = false
  }
  /** Running time at which this run began: older stamps belong to an earlier run. */
  startedAtMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#originMs = -clock.monotonic()
  }

  /** Goes on from where the last run stood. */
  resume(last: StoredState['clock']): void {
    if (last === undefined) return
    const between = last.synchronised && this.#clock.synchronised() ? Math.max(0, this.#clock.now() - last.wallMs) : 0
    this.#originMs = last.runningMs + between - this.#clock.monotonic()
    this.startedAtMs = last.runningMs + between
  }

  now(): number {
    return this.#originMs + this.#clock.monotonic()
  }

  /** Gives a message the time of this turn of the event loop. */
  stamp(message: Message): void {
    if (!this.#stamped) this.#lookAtClocks()
    message.timeMs = this.#turnWallMs
    message.takenAtMs = this.#turnRunningMs
    if (!this.#turnSynchronised) message.timeQuality = 'unsynced'
  }

  /** The time of a message, corrected if the clock has been set since it was taken in this run. */
  timeOf(message: Message): { timeMs: number; quality: TimeQuality } {
    if (message.timeQuality === 'unsynced' && message.takenAtMs >= this.startedAtMs && this.#clock.synchronised()) {
      return { timeMs: Math.round(this.#clock.now() - (this.now() - message.takenAtMs)), quality: 'restamped' }
    }
    return { timeMs: message.timeMs, quality: message.timeQuality }
  }

  /** One look at the clocks serves all messages of a turn. */
  #lookAtClocks(): void {
    this.#stamped = true
    this.#turnWallMs = this.#clock.now()
    this.#turnRunningMs = this.now()
    this.#turnSynchronised = this.#clock.synchronised()
    this.#clock.defer(this.#turnEnded)
  }
}
