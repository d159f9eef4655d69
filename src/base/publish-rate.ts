import type { Clock } from './clock.ts'

/** How fast one client may publish; 0 is no limit. */
export interface RateLimits {
  readonly messagesPerSecond: number
  /** Messages at once before that holds; 0: those of one second. */
  readonly burst: number
  readonly bytesPerSecond: number
}

/** A wait fills at least this much, so that a fast client is not looked at for each message. */
const WAIT_MIN_MS = 20

/** Tokens that come back with time, up to a maximum. */
class Bucket {
  readonly #perMs: number
  readonly #max: number
  #tokens: number
  #atMs: number

  constructor(perSecond: number, max: number, nowMs: number) {
    this.#perMs = perSecond / 1000
    this.#max = max
    this.#tokens = max
    this.#atMs = nowMs
  }

  take(tokens: number): void {
    this.#tokens -= tokens
  }

  /** Whether fewer than `wanted` are left; time is looked at only then. */
  lacks(wanted: number, clock: Clock): boolean {
    if (this.#tokens >= wanted) return false
    const nowMs = clock.monotonic()
    this.#tokens = Math.min(this.#max, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
    return this.#tokens < wanted
  }

  /** Until there are `wanted` and, where they fit, those of a moment more. */
  waitMs(wanted: number): number {
    const aim = Math.max(wanted, Math.min(this.#max, WAIT_MIN_MS * this.#perMs))
    return Math.ceil((aim - this.#tokens) / this.#perMs)
  }
}

/** The allowance of one client. It says when it is spent; what its owner does then is not to read, or to refuse. */
export class PublishRate {
  readonly #clock: Clock
  readonly #messages: Bucket | undefined
  readonly #bytes: Bucket | undefined

  constructor(clock: Clock, { messagesPerSecond, burst, bytesPerSecond }: RateLimits) {
    this.#clock = clock
    const now = clock.monotonic()
    if (messagesPerSecond > 0) this.#messages = new Bucket(messagesPerSecond, Math.max(1, burst || messagesPerSecond), now)
    if (bytesPerSecond > 0) this.#bytes = new Bucket(bytesPerSecond, bytesPerSecond, now)
  }

  /** Nothing more for now. */
  get spent(): boolean {
    return this.#messages?.lacks(1, this.#clock) === true || this.#bytes?.lacks(1, this.#clock) === true
  }

  /** A message was taken. One larger than what is left of the bytes is lent them. */
  took(bytes: number): void {
    this.#messages?.take(1)
    this.#bytes?.take(bytes)
  }

  /** How long to wait once it is spent. */
  get waitMs(): number {
    return Math.max(1, this.#messages?.waitMs(1) ?? 0, this.#bytes?.waitMs(1) ?? 0)
  }
}

/** Whether anything is limited at all. */
export function isLimited(limits: RateLimits | undefined): limits is RateLimits {
  return limits !== undefined && (limits.messagesPerSecond > 0 || limits.bytesPerSecond > 0)
}
