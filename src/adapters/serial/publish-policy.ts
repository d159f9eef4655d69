import type { Clock } from '#base/clock.ts'
import type { SerialDeviceConfig } from './config.ts'
import type { PointConfig } from './config-keys.ts'
import type { Reading } from './points.ts'

interface Rule {
  onChange: boolean
  deadBand: number
  heartbeatMs: number
}

interface Published {
  text: string
  value: Reading['value']
  good: boolean
  error: string | undefined
  at: number
}

/** Which readings are published: all, or those that have changed. That a value went bad is said once, and again by heartbeat. */
export class PublishPolicy {
  readonly #clock: Clock
  readonly #usual: Rule
  readonly #rules = new Map<string, Rule>()
  readonly #last = new Map<string, Published>()
  /** Nothing is remembered of points for which nothing needs to be. */
  readonly #remembers: boolean

  /** @param polls whether bad readings come by themselves, at each turn */
  constructor(config: SerialDeviceConfig, polls: boolean, clock: Clock) {
    this.#clock = clock
    this.#usual = { onChange: config.publish === 'change', deadBand: config.dead_band, heartbeatMs: config.heartbeat }
    this.#add('', config.points)
    for (const [unit, { points }] of Object.entries(config.units)) this.#add(`${unit}/`, points)
    this.#remembers = polls || this.#usual.onChange || [...this.#rules.values()].some(rule => rule.onChange)
  }

  /** Whether the reading is to be published, and whether its quality is another than before. */
  judge(reading: Reading): { publish: boolean; qualityChanged: boolean } {
    if (!this.#remembers) return { publish: true, qualityChanged: false }
    const { point, text, value, good, error } = reading
    const last = this.#last.get(point)
    const now = this.#clock.monotonic()
    const qualityChanged = last === undefined || last.good !== good || last.error !== error
    const publish = qualityChanged || this.#isNews(reading, last, now)
    if (publish) this.#last.set(point, { text, value, good, error, at: now })
    return { publish, qualityChanged }
  }

  #isNews({ point, text, value, good }: Reading, last: Published, now: number): boolean {
    const rule = this.#rules.get(point) ?? this.#usual
    if (rule.heartbeatMs > 0 && now - last.at >= rule.heartbeatMs) return true
    if (!good) return false
    if (!rule.onChange) return true
    if (typeof value === 'number' && typeof last.value === 'number') return Math.abs(value - last.value) > rule.deadBand
    return text !== last.text || value !== last.value
  }

  #add(prefix: string, points: Readonly<Record<string, PointConfig>>): void {
    for (const [name, point] of Object.entries(points)) {
      const { publish, dead_band, heartbeat } = point
      if (publish === undefined && dead_band === undefined && heartbeat === undefined) continue
      this.#rules.set(prefix + name, {
        onChange: publish === undefined ? this.#usual.onChange : publish === 'change',
        deadBand: dead_band ?? this.#usual.deadBand,
        heartbeatMs: heartbeat ?? this.#usual.heartbeatMs,
      })
    }
  }
}
