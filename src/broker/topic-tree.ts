/** What is placed by topic filter: exact filters in a map, filters with wildcards in a tree of levels. */
import { hasWildcard } from './topic.ts'

type Subscribers<T> = Map<object, T>

class Level<T> {
  children: Map<string, Level<T>> | undefined
  /** What is placed at filters that end here, and at those that end here with `/#`. */
  here: Subscribers<T> | undefined
  below: Subscribers<T> | undefined

  get empty(): boolean {
    return this.children === undefined && this.here === undefined && this.below === undefined
  }
}

export class TopicTree<T> {
  #exact = new Map<string, Subscribers<T>>()
  #root = new Level<T>()
  /** Changes with every change of the subscriptions; what was looked up under another epoch is stale. */
  epoch = 1

  /** Places `what` at a filter, in the place of what that owner has there. Returns the one it replaced. */
  add(owner: object, filter: string, what: T): T | undefined {
    this.epoch++
    const subscribers = hasWildcard(filter) ? this.#place(filter) : mapOf(this.#exact, filter)
    const before = subscribers.get(owner)
    subscribers.set(owner, what)
    return before
  }

  /** Takes out what an owner has at a filter; false: it had nothing. */
  remove(owner: object, filter: string): boolean {
    const removed = hasWildcard(filter) ? this.#removeWildcard(owner, filter) : this.#removeExact(owner, filter)
    if (removed) this.epoch++
    return removed
  }

  /** All that a topic name matches, each owner's together or not, in no particular order. */
  match(topic: string): T[] {
    const found: T[] = []
    const exact = this.#exact.get(topic)
    if (exact !== undefined) found.push(...exact.values())
    if (!this.#root.empty) this.#walk(this.#root, topic.split('/'), 0, topic.startsWith('$'), found)
    return found
  }

  #place(filter: string): Subscribers<T> {
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

  #removeExact(owner: object, filter: string): boolean {
    const subscribers = this.#exact.get(filter)
    if (!subscribers?.delete(owner)) return false
    if (subscribers.size === 0) this.#exact.delete(filter)
    return true
  }

  #removeWildcard(owner: object, filter: string): boolean {
    const levels = filter.split('/')
    const path: Level<T>[] = [this.#root]
    const last = levels.at(-1) === '#'
    const names = last ? levels.slice(0, -1) : levels
    for (const name of names) {
      const child = path.at(-1)?.children?.get(name)
      if (child === undefined) return false
      path.push(child)
    }
    const at = path.at(-1)!
    const subscribers = last ? at.below : at.here
    if (!subscribers?.delete(owner)) return false
    if (subscribers.size === 0) {
      if (last) at.below = undefined
      else at.here = undefined
    }
    prune(path, names)
    return true
  }

  #walk(at: Level<T>, levels: readonly string[], depth: number, system: boolean, found: T[]): void {
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

function mapOf<T>(table: Map<string, Subscribers<T>>, key: string): Subscribers<T> {
  let subscribers = table.get(key)
  if (subscribers === undefined) table.set(key, (subscribers = new Map()))
  return subscribers
}

function prune(path: Level<unknown>[], names: readonly string[]): void {
  for (let depth = path.length - 1; depth > 0 && path[depth].empty; depth--) {
    const parent = path[depth - 1]
    parent.children?.delete(names[depth - 1])
    if (parent.children?.size === 0) parent.children = undefined
  }
}
