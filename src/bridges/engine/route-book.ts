import type { Records } from '#broker/ports.ts'
import { readTemplate, type TopicTemplate } from './template.ts'

/** An out route as it is remembered: what an entry in the spool was queued for. */
export interface NumberedRoute {
  /** The subscription identifier of its entries; never used again for another route. */
  number: number
  from: string
  to: string
  envelope: 'none' | 'json'
  template: TopicTemplate
}

interface WrittenRoute {
  from: string
  to: string
  envelope: 'none' | 'json'
}

const PREFIX = 'route/'
/** Routes of earlier configurations that are remembered at most; the oldest go first. */
const RETIRED_MAX = 1000

/**
 * The out routes of a bridge under stable numbers, kept in its records: entries that wait in the spool since an
 * earlier configuration still go out by the route that they were queued for.
 */
export class RouteBook {
  readonly #records: Records
  readonly #routes = new Map<number, NumberedRoute>()
  #current: NumberedRoute[] = []
  #last = 0

  constructor(records: Records) {
    this.#records = records
    const stored: NumberedRoute[] = []
    for (const [key, value] of records.entries()) {
      const route = key.startsWith(PREFIX) ? parseRoute(Number(key.slice(PREFIX.length)), value) : undefined
      if (route !== undefined) stored.push(route)
    }
    stored.sort((a, b) => a.number - b.number)
    for (const route of stored) this.#routes.set(route.number, route)
    this.#last = stored.at(-1)?.number ?? 0
  }

  /** The routes of the configuration that holds. */
  get current(): readonly NumberedRoute[] {
    return this.#current
  }

  /** Takes over a configuration: routes that it shares with an earlier one keep their numbers. */
  update(routes: readonly WrittenRoute[]): void {
    const known = [...this.#routes.values()].reverse()
    this.#current = routes.map(written => {
      const same = known.find(({ from, to, envelope }) => from === written.from && to === written.to && envelope === written.envelope)
      return same ?? this.#add(written)
    })
    const retired = [...this.#routes.keys()].filter(number => !this.#isCurrent(number))
    for (const number of retired.slice(0, Math.max(0, retired.length - RETIRED_MAX))) this.#forget(number)
  }

  /** The route of an entry: by its number, or else (its route was lost) the first of now that its topic fits. */
  find(identifiers: readonly number[] | undefined, topic: string): NumberedRoute | undefined {
    const numbered = identifiers === undefined ? undefined : this.#routes.get(identifiers[0])
    return numbered ?? this.#current.find(route => route.template.filter.match(topic) !== undefined)
  }

  /** The spool is empty: what was replaced is no longer needed. */
  forgetRetired(): void {
    if (this.#routes.size === this.#current.length) return
    for (const number of [...this.#routes.keys()]) if (!this.#isCurrent(number)) this.#forget(number)
  }

  #isCurrent(number: number): boolean {
    return this.#current.some(route => route.number === number)
  }

  #add({ from, to, envelope }: WrittenRoute): NumberedRoute {
    const number = ++this.#last
    const value = Buffer.from(JSON.stringify({ from, to, envelope }))
    const route = parseRoute(number, value)
    if (route === undefined) throw new Error(`a route that was not checked: ${from} -> ${to}`)
    this.#routes.set(number, route)
    this.#records.put(PREFIX + number, value)
    return route
  }

  #forget(number: number): void {
    this.#routes.delete(number)
    this.#records.delete(PREFIX + number)
  }
}

/** A route from its record; undefined if the record does not make sense. */
function parseRoute(number: number, value: Uint8Array): NumberedRoute | undefined {
  let written: Partial<WrittenRoute> | null
  try {
    written = JSON.parse(Buffer.from(value).toString()) as Partial<WrittenRoute> | null
  } catch {
    return undefined
  }
  const { from, to, envelope } = written ?? {}
  if (!Number.isSafeInteger(number) || typeof from !== 'string' || typeof to !== 'string') return undefined
  const reading = readTemplate(to, from)
  return reading.ok ? { number, from, to, envelope: envelope === 'json' ? 'json' : 'none', template: reading.template } : undefined
}
