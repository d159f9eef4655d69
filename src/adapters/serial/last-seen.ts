import type { Clock, Timer } from '#base/clock.ts'
import type { Broker, Records } from '#broker/ports.ts'

/** Where devices leave until when they were read. */
const RECORDS = 'serial'
/** How often that is written while a port is open; after a crash the gap may seem longer by this. */
const KEEP_MS = 60_000

/** Until when a device was read, over restarts of the gateway: so that the time between is told as a gap. */
export class LastSeen {
  readonly #records: Records
  readonly #name: string
  readonly #clock: Clock
  #timer: Timer | undefined

  constructor(name: string, broker: Broker, clock: Clock) {
    this.#records = broker.records(RECORDS)
    this.#name = name
    this.#clock = clock
  }

  /** Until when an earlier run has read, ms since 1970; undefined if there was none, or the clock cannot be believed. */
  before(): number | undefined {
    const record = this.#records.get(this.#name)
    if (record === undefined || !this.#clock.synchronised()) return undefined
    const at = Number(Buffer.from(record).toString())
    return Number.isFinite(at) && at > 0 && at <= this.#clock.now() ? at : undefined
  }

  /** The port is open: notes it now and then. */
  start(): void {
    this.#clock.clearTimer(this.#timer)
    this.#keep()
    this.#timer = this.#clock.setTimer(KEEP_MS, () => this.start())
  }

  /** The port is closed or lost; `now` is when that was. */
  stop(): void {
    if (this.#timer === undefined) return
    this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
    this.#keep()
  }

  #keep(): void {
    if (this.#clock.synchronised()) this.#records.put(this.#name, Buffer.from(String(this.#clock.now())))
  }
}
