import { createHmac } from 'node:crypto'
import type { Clock } from '#base/clock.ts'
import { BoundedMap } from './bounded-map.ts'

const RIGHT_MAX = 10_000
const WRONG_MAX = 10_000
const RIGHT_FOR_MS = 3_600_000
const WRONG_FOR_MS = 60_000

/**
 * What was found about logins a short while ago, so that thousands that come back at once need no slow hash each. Only
 * in memory, and no password is in it: a login is known by a MAC under a key that is drawn at the start and never leaves
 * the process. The stored hash is part of what the MAC is over, so that a changed user has no entry.
 */
export class LoginCache {
  readonly #clock: Clock
  readonly #key: Uint8Array
  /** By MAC, until when it holds. What is wrong has a table of its own: guessing displaces nobody who is right. */
  readonly #right = new BoundedMap<string, number>(RIGHT_MAX)
  readonly #wrong = new BoundedMap<string, number>(WRONG_MAX)
  hits = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#key = clock.randomBytes(32)
  }

  /** The name under which a login is kept. */
  keyOf(username: string, hash: string, password: Uint8Array): string {
    const name = Buffer.from(username)
    const head = Buffer.from(`${name.length} ${hash.length} ${hash} `)
    return createHmac('sha256', this.#key).update(head).update(name).update(password).digest().toString('latin1')
  }

  /** Undefined: it must be computed. */
  find(key: string): boolean | undefined {
    const now = this.#clock.monotonic()
    const right = (this.#right.get(key) ?? 0) > now
    if (!right && !((this.#wrong.get(key) ?? 0) > now)) return undefined
    this.hits++
    return right
  }

  keep(key: string, right: boolean): void {
    const now = this.#clock.monotonic()
    if (right) this.#right.set(key, now + RIGHT_FOR_MS)
    else this.#wrong.set(key, now + WRONG_FOR_MS)
  }
}
