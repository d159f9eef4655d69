/** The normal topic ids of one node. Both sides use them, so they are kept in the store as long as its session. */
import type { Position, Records } from '#broker/ports.ts'
import type { NodeTopics } from './predefined.ts'

export interface TopicId {
  readonly id: number
  readonly name: string
  /** The connection in which the node has learnt or confirmed the id; in a later one it is registered anew. */
  known: number
}

/** 0x0000 and 0xFFFF are reserved (`MQTT-SN 1.2 §5.3.11`). */
const ID_MAX = 0xfffe

export class TopicTable {
  readonly #records: Records | undefined
  readonly #idsMax: number
  readonly #predefined: NodeTopics
  /** In the order of their last use. */
  readonly #byName = new Map<string, TopicId>()
  readonly #byId = new Map<number, TopicId>()
  /** An id is not given again before all others were, so that a node that still uses a forgotten one is told. */
  #lastId = 0

  /** @param records undefined: nothing outlives the connection */
  constructor(records: Records | undefined, predefined: NodeTopics, idsMax: number) {
    this.#records = records
    this.#predefined = predefined
    this.#idsMax = idsMax
    for (const [key, bytes] of records?.entries() ?? []) this.#restore(Number(key), bytes)
    for (const id of this.#byId.keys()) this.#lastId = Math.max(this.#lastId, id)
  }

  get size(): number {
    return this.#byId.size
  }

  nameOf(id: number): string | undefined {
    const topic = this.#byId.get(id)
    if (topic !== undefined) this.#touch(topic)
    return topic?.name
  }

  byId(id: number): TopicId | undefined {
    return this.#byId.get(id)
  }

  byName(name: string): TopicId | undefined {
    const topic = this.#byName.get(name)
    if (topic !== undefined) this.#touch(topic)
    return topic
  }

  /**
   * The id of a name, given anew if it has none; `position` must be committed before the node hears of it. When the table
   * is full, the id that was used longest ago is forgotten.
   */
  assign(name: string, known: number): { topic: TopicId; position: Position } {
    const before = this.byName(name)
    if (before !== undefined) return { topic: before, position: this.confirm(before, known) }
    if (this.#byId.size >= this.#idsMax) this.#forgetOldest()
    const topic: TopicId = { id: this.#freeId(), name, known }
    this.#add(topic)
    return { topic, position: this.#save(topic) }
  }

  /** The node knows the id in this connection. */
  confirm(topic: TopicId, known: number): Position {
    if (known === 0 || topic.known === known) return 0
    topic.known = known
    return this.#save(topic)
  }

  /** The node has said that it does not know the id. */
  doubt(topic: TopicId): void {
    topic.known = 0
    this.#save(topic)
  }

  clear(): void {
    this.#byName.clear()
    this.#byId.clear()
    this.#records?.clear()
  }

  #touch(topic: TopicId): void {
    this.#byName.delete(topic.name)
    this.#byName.set(topic.name, topic)
  }

  #add(topic: TopicId): void {
    this.#byName.set(topic.name, topic)
    this.#byId.set(topic.id, topic)
    this.#lastId = topic.id
  }

  /** One that is not predefined for this node, though the two kinds are told apart: some nodes do not look. */
  #freeId(): number {
    let free = 0
    for (let step = 1; step <= ID_MAX; step++) {
      const id = ((this.#lastId + step - 1) % ID_MAX) + 1
      if (this.#byId.has(id)) continue
      if (this.#predefined.nameOf(id) === undefined) return id
      if (free === 0) free = id
    }
    return free
  }

  #forgetOldest(): void {
    for (const topic of this.#byName.values()) {
      this.#byName.delete(topic.name)
      this.#byId.delete(topic.id)
      this.#records?.delete(String(topic.id))
      return
    }
  }

  #save({ id, name, known }: TopicId): Position {
    return this.#records?.put(String(id), Buffer.from(JSON.stringify({ name, known }))) ?? 0
  }

  #restore(id: number, bytes: Uint8Array): void {
    try {
      const { name, known } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { name: unknown; known: unknown }
      if (typeof name === 'string' && typeof known === 'number' && id > 0 && id <= ID_MAX) this.#add({ id, name, known })
    } catch {
      // A damaged record: the node registers the topic again.
    }
  }
}
