/** Subscriptions by filter: exact filters in a map, filters with wildcards in a tree of levels. */
import type { Qos } from './message.ts'
import type { Session } from './session.ts'
import { hasWildcard } from './topic.ts'

export interface Subscription {
  readonly session: Session
  readonly filter: string
  readonly qos: Qos
  readonly qosAtLeast: Qos
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  readonly identifier: number | undefined
}

type Subscribers = Map<Session, Subscription>

class Level {
  children: Map<string, Level> | undefined
  /** Subscriptions whose filter ends here, and those that end here with `/#`. */
  here: Subscribers | undefined
  below: Subscribers | undefined

  get empty(): boolean {
    return this.children === undefined && this.here === undefined && this.below === undefined
  }
}

export class TopicTree {
  #exact = new Map<string, Subscribers>()
  #root = new Level()
  #count = 0
  /** Changes with every change of the subscriptions; what was looked up under another epoch is stale. */
  epoch = 1

  get count(): number {
    return this.#count
  }

  /** Adds a subscription, replacing that session's of the same filter. Returns the one it replaced. */
  add(subscription: Subscription): Subscription | undefined {
    const { filter, session } = subscription
    this.epoch++
    const subscribers = hasWildcard(filter) ? this.#place(filter) : mapOf(this.#exact, filter)
    const before = subscribers.get(session)
    subscribers.set(session, subscription)
    if (before === undefined) this.#count++
    return before
  }

  /** Takes a session's subscription out; false: it had none. */
  remove(session: Session, filter: string): boolean {
    const removed = hasWildcard(filter) ? this.#removeWildcard(session, filter) : this.#removeExact(session, filter)
    if (!removed) return false
    this.#count--
    this.epoch++
    return true
  }

  /** All subscriptions that a topic name matches, each session's together or not, in no particular order. */
  match(topic: string): Subscription[] {
    const found: Subscription[] = []
    const exact = this.#exact.get(topic)
    if (exact !== undefined) found.push(...exact.values())
    if (!this.#root.empty) this.#walk(this.#root, topic.split('/'), 0, topic.startsWith('$'), found)
    return found
  }

  *all(): IterableIterator<Subscription> {
    for (const subscribers of this.#exact.values()) yield* subscribers.values()
    yield* everyBelow(this.#root)
  }

  #place(filter: string): Subscribers {
    let at = this.#root
    for (const level of filter.split('/')) {
      if (level === '#') return (at.below ??= new Map())
      at.children ??= new Map()
      let child = at.children.get(level)
      if (child === undefined) at.children.set(level, (child = new Level()))
      at = child
    }
    return (at.here ??= new Map())
  }

  #removeExact(session: Session, filter: string): boolean {
    const subscribers = this.#exact.get(filter)
    if (!subscribers?.delete(session)) return false
    if (subscribers.size === 0) this.#exact.delete(filter)
    return true
  }

  #removeWildcard(session: Session, filter: string): boolean {
    const levels = filter.split('/')
    const path: Level[] = [this.#root]
    const last = levels.at(-1) === '#'
    const names = last ? levels.slice(0, -1) : levels
    for (const name of names) {
      const child = path.at(-1)?.children?.get(name)
      if (child === undefined) return false
      path.push(child)
    }
    const at = path.at(-1)!
    const subscribers = last ? at.below : at.here
    if (!subscribers?.delete(session)) return false
    if (subscribers.size === 0) {
      if (last) at.below = undefined
      else at.here = undefined
    }
    prune(path, names)
    return true
  }

  #walk(at: Level, levels: readonly string[], depth: number, system: boolean, found: Subscription[]): void {
    // A leading wildcard does not match a name that begins with $ [MQTT-4.7.2-1].
    const wild = depth > 0 || !system
    if (wild && at.below !== undefined) found.push(...at.below.values())
    if (depth === levels.length) {
      if (at.here !== undefined) found.push(...at.here.values())
      return
    }
    if (at.children === undefined) return
    const named = at.children.get(levels[depth])
    if (named !== undefined) this.#walk(named, levels, depth + 1, system, found)
    const plus = wild ? at.children.get('+') : undefined
    if (plus !== undefined) this.#walk(plus, levels, depth + 1, system, found)
  }
}

function mapOf(table: Map<string, Subscribers>, key: string): Subscribers {
  let subscribers = table.get(key)
  if (subscribers === undefined) table.set(key, (subscribers = new Map()))
  return subscribers
}

function prune(path: Level[], names: readonly string[]): void {
  for (let depth = path.length - 1; depth > 0 && path[depth].empty; depth--) {
    const parent = path[depth - 1]
    parent.children?.delete(names[depth - 1])
    if (parent.children?.size === 0) parent.children = undefined
  }
}

function* everyBelow(level: Level): IterableIterator<Subscription> {
  if (level.here !== undefined) yield* level.here.values()
  if (level.below !== undefined) yield* level.below.values()
  for (const child of level.children?.values() ?? []) yield* everyBelow(child)
}
