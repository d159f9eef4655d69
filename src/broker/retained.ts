/**
 * Retained messages: in memory as a tree of topic levels, each message packed; the store is their log. A level that
 * has only a message, or only one level below it, costs no map.
 */
import type { Message } from './message.ts'
import { type KeptMessage, keptSize, pack, unpack } from './packed-message.ts'
import { hasWildcard } from './topic.ts'

/** What stands under a name: a message alone, or a level with levels below it. */
type Node = KeptMessage | Level

class Level {
  kept: KeptMessage | undefined
  /** The one level below, or all of them. */
  name: string | undefined
  only: Node | undefined
  children: Map<string, Node> | undefined

  get(name: string): Node | undefined {
    return this.children === undefined ? (name === this.name ? this.only : undefined) : this.children.get(name)
  }

  set(name: string, node: Node): void {
    if (this.children !== undefined) {
      if (this.children.has(name)) this.children.set(name, node)
      else this.children.set(own(name), node)
    } else if (this.name === name) this.only = node
    else if (this.name === undefined) {
      this.name = own(name)
      this.only = node
    } else {
      this.children = new Map([
        [this.name, this.only!],
        [own(name), node],
      ])
      this.name = this.only = undefined
    }
  }

  delete(name: string): void {
    if (this.children === undefined) this.name = this.only = undefined
    else if (this.children.delete(name) && this.children.size === 0) this.children = undefined
  }

  get empty(): boolean {
    return this.name === undefined && this.children === undefined
  }
}

/** A name of its own: one that was cut from a long topic would keep the whole topic in memory. */
function own(name: string): string {
  return name.length < 13 ? name : Buffer.from(name).toString()
}

/** A topic with its message as kept. */
export type KeptTopic = readonly [topic: string, kept: KeptMessage]

export class RetainedMessages {
  readonly #root = new Level()
  count = 0
  /** As limits count them, see {@link Message.size}. */
  bytes = 0

  get(topic: string): Message | undefined {
    const kept = this.#find(topic)
    return kept === undefined ? undefined : unpack(topic, kept)
  }

  /** What the message of a topic counts against limits; 0: there is none. */
  sizeAt(topic: string): number {
    const kept = this.#find(topic)
    return kept === undefined ? 0 : keptSize(topic, kept)
  }

  /** Keeps a message as its topic's, in the place of the one before. */
  set(message: Message): void {
    const { topic } = message
    const names = topic.split('/')
    const last = names.length - 1
    let at = this.#root
    for (let depth = 0; depth < last; depth++) {
      let next = at.get(names[depth])
      if (!(next instanceof Level)) {
        const level = new Level()
        level.kept = next
        at.set(names[depth], level)
        next = level
      }
      at = next
    }
    const node = at.get(names[last])
    const before = node instanceof Level ? node.kept : node
    this.bytes += message.size - (before === undefined ? 0 : keptSize(topic, before))
    if (before === undefined) this.count++
    const kept = pack(message)
    if (node instanceof Level) node.kept = kept
    else at.set(names[last], kept)
  }

  /** False: there was none. */
  delete(topic: string): boolean {
    const names = topic.split('/')
    const path: Level[] = [this.#root]
    for (const name of names.slice(0, -1)) {
      const next = path[path.length - 1].get(name)
      if (!(next instanceof Level)) return false
      path.push(next)
    }
    const at = path[path.length - 1]
    const name = names[names.length - 1]
    const node = at.get(name)
    const before = node instanceof Level ? node.kept : node
    if (before === undefined) return false
    this.bytes -= keptSize(topic, before)
    this.count--
    if (node instanceof Level) node.kept = undefined
    else at.delete(name)
    for (let depth = path.length - 1; depth > 0 && path[depth].empty; depth--) {
      const { kept } = path[depth]
      if (kept === undefined) path[depth - 1].delete(names[depth - 1])
      else {
        path[depth - 1].set(names[depth - 1], kept)
        break
      }
    }
    return true
  }

  /** The messages whose topics match a filter, at most `max`. */
  matching(filter: string, max = Number.POSITIVE_INFINITY): Message[] {
    const found: Message[] = []
    if (max <= 0) return found
    for (const [topic, kept] of this.read(filter)) {
      found.push(unpack(topic, kept))
      if (found.length >= max) break
    }
    return found
  }

  /** Goes through what matches a filter, one by one; meanwhile messages may come and go. */
  *read(filter: string): Generator<KeptTopic> {
    if (hasWildcard(filter)) yield* walk(this.#root, '', filter.split('/'), 0)
    else {
      const kept = this.#find(filter)
      if (kept !== undefined) yield [filter, kept]
    }
  }

  /** Goes through all. */
  *all(): Generator<KeptTopic> {
    yield* everything(this.#root, '', true, false)
  }

  #find(topic: string): KeptMessage | undefined {
    let node: Node = this.#root
    for (const name of topic.split('/')) {
      const next: Node | undefined = node instanceof Level ? node.get(name) : undefined
      if (next === undefined) return undefined
      node = next
    }
    return node instanceof Level ? node.kept : node
  }
}

function* below(level: Level): Generator<[string, Node]> {
  if (level.children !== undefined) yield* level.children
  else if (level.name !== undefined) yield [level.name, level.only!]
}

function* walk(at: Node, topic: string, filter: readonly string[], depth: number): Generator<KeptTopic> {
  const name = filter[depth]
  if (name === '#') return yield* everything(at, topic, depth === 0, depth === 0)
  if (name === undefined) {
    const kept = at instanceof Level ? at.kept : at
    if (kept !== undefined) yield [topic, kept]
    return
  }
  if (!(at instanceof Level)) return
  if (name !== '+') {
    const child = at.get(name)
    if (child !== undefined) yield* walk(child, depth === 0 ? name : `${topic}/${name}`, filter, depth + 1)
    return
  }
  for (const [childName, child] of below(at)) {
    if (depth === 0 && childName.startsWith('$')) continue // [MQTT-4.7.2-1]
    yield* walk(child, depth === 0 ? childName : `${topic}/${childName}`, filter, depth + 1)
  }
}

/** `visible`: names at the root that begin with `$` are left out [MQTT-4.7.2-1]. */
function* everything(at: Node, topic: string, root: boolean, visible: boolean): Generator<KeptTopic> {
  if (!(at instanceof Level)) return yield [topic, at]
  if (at.kept !== undefined) yield [topic, at.kept]
  for (const [name, child] of below(at)) {
    if (visible && name.startsWith('$')) continue
    yield* everything(child, root ? name : `${topic}/${name}`, false, false)
  }
}
