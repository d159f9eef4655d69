/** Rewriting of topics and filters: `from` and, if given, `pattern` choose, `to` says what becomes of them. */
import { clientLevel, RouteFilter } from '#base/topic-filter.ts'

export interface RewriteRule {
  /** For what clients publish on, subscribe to, or both. */
  action: 'publish' | 'subscribe' | 'all'
  /** A topic filter; a filter that is subscribed to matches as if its wildcards were names. */
  from: string
  /** What the whole text must match besides; `${1}`… are its groups then. */
  pattern?: Pattern | undefined
  to: string
}

/** A regular expression, and the longest text that it may be run on. */
export interface Pattern {
  expression: RegExp
  lengthMax: number
}

/** Whose topic it is. */
export interface RewriteWho {
  clientId: string
  username: string | undefined
}

interface Captures {
  whole: string
  groups: readonly (string | undefined)[]
  /** Undefined: there is no `#`, or it matched the level above. */
  rest: string | undefined
}

type Part = string | ((captures: Captures, who: RewriteWho) => string | undefined)

interface Compiled {
  rule: RewriteRule
  filter: RouteFilter
  parts: readonly Part[]
}

export class Rewriter {
  readonly #publish: readonly Compiled[]
  readonly #subscribe: readonly Compiled[]
  /** What is published on is rewritten by who it is: it cannot be remembered by topic. */
  readonly dependsOnClient: boolean

  /** `gatewayId` is asked when it is needed. */
  constructor(rules: readonly RewriteRule[], gatewayId: () => string) {
    const compiled = rules.map(rule => ({ rule, filter: new RouteFilter(rule.from), parts: partsOf(rule.to, gatewayId) }))
    this.#publish = compiled.filter(({ rule }) => rule.action !== 'subscribe')
    this.#subscribe = compiled.filter(({ rule }) => rule.action !== 'publish')
    this.dependsOnClient = this.#publish.some(({ rule }) => /\$\{(client|username)\}/.test(rule.to))
  }

  /** Some rule is about publishes. */
  get publishes(): boolean {
    return this.#publish.length > 0
  }

  /** What a topic becomes; the topic itself where no rule applies. May be no valid topic. */
  topic(topic: string, who: RewriteWho): string {
    return rewritten(this.#publish, topic, who)
  }

  /** What a filter becomes; of a shared subscription the part behind the group is rewritten. */
  filter(filter: string, who: RewriteWho): string {
    if (this.#subscribe.length === 0) return filter
    const prefix = /^(\$share\/[^/]+\/|\$queue\/|\$exclusive\/)/.exec(filter)?.[1] ?? ''
    return prefix + rewritten(this.#subscribe, filter.slice(prefix.length), who)
  }
}

function rewritten(rules: readonly Compiled[], text: string, who: RewriteWho): string {
  for (const compiled of rules) {
    const captures = matchOf(compiled, text)
    if (captures === undefined) continue
    let result = ''
    for (const part of compiled.parts) {
      // The slash in front of what # matched goes with it when that is nothing.
      if (part === restOf && captures.rest === undefined && result.endsWith('/')) result = result.slice(0, -1)
      const piece = typeof part === 'string' ? part : part(captures, who)
      // A client without a user name has no topic of that name.
      if (piece === undefined) return text
      result += piece
    }
    return result
  }
  return text
}

function matchOf({ rule: { pattern }, filter }: Compiled, text: string): Captures | undefined {
  const match = filter.match(text)
  if (match === undefined) return undefined
  if (pattern === undefined) return { whole: text, groups: match.levels, rest: match.rest }
  if (text.length > pattern.lengthMax) return undefined
  const found = pattern.expression.exec(text)
  return found === null ? undefined : { whole: text, groups: found.slice(1), rest: match.rest }
}

const restOf: Part = ({ rest }: Captures) => rest ?? ''

/** `to` taken apart; {@link placeholderFault} has looked at it before. */
function partsOf(to: string, gatewayId: () => string): Part[] {
  return to.split(/(\$\{[^}]*\})/).map((text): Part => {
    const name = /^\$\{(.*)\}$/s.exec(text)?.[1]
    if (name === undefined) return text
    if (name === 'topic') return ({ whole }) => whole
    if (name === 'rest') return restOf
    if (name === 'gateway') return gatewayId
    if (name === 'client') return (_, { clientId }) => clientLevel(clientId)
    if (name === 'username') return (_, { username }) => username && clientLevel(username)
    return ({ groups }) => groups[Number(name) - 1] ?? ''
  })
}

/** What is wrong with `to`, in words; undefined: nothing. `groups`: how many captures there are. */
export function placeholderFault(to: string, from: string, groups: number | undefined): string | undefined {
  const wildcards = from.split('/').filter(level => level === '+').length
  const most = groups ?? wildcards
  for (const [, name = ''] of to.matchAll(/\$\{([^}]*)\}/g)) {
    if (['topic', 'gateway', 'client', 'username'].includes(name)) continue
    if (name === 'rest') {
      if (!from.endsWith('#')) return 'has ${rest}, which is what # matched, and "from" has no #'
      continue
    }
    if (!/^[1-9]\d*$/.test(name))
      return `has no meaning for \${${name}}: there are \${topic}, \${rest}, \${1}…, \${client}, \${username}, \${gateway}`
    if (Number(name) > most) {
      const captures = groups === undefined ? `"from" has ${wildcards} +` : `"pattern" has ${groups} groups`
      return `has \${${name}}, and ${captures}`
    }
  }
  return undefined
}
