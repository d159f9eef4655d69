/**
 * Durations counted in buckets that grow with the value: 32 to every power of two, so a quantile is off by 3 % at most.
 * The smallest step is 10 ns; what is longer than 42 s counts as 42 s.
 */
const TICKS_PER_MS = 100_000
const TICKS_MAX = 0xffff_ffff
const STEPS = 32

export class Histogram {
  count = 0
  readonly #buckets = new Float64Array(28 * STEPS)

  /** Counts one duration; a negative one is counted as none. */
  add(durationMs: number): void {
    const ticks = durationMs * TICKS_PER_MS
    this.#buckets[bucketOf(ticks < TICKS_MAX ? (ticks > 0 ? ticks >>> 0 : 0) : TICKS_MAX)]!++
    this.count++
  }

  /** The duration in microseconds that the given share (0 to 1) of all stays below; `undefined` when nothing was counted. */
  quantileUs(share: number): number | undefined {
    if (this.count === 0) return undefined
    const wanted = Math.min(Math.floor(share * this.count), this.count - 1)
    let seen = 0
    let bucket = -1
    while (seen <= wanted) seen += this.#buckets[++bucket]!
    return lowestTick(bucket) / (TICKS_PER_MS / 1000)
  }

  reset(): void {
    this.#buckets.fill(0)
    this.count = 0
  }
}

/** Values below 64 have a bucket each; above, the highest six bits choose it. */
function bucketOf(ticks: number): number {
  const shift = Math.max(26 - Math.clz32(ticks), 0)
  return shift * STEPS + (ticks >>> shift)
}

function lowestTick(bucket: number): number {
  if (bucket < 2 * STEPS) return bucket
  const shift = Math.floor(bucket / STEPS) - 1
  return (bucket - shift * STEPS) * 2 ** shift
}
