/** TLS 1.2 sessions by their id, for clients that know no session tickets. */

import type { Clock } from '#base/clock.ts'

interface Kept {
  readonly session: Buffer
  readonly untilMs: number
}

export class SessionCache {
  readonly #sessions = new Map<string, Kept>()
  readonly #clock: Clock
  readonly #lifetimeMs: number
  /** When full the oldest goes. */
  readonly #max: number

  constructor(clock: Clock, lifetimeMs: number, max = 2000) {
    this.#clock = clock
    this.#lifetimeMs = lifetimeMs
    this.#max = max
  }

  keep(id: Buffer, session: Buffer): void {
    if (this.#sessions.size >= this.#max) {
      for (const oldest of this.#sessions.keys()) {
        this.#sessions.delete(oldest)
        break
      }
    }
    this.#sessions.set(id.toString('latin1'), { session, untilMs: this.#clock.monotonic() + this.#lifetimeMs })
  }

  find(id: Buffer): Buffer | null {
    const kept = this.#sessions.get(id.toString('latin1'))
    return kept === undefined || kept.untilMs < this.#clock.monotonic() ? null : kept.session
  }

  clear(): void {
    this.#sessions.clear()
  }
}
