import type { Clock } from '#base/clock.ts'
import type { Profile } from '../profile/schema.ts'

type Ranges = Profile['simulate']['values']

/** Slowest and fastest swing of a simulated value, ms for one period. */
const PERIOD_MIN_MS = 20_000
const PERIOD_MAX_MS = 120_000
/** Time in which a counter goes from its lowest to its highest value. */
const RISE_MS = 24 * 3_600_000

/** Values that move as those of a device do: each between its bounds, at a pace of its own; counters only rise. */
export class MovingValues {
  readonly #ranges: Ranges
  readonly #clock: Clock
  readonly #began: number

  constructor(ranges: Ranges, clock: Clock) {
    this.#ranges = ranges
    this.#clock = clock
    this.#began = clock.monotonic()
  }

  get names(): string[] {
    return Object.keys(this.#ranges)
  }

  /** The value of a point at this moment, or undefined if it does not move. */
  at(name: string): number | undefined {
    const range = this.#ranges[name]
    if (range === undefined) return undefined
    const elapsed = this.#clock.monotonic() - this.#began
    const share = shareOf(name)
    if (range.rises) return range.min + (range.max - range.min) * Math.min(1, elapsed / RISE_MS + share / 4)
    const period = PERIOD_MIN_MS + (PERIOD_MAX_MS - PERIOD_MIN_MS) * share
    return range.min + ((range.max - range.min) * (1 + Math.sin(2 * Math.PI * (elapsed / period + share)))) / 2
  }
}

/** A number in [0, 1) that a name always has, so that values do not move together. */
function shareOf(name: string): number {
  let hash = 2166136261
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619)
  return (hash >>> 0) / 2 ** 32
}

/**
 * A text with values in its places: `${point}`, `${point:7.2}` with width and decimals, `${point:07.2}` with zeros in front.
 * Places of points that do not move stay as they are.
 */
export function fillPlaces(text: string, values: Pick<MovingValues, 'at'>): string {
  return text.replace(
    /\$\{([^}:]+)(?::(0?)(\d*)(?:\.(\d+))?)?\}/g,
    (whole, name: string, zero: string, width: string, decimals: string) => {
      const value = values.at(name)
      if (value === undefined) return whole
      const shown =
        decimals === undefined && width === undefined ? String(Math.round(value * 100) / 100) : value.toFixed(Number(decimals ?? 0))
      return shown.padStart(Number(width || 0), zero === '0' ? '0' : ' ')
    },
  )
}
