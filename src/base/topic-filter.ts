/** Topic filters as routes and rules use them: what did each wildcard match? And a name as one level of a topic. */

/** What the wildcards of a filter matched in a topic. */
export interface Match {
  /** One level for each `+`. */
  levels: readonly string[]
  /** What `#` matched; undefined when the filter has none, or when it matched the parent level itself (`a/#` and `a`). */
  rest: string | undefined
}

/** A filter that is compared with many topics. */
export class RouteFilter {
  readonly text: string
  readonly #levels: readonly string[]

  /** `text`: a valid filter; of a shared subscription only the part behind the group counts. */
  constructor(text: string) {
    this.text = text
    this.#levels = plainFilter(text).split('/')
  }

  /** How many `+` it has, and whether it ends in `#`. */
  get wildcards(): { plus: number; hash: boolean } {
    return { plus: this.#levels.filter(level => level === '+').length, hash: this.#levels.at(-1) === '#' }
  }

  /** What the wildcards matched, or undefined if the topic does not match [MQTT-4.7.1, MQTT-4.7.2-1]. */
  match(topic: string): Match | undefined {
    const filter = this.#levels
    const levels = topic.split('/')
    if (topic.startsWith('$') && (filter[0] === '+' || filter[0] === '#')) return undefined
    const matched: string[] = []
    for (let i = 0; i < filter.length; i++) {
      if (filter[i] === '#') return { levels: matched, rest: i < levels.length ? levels.slice(i).join('/') : undefined }
      if (i >= levels.length) return undefined
      if (filter[i] === '+') matched.push(levels[i])
      else if (filter[i] !== levels[i]) return undefined
    }
    return filter.length === levels.length ? { levels: matched, rest: undefined } : undefined
  }
}

/** The filter without `$share/group/`. */
export function plainFilter(filter: string): string {
  return /^\$share\/[^/]*\/(.*)$/s.exec(filter)?.[1] ?? filter
}

/** Whether some topic matches both filters. */
export function filtersOverlap(one: string, other: string): boolean {
  const a = plainFilter(one).split('/')
  const b = plainFilter(other).split('/')
  if (a[0].startsWith('$') !== b[0].startsWith('$') && (isWild(a[0]) || isWild(b[0]))) return false
  for (let i = 0; ; i++) {
    if (a[i] === '#' || b[i] === '#') return true
    if (a[i] === undefined || b[i] === undefined) {
      // `x/#` matches `x` as well.
      return a[i] === b[i]
    }
    if (a[i] !== '+' && b[i] !== '+' && a[i] !== b[i]) return false
  }
}

function isWild(level: string): boolean {
  return level === '+' || level === '#'
}

/** A value that fills one level of a topic: what would divide it or make it a wildcard is percent-encoded. */
export function topicLevel(value: string): string {
  return value.replace(/[+#/]/g, each => `%${each.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** The same for the name of a client that must not stand for another's: `a/b` and `a%2Fb` become different levels. */
export function clientLevel(clientId: string): string {
  return topicLevel(clientId.replaceAll('%', '%25'))
}
