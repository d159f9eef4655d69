/** Sends a packet again until its answer has come (`MQTT-SN 1.2 §6.13`). */
import type { Timer } from '#base/clock.ts'
import type { SnContext } from './context.ts'

export class Retransmission {
  readonly #context: SnContext
  readonly #exhausted: () => void
  #send: () => void = () => {}
  #timer: Timer | undefined
  #left = 0
  /** When this round of attempts began, ms. */
  startedMs = 0

  /** @param exhausted called when T_retry has passed after the last attempt of a round */
  constructor(context: SnContext, exhausted: () => void) {
    this.#context = context
    this.#exhausted = exhausted
  }

  /** Sends at once, and again after each T_retry, N_retry times. */
  start(send: () => void): void {
    this.stop()
    this.#send = send
    this.extend()
    send()
    this.#arm()
  }

  /** Another round of the same. */
  again(): void {
    this.#context.counters.retransmitted++
    this.start(this.#send)
  }

  /** The peer is there and asks for patience: attempts count from here. */
  extend(): void {
    this.#left = this.#context.config.retries
    this.startedMs = this.#context.clock.monotonic()
  }

  stop(): void {
    this.#context.clock.clearTimer(this.#timer)
    this.#timer = undefined
  }

  #arm(): void {
    this.#timer = this.#context.clock.setTimer(this.#context.config.retry_interval, () => {
      if (this.#left-- <= 0) return this.#exhausted()
      this.#context.counters.retransmitted++
      this.#send()
      this.#arm()
    })
  }
}
