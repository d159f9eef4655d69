import type { Clock } from '#base/clock.ts'
import type { LogFields, Logger } from '#base/logger.ts'

/** The same warning is written at most this often. */
export const QUIET_MS = 10_000
/** Kinds of warnings that are told apart; more share one turn. */
const KINDS_MAX = 64

/** Warnings that a noisy line could cause by the thousand: each kind is written once in a while, with how many there were. */
export class QuietLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #kinds = new Map<string, { writtenAt: number; silent: number }>()

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  warn(kind: string, message: string, fields: LogFields): void {
    const known = this.#kinds.get(kind)
    const now = this.#clock.monotonic()
    if (known !== undefined && now - known.writtenAt < QUIET_MS) {
      known.silent++
      return
    }
    if (known === undefined && this.#kinds.size >= KINDS_MAX) this.#kinds.clear()
    this.#logger.warn(message, known && known.silent > 0 ? { ...fields, alsoBefore: known.silent } : fields)
    this.#kinds.set(kind, { writtenAt: now, silent: 0 })
  }
}
