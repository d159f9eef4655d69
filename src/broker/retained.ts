/** Retained messages: in memory by topic, with a tree of levels for look-ups by filter; the store is their log. */
import type { Message } from './message.ts'
import { hasWildcard } from './topic.ts'

class Level {
  children: Map<string, Level> | undefined
  message: Message | undefined
}

export class RetainedMessages {
  #root = new Level()
  #byTopic = new Map<string, Message>()
  bytes = 0

  get count(): number {
    return this.#byTopic.size
  }

  get(topic: string): Message | undefined {
    return this.#byTopic.get(topic)
  }

  /** Keeps a message as its topic's, in the place of the one before. */
  set(message: Message): void {
    const before = this.#byTopic.get(message.topic)
    this.bytes += message.size - (before?.size ?? 0)
    this.#byTopic.set(message.topic, message)
    let at = this.#root
    for (const name of message.topic.split('/')) {
      at.children ??= new Map()
      let child = at.children.get(name)
      if (child === undefined) at.children.set(name, (child = new Level()))
      at = child
    }
    at.message = message
  }

  /** False: there was none. */
  delete(topic: string): boolean {
    const before = this.#byTopic.get(topic)
    if (before === undefined) return false
    this.bytes -= before.size
    this.#byTopic.delete(topic)
    const names = topic.split('/')
    const path = [this.#root]
    for (const name of names) path.push(path.at(-1)!.children!.get(name)!)
    path.at(-1)!.message = undefined
    for (let depth = names.length; depth > 0; depth--) {
      const level = path[depth]
      if (level.message !== undefined || level.children !== undefined) break
      const parent = path[depth - 1]
      parent.children!.delete(names[depth - 1])
      if (parent.children!.size > 0) break
      parent.children = undefined
    }
    return true
  }

  /** The messages whose topics match a filter, at most `max`. */
  matching(filter: string, max = Number.POSITIVE_INFINITY): Message[] {
    if (!hasWildcard(filter)) {
      const message = this.#byTopic.get(filter)
      return message === undefined ? [] : [message]
    }
    const found: Message[] = []
    walk(this.#root, filter.split('/'), 0, found, max)
    return found
  }
}

function walk(at: Level, filter: readonly string[], depth: number, found: Message[], max: number): void {
  if (found.length >= max) return
  const name = filter[depth]
  if (name === '#') return everything(at, depth === 0, found, max)
  if (name === undefined) {
    if (at.message !== undefined) found.push(at.message)
    return
  }
  if (name !== '+') {
    const child = at.children?.get(name)
    if (child !== undefined) walk(child, filter, depth + 1, found, max)
    return
  }
  for (const [childName, child] of at.children ?? []) {
    if (depth === 0 && childName.startsWith('$')) continue // [MQTT-4.7.2-1]
    walk(child, filter, depth + 1, found, max)
  }
}

function everything(at: Level, top: boolean, found: Message[], max: number): void {
  if (found.length >= max) return
  if (at.message !== undefined) found.push(at.message)
  for (const [name, child] of at.children ?? []) {
    if (top && name.startsWith('$')) continue // [MQTT-4.7.2-1]
    everything(child, false, found, max)
  }
}
