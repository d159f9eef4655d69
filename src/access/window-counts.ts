import type { Clock } from '#base/clock.ts'
import { BoundedMap } from './bounded-map.ts'

interface Count {
  count: number
  sinceMs: number
}

/** Counts by name within a time of running time. When the table is full, the name that came longest ago is forgotten. */
export class WindowCounts {
  readonly #clock: Clock
  readonly #counts: BoundedMap<string, Count>

  constructor(clock: Clock, namesMax: number) {
    this.#clock = clock
    this.#counts = new BoundedMap(namesMax)
  }

  /** Counts one more; the count since the window began. */
  add(name: string, windowMs: number): number {
    const now = this.#clock.monotonic()
    const found = this.#counts.get(name)
    if (found !== undefined && now - found.sinceMs < windowMs) return ++found.count
    this.#counts.set(name, { count: 1, sinceMs: now })
    return 1
  }

  forget(name: string): void {
    this.#counts.delete(name)
  }
}
