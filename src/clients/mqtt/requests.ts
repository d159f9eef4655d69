import type { Clock, Timer } from '#base/clock.ts'
import type { GatewayError } from '#base/errors.ts'

const PACKET_ID_MAX = 65_535

/** The outcome of a SUBSCRIBE or UNSUBSCRIBE: one reason code for each filter, or why there is no answer. */
export type RequestDone = (codes: number[] | undefined, error: GatewayError | undefined) => void

interface Request {
  type: 'suback' | 'unsuback'
  filters: number
  done: RequestDone
  timer: Timer
}

/** SUBSCRIBEs and UNSUBSCRIBEs that wait for their answers, under packet ids that no publish in flight has. */
export class Requests {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #pending = new Map<number, Request>()

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  get size(): number {
    return this.#pending.size
  }

  has(packetId: number): boolean {
    return this.#pending.has(packetId)
  }

  /**
   * An id for a new request: going back from the last publish, because those ids come round last. Undefined:
   * every id is in use.
   */
  freeId(lastPublished: number, inFlight: ReadonlyMap<number, unknown>): number | undefined {
    let id = lastPublished
    for (let tries = 0; tries < PACKET_ID_MAX; tries++) {
      id = id <= 1 ? PACKET_ID_MAX : id - 1
      if (!inFlight.has(id) && !this.#pending.has(id)) return id
    }
    return undefined
  }

  /** Notes a request; `late` is called when its answer stays away. */
  add(packetId: number, type: Request['type'], filters: number, done: RequestDone, late: () => void): void {
    this.#pending.set(packetId, { type, filters, done, timer: this.#clock.setTimer(this.#timeoutMs, late) })
  }

  /** The answer to a request. Returns what is wrong with it, or undefined. */
  answer(packetId: number, type: Request['type'], codes: number[]): string | undefined {
    const request = this.#pending.get(packetId)
    if (request === undefined || request.type !== type) return `a ${type.toUpperCase()} came that nothing waits for`
    // MQTT 3.1.1 has no codes in an UNSUBACK.
    const given = type === 'unsuback' && codes.length === 0 ? new Array<number>(request.filters).fill(0) : codes
    if (given.length !== request.filters) return `a ${type.toUpperCase()} has ${given.length} reason codes for ${request.filters} filters`
    this.#pending.delete(packetId)
    this.#clock.clearTimer(request.timer)
    request.done(given, undefined)
    return undefined
  }

  /** Ends all that wait with an error. */
  fail(error: GatewayError): void {
    const waiting = [...this.#pending.values()]
    this.#pending.clear()
    for (const request of waiting) {
      this.#clock.clearTimer(request.timer)
      request.done(undefined, error)
    }
  }
}
