/** Randomness that a seed repeats: the same numbers for the same seed, on every machine. */
export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let bits = this.#state
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** A whole number from `low` up to and without `high`. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low))
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i++) bytes[i] = this.whole(0, 256)
    return bytes
  }

  one<T>(of: readonly T[]): T {
    return of[this.whole(0, of.length)] as T
  }
}

/** The seed that the environment names, else a new one. */
export function seedOf(name: string): number {
  const given = process.env[name]
  return given === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : Number(given)
}
