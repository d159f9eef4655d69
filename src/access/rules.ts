/**
 * The rules of `[[access.rules]]`, compiled. The first that applies decides. A rule that allows a subscription must cover
 * its filter; one that denies refuses the filters that it matches as text, and keeps its topics from wider ones.
 */
import type { Identity, Qos } from '#broker/ports.ts'
import { covers, coversText, overlaps } from './filter-relation.ts'
import { isWithin, type NetworkRange, type NetworkSettings, rangeOf } from './network.ts'
import { textPattern } from './text-pattern.ts'

export interface RuleSettings {
  readonly permit: 'allow' | 'deny'
  /** All of these must apply; an empty one is everybody. */
  readonly who: {
    readonly username?: string
    readonly client_id?: string
    readonly address?: NetworkSettings
    readonly certificate_cn?: string
    readonly protocol?: string
  }
  readonly action: 'publish' | 'subscribe' | 'all'
  /** Absent: every topic, those that begin with `$` too. */
  readonly topics?: readonly string[]
  /** Absent: any. */
  readonly qos?: readonly number[]
  /** Only publishes with RETAIN, or only those without. */
  readonly retain?: boolean
}

/** What a rule compares with: a filter's levels, or with `eq:` the very text. */
type Pattern = readonly string[] | string

interface Rule extends RuleSettings {
  readonly order: number
  readonly range: NetworkRange | undefined
  readonly matchesUser: (text: string) => boolean
  readonly matchesClient: (text: string) => boolean
  readonly matchesCertificate: (text: string) => boolean
}

/** A rule as it stands for one identity. */
interface OwnRule {
  readonly allow: boolean
  readonly publish: boolean
  readonly subscribe: boolean
  readonly patterns: readonly Pattern[] | undefined
  readonly qos: readonly number[] | undefined
  readonly retain: boolean | undefined
}

/** What one identity may do. */
export interface Rights {
  /** Nothing is forbidden. */
  readonly unrestricted: boolean
  mayPublish(topic: string, qos: Qos, retain: boolean): boolean
  /** `whole`: only if all that the filter matches may be received. Else what may not is asked about topic by topic. */
  maySubscribe(filter: string, qos: Qos, whole?: boolean): boolean
  /** Whether a subscription that is allowed brings this topic. */
  mayReceive(topic: string, filter: string, qos: Qos): boolean
}

export class RuleSet {
  readonly noMatch: 'allow' | 'deny'
  /** Rules that name exactly one client or user are found by it; thousands of devices may have one each. */
  readonly #byClient = new Map<string, Rule[]>()
  readonly #byUser = new Map<string, Rule[]>()
  readonly #general: Rule[] = []

  constructor(rules: readonly RuleSettings[], noMatch: 'allow' | 'deny' | undefined) {
    this.noMatch = noMatch ?? (rules.length > 0 ? 'deny' : 'allow')
    for (const [order, settings] of rules.entries()) this.#place(compile(settings, order))
  }

  /** The rules that concern an identity, with its names in the place of `${client_id}` and `${username}`. */
  rightsOf(identity: Identity): Rights {
    const { clientId } = identity
    const username = provedName(identity)
    const candidates = [...(this.#byClient.get(clientId) ?? []), ...((username !== undefined && this.#byUser.get(username)) || [])]
    const all = candidates.length === 0 ? this.#general : [...candidates, ...this.#general].sort((a, b) => a.order - b.order)
    const own: OwnRule[] = []
    for (const rule of all) {
      if (!isMeant(rule, identity, username)) continue
      const mine = ownRule(rule, clientId, username)
      if (mine === undefined) continue
      own.push(mine)
      if (isTotal(mine)) break
    }
    return new OwnRights(own, this.noMatch === 'allow')
  }

  #place(rule: Rule): void {
    const { client_id: client, username } = rule.who
    if (client !== undefined && !client.includes('*')) add(this.#byClient, client, rule)
    else if (username !== undefined && !username.includes('*')) add(this.#byUser, username, rule)
    else this.#general.push(rule)
  }
}

/** A name that something has proved: rules believe no claims. */
function provedName({ anonymous, username }: Identity): string | undefined {
  return anonymous ? undefined : username
}

class OwnRights implements Rights {
  readonly #rules: readonly OwnRule[]
  readonly #otherwise: boolean
  /** Some rule denies subscriptions: what an allowed one matches need not be allowed. */
  readonly #withholds: boolean
  readonly unrestricted: boolean

  constructor(rules: readonly OwnRule[], otherwise: boolean) {
    this.#rules = rules
    this.#otherwise = otherwise
    this.#withholds = rules.some(rule => rule.subscribe && !rule.allow)
    const last = rules.at(-1)
    const ends = last === undefined || !isTotal(last) ? otherwise : true
    this.unrestricted = ends && rules.every(rule => rule.allow)
  }

  mayPublish(topic: string, qos: Qos, retain: boolean): boolean {
    const levels = topic.split('/')
    for (const rule of this.#rules) {
      if (!rule.publish || !isOf(rule.qos, qos) || (rule.retain !== undefined && rule.retain !== retain)) continue
      if (rule.patterns === undefined || rule.patterns.some(pattern => coversOrIs(pattern, levels, topic))) return rule.allow
    }
    return this.#otherwise
  }

  maySubscribe(filter: string, qos: Qos, whole = false): boolean {
    const levels = filter.split('/')
    const denies = whole ? overlapsOrIs : coversTextOrIs
    for (const rule of this.#rules) {
      if (!rule.subscribe || !isOf(rule.qos, qos)) continue
      const relates = rule.allow ? coversOrIs : denies
      if (rule.patterns === undefined || rule.patterns.some(pattern => relates(pattern, levels, filter))) return rule.allow
    }
    return this.#otherwise
  }

  mayReceive(topic: string, filter: string, qos: Qos): boolean {
    if (!this.#withholds) return true
    const levels = topic.split('/')
    const filterLevels = filter.split('/')
    for (const { allow, subscribe, patterns, qos: of } of this.#rules) {
      if (!subscribe || !isOf(of, qos)) continue
      if (patterns === undefined || patterns.some(pattern => coversOrIs(pattern, levels, topic))) return allow
      // The rule that lets the subscription in decides for all that those before it do not name.
      if (allow && patterns.some(pattern => coversOrIs(pattern, filterLevels, filter))) return true
    }
    return this.#otherwise
  }
}

function coversOrIs(pattern: Pattern, levels: readonly string[], text: string): boolean {
  return typeof pattern === 'string' ? pattern === text : covers(pattern, levels)
}

function coversTextOrIs(pattern: Pattern, levels: readonly string[], text: string): boolean {
  return typeof pattern === 'string' ? pattern === text : coversText(pattern, levels)
}

function overlapsOrIs(pattern: Pattern, levels: readonly string[], text: string): boolean {
  return typeof pattern === 'string' ? pattern === text : overlaps(pattern, levels)
}

function isOf(wanted: readonly number[] | undefined, qos: Qos): boolean {
  return wanted === undefined || wanted.includes(qos)
}

/** Applies to whatever its identity does, so that no rule behind it counts. */
function isTotal({ publish, subscribe, patterns, qos, retain }: OwnRule): boolean {
  return publish && subscribe && patterns === undefined && qos === undefined && retain === undefined
}

function compile(settings: RuleSettings, order: number): Rule {
  const { username, client_id: client, certificate_cn: certificate, address } = settings.who
  return {
    ...settings,
    order,
    range: address === undefined ? undefined : rangeOf(address),
    matchesUser: textPattern(username),
    matchesClient: textPattern(client),
    matchesCertificate: textPattern(certificate),
  }
}

function isMeant(rule: Rule, identity: Identity, username: string | undefined): boolean {
  const { who, range } = rule
  if (who.username !== undefined && (username === undefined || !rule.matchesUser(username))) return false
  if (who.client_id !== undefined && !rule.matchesClient(identity.clientId)) return false
  if (who.protocol !== undefined && who.protocol !== identity.protocol) return false
  if (range !== undefined && !isWithin(identity.address, range)) return false
  const { certificateCn } = identity
  return who.certificate_cn === undefined || (certificateCn !== undefined && rule.matchesCertificate(certificateCn))
}

/** Undefined when none of its topics can stand for this identity. */
function ownRule(rule: Rule, clientId: string, username: string | undefined): OwnRule | undefined {
  const patterns = rule.topics?.map(topic => ownPattern(topic, clientId, username)).filter(pattern => pattern !== undefined)
  if (patterns?.length === 0) return undefined
  return {
    allow: rule.permit === 'allow',
    publish: rule.action !== 'subscribe',
    // Nobody subscribes with RETAIN.
    subscribe: rule.action !== 'publish' && rule.retain === undefined,
    patterns,
    qos: rule.qos,
    retain: rule.retain,
  }
}

/** The pattern with the identity's names in it; undefined when a name is missing, or is one that would widen it. */
function ownPattern(topic: string, clientId: string, username: string | undefined): Pattern | undefined {
  let fits = true
  const filled = topic.replace(/\$\{(client_id|username)\}/g, (_, name: string) => {
    const value = name === 'client_id' ? clientId : username
    if (value === undefined || value === '' || /[+#/]/.test(value)) fits = false
    return value ?? ''
  })
  if (!fits) return undefined
  if (!filled.startsWith('eq:')) return filled.split('/')
  const text = filled.slice(3)
  // Without wildcards it is a topic, which wider filters match too.
  return /[+#]/.test(text) ? text : text.split('/')
}

function add(table: Map<string, Rule[]>, key: string, rule: Rule): void {
  const rules = table.get(key)
  if (rules === undefined) table.set(key, [rule])
  else rules.push(rule)
}
