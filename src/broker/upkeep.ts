/** What is looked at from time to time: sessions that expire, messages that grow too old, a store that is out of room. */
import type { Clock, Timer } from '#base/clock.ts'
import { SWEEP_INTERVAL_MS } from '#base/limits.ts'
import type { Retention } from './retention.ts'
import type { RunningClock } from './running-clock.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'
import type { SharedGroup } from './shared-group.ts'
import type { Store } from './store-port.ts'
import type { SubscriptionIndex } from './subscription-index.ts'

/** The least that a queue gives up for a store without room. */
const RELIEF_BYTES_MIN = 65_536

export class Upkeep {
  readonly #clock: Clock
  readonly #running: RunningClock
  readonly #store: Store
  readonly #sessions: SessionTable
  readonly #index: SubscriptionIndex
  readonly #retention: Retention
  /** A full store takes from the longest queue, instead of refusing. */
  readonly #relief: boolean
  readonly #endSession: (session: Session) => void
  #timer: Timer | undefined

  constructor(
    clock: Clock,
    running: RunningClock,
    store: Store,
    sessions: SessionTable,
    index: SubscriptionIndex,
    retention: Retention,
    relief: boolean,
    endSession: (session: Session) => void,
  ) {
    this.#clock = clock
    this.#running = running
    this.#store = store
    this.#sessions = sessions
    this.#index = index
    this.#retention = retention
    this.#relief = relief
    this.#endSession = endSession
  }

  start(): void {
    this.#timer = this.#clock.setTimer(SWEEP_INTERVAL_MS, () => {
      this.#sweep()
      this.start()
    })
  }

  stop(): void {
    this.#clock.clearTimer(this.#timer)
  }

  #sweep(): void {
    const now = this.#running.now()
    for (const session of this.#sessions.all()) {
      if (session.detachedAtMs !== undefined && now - session.detachedAtMs >= session.expiryMs) this.#endSession(session)
      else session.sweep()
    }
    for (const group of this.#index.groups()) group.sweep()
    this.#retention.sweep()
    if (this.#relief && this.#store.condition === 'full') this.#relieve()
  }

  /** The longest queue gives up its oldest, a sweep at a time, until the store has room again. */
  #relieve(): void {
    let longest: Session | SharedGroup | undefined
    for (const owner of [...this.#sessions.all(), ...this.#index.groups()]) {
      if (owner.durable && owner.queuedBytes > (longest?.queuedBytes ?? 0)) longest = owner
    }
    longest?.relieve(Math.max(longest.queuedBytes / 8, RELIEF_BYTES_MIN))
  }
}
