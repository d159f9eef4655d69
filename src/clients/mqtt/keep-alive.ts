import type { Clock, Timer } from '#base/clock.ts'

const PING_TIMEOUT_MIN_MS = 5000
const PING_TIMEOUT_MAX_MS = 30_000

/**
 * Keep-alive of a client (`MQTT 5 §3.1.2.10`). Twice in its interval it looks: if nothing was sent, or nothing
 * came, since the last look, it pings. So the server hears something in time, and a link that is dead in one
 * direction is noticed even while the other is busy.
 */
export class KeepAlive {
  readonly #clock: Clock
  readonly #lookMs: number
  readonly #pingTimeoutMs: number
  readonly #ping: () => void
  readonly #dead: (silentMs: number) => void
  #looking: Timer | undefined
  #waiting: Timer | undefined = undefined
  #sent = false
  #heard = false

  /** `ping` sends a PINGREQ; `dead` is called when its answer stays away. */
  constructor(clock: Clock, seconds: number, pingTimeoutMs: number | undefined, ping: () => void, dead: (silentMs: number) => void) {
    this.#clock = clock
    this.#lookMs = seconds * 500
    this.#pingTimeoutMs = pingTimeoutMs ?? Math.min(Math.max(seconds * 1000, PING_TIMEOUT_MIN_MS), PING_TIMEOUT_MAX_MS)
    this.#ping = ping
    this.#dead = dead
    this.#looking = seconds === 0 ? undefined : clock.setTimer(this.#lookMs, this.#look)
  }

  /** Something was sent. */
  sent(): void {
    this.#sent = true
  }

  /** Bytes came: a peer that is slow to answer is not dead. */
  heard(): void {
    this.#heard = true
    if (this.#waiting !== undefined) this.#await()
  }

  /** PINGRESP came. */
  answered(): void {
    this.#clock.clearTimer(this.#waiting)
    this.#waiting = undefined
  }

  stop(): void {
    this.#clock.clearTimer(this.#looking)
    this.#clock.clearTimer(this.#waiting)
    this.#looking = this.#waiting = undefined
  }

  readonly #look = (): void => {
    this.#looking = this.#clock.setTimer(this.#lookMs, this.#look)
    const due = !this.#sent || (!this.#heard && this.#waiting === undefined)
    this.#sent = this.#heard = false
    if (!due) return
    this.#ping()
    this.#await()
  }

  #await(): void {
    this.#clock.clearTimer(this.#waiting)
    this.#waiting = this.#clock.setTimer(this.#pingTimeoutMs, () => this.#dead(this.#pingTimeoutMs))
  }
}
