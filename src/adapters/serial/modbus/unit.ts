import type { Clock } from '#base/clock.ts'
import { functionOf, type ModbusRequest, responseLength } from '#codecs/modbus/index.ts'

/** How much longer than configured a slow unit may be waited for. */
const PATIENCE_MAX = 5
/** Unanswered requests that are remembered per unit; the oldest is forgotten, which ends its protection early. */
const OWED_MAX = 16

export interface UnitOptions {
  name: string | undefined
  unit: number
  timeoutMs: number
  retries: number
  backOffMs: number
  lateMs: number
}

/** A request without answer, and until when the answer may still come. */
interface Owed {
  request: ModbusRequest
  shape: string
  sentAt: number
  until: number
  /** It was asked again and one answer came: of the two to come, one. */
  repeated: boolean
}

/** One unit on the line: whether it answers, how long it takes, and which answers it may still owe. */
export class ModbusUnit {
  readonly name: string | undefined
  readonly unit: number
  /** `unknown` until it has answered once or failed. */
  state: 'unknown' | 'alive' | 'dead' = 'unknown'
  /** Running time at which a dead unit is asked again. */
  retryAt = 0
  readonly #options: UnitOptions
  readonly #clock: Clock
  #owed: Owed[] = []
  #failures = 0
  /** The longest time that an answer has taken, ms; sinks slowly. */
  #latencyMs = 0

  constructor(options: UnitOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.name = options.name
    this.unit = options.unit
  }

  /** How long an answer is waited for: longer than configured once the unit was seen to need it. */
  get timeoutMs(): number {
    const { timeoutMs } = this.#options
    return Math.min(Math.max(timeoutMs, this.#latencyMs * 1.5), timeoutMs * PATIENCE_MAX)
  }

  /** When the unit may be asked this, as running time: `now`, or when a late answer can no longer be mistaken for its answer. */
  freeAt(request: ModbusRequest, now: number): number {
    if (this.#owed.length === 0) return now
    this.#owed = this.#owed.filter(owed => owed.until > now)
    const shape = shapeOf(request)
    // The same may be asked again once: whichever answer comes, it fits. Then the other one is waited for.
    const rivals = this.#owed.filter(owed => owed.shape === shape && (owed.repeated || !isSame(owed.request, request)))
    return rivals.reduce((at, owed) => Math.max(at, owed.until), now)
  }

  /** It has answered, well or with an exception. Returns whether it had been dead or unknown. */
  answered(request: ModbusRequest, tookMs: number): boolean {
    const owed = this.#owed.find(each => !each.repeated && isSame(each.request, request))
    if (owed !== undefined) {
      owed.repeated = true
      owed.until = this.#clock.monotonic() + this.#options.lateMs
    }
    this.#latencyMs = Math.max(tookMs, this.#latencyMs * 0.98)
    this.#failures = 0
    const changed = this.state !== 'alive'
    this.state = 'alive'
    return changed
  }

  /** A whole frame of this unit came that answers nothing that is asked now; `shape` as {@link shapeOf} has it. */
  late(code: number, length: number): void {
    const index = this.#owed.findIndex(owed =>
      code & 0x80 ? owed.shape.startsWith(`${code & 0x7f}/`) : owed.shape === `${code}/${length}`,
    )
    if (index < 0) return
    const [owed] = this.#owed.splice(index, 1)
    this.#latencyMs = Math.max(this.#latencyMs, this.#clock.monotonic() - owed!.sentAt)
  }

  /** It has not answered, or not so that it could be read. Returns whether it is dead now and was not before. */
  failed(request: ModbusRequest, sentAt: number, silent: boolean): boolean {
    const now = this.#clock.monotonic()
    if (silent) {
      this.#owed.push({
        request,
        shape: shapeOf(request),
        sentAt,
        until: sentAt + Math.max(this.#options.lateMs, 3 * this.timeoutMs),
        repeated: false,
      })
      if (this.#owed.length > OWED_MAX) this.#owed.shift()
    }
    this.#failures++
    if (this.state === 'dead') {
      this.retryAt = now + this.#options.backOffMs
      return false
    }
    // One that never answered is asked once more; one that did is trusted longer.
    const allowed = this.state === 'alive' ? this.#options.retries : Math.min(1, this.#options.retries)
    if (!silent || this.#failures <= allowed) return false
    this.state = 'dead'
    this.retryAt = now + this.#options.backOffMs
    return true
  }

  /** The port was away: what it owed is gone, and nobody knows who still answers. */
  forget(): void {
    this.#owed = []
    this.#failures = 0
    this.state = 'unknown'
    this.retryAt = 0
  }
}

/** What answers can be told apart by: function and length. */
function shapeOf(request: ModbusRequest): string {
  return `${functionOf(request)}/${responseLength(request)}`
}

/** Whether the same answer fits both: then it does not matter which of them it is to. Writes repeat their address. */
function isSame(left: ModbusRequest, right: ModbusRequest): boolean {
  if (left.kind !== right.kind || left.address !== right.address) return false
  return !left.kind.startsWith('read') || (left as { count: number }).count === (right as { count: number }).count
}
