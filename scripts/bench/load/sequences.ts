/**
 * Which sequence numbers of many streams have been seen. A stream that comes in order costs one comparison a message; only
 * numbers that were skipped are kept one by one.
 */

/** What a sequence number turned out to be. */
export const IN_ORDER = 0
/** It had been skipped, and came after a later one. */
export const LATE = 1
export const DUPLICATE = 2

export class Sequences {
  readonly #next: Float64Array
  readonly #missing: (Set<number> | undefined)[]

  constructor(streams: number) {
    this.#next = new Float64Array(streams)
    this.#missing = new Array(streams).fill(undefined)
  }

  /** Takes note of a sequence number (from 0). The caller has checked that it was sent, which bounds what can be missing. */
  mark(stream: number, sequence: number): typeof IN_ORDER | typeof LATE | typeof DUPLICATE {
    const next = this.#next[stream]!
    if (sequence === next) {
      this.#next[stream] = next + 1
      return IN_ORDER
    }
    if (sequence < next) return this.#missing[stream]?.delete(sequence) ? LATE : DUPLICATE
    const missing = (this.#missing[stream] ??= new Set())
    for (let skipped = next; skipped < sequence; skipped++) missing.add(skipped)
    this.#next[stream] = sequence + 1
    return IN_ORDER
  }

  has(stream: number, sequence: number): boolean {
    return sequence < this.#next[stream]! && !this.#missing[stream]?.has(sequence)
  }

  /** One more than the highest number seen. */
  next(stream: number): number {
    return this.#next[stream]!
  }
}
