/**
 * What waits for a session whose limits rank messages: a durable queue for each rank, and the session's own queue for
 * what is on its way alone. The highest rank goes first; what leaves its lane moves to the session's queue in one
 * transaction, so that packet ids and redeliveries are the queue's as ever.
 */
import type { Message, Qos } from './message.ts'
import type { DropReason, QueueLimits } from './ports.ts'
import { DeliveryQueue } from './queue.ts'
import type { Session } from './session.ts'
import type { Source } from './source.ts'
import { staleness } from './staleness.ts'
import type { Store, StoredQueue } from './store-port.ts'
import { topicMatches } from './topic.ts'

/** Topics whose rank is remembered for one list of priorities; when full all are forgotten. */
const RANKS_MAX = 1024

/** What lanes need of the session's surroundings. */
export interface LaneHost {
  readonly store: Store
  runningMs(): number
  /** A number for a new lane of a session that lasts. */
  openLane(): number
  /** The session has another lane: its record must say so. */
  save(session: Session): void
}

export class Lanes implements Source {
  readonly #host: LaneHost
  readonly #session: Session
  /** Highest rank first. */
  #lanes: { rank: number; queue: DeliveryQueue }[] = []
  count = 0
  bytes = 0

  constructor(host: LaneHost, session: Session) {
    this.#host = host
    this.#session = session
  }

  /** Number in the store by rank. */
  get numbers(): [rank: number, queue: number][] {
    return this.#lanes.map(({ rank, queue }) => [rank, queue.number])
  }

  find(queue: number): DeliveryQueue | undefined {
    return this.#lanes.find(lane => lane.queue.number === queue)?.queue
  }

  /** The rank of a message that must wait, or −1: it may go to the session's own queue. */
  rankOf(message: Message): number {
    const session = this.#session
    const { priorities, order } = session.limits.queue
    if (order === 'live-first') return session.present ? -1 : 0
    const rank = priorities === undefined ? 0 : rankOf(priorities, message.topic)
    // Nothing overtakes what waits in its own lane or a higher one.
    return session.room && !this.#lanes.some(lane => lane.rank >= rank && lane.queue.count > 0) ? -1 : rank
  }

  add(rank: number, message: Message, qos: Qos, retain: boolean, identifiers: readonly number[] | undefined): void {
    const lane = this.#lanes.find(each => each.rank === rank) ?? this.#open(rank)
    lane.queue.add(message, qos, retain, identifiers)
    message.settle()
    this.#counted()
  }

  restore(rank: number, queue: number, stored: StoredQueue | undefined): void {
    const lane = this.#insert(rank, queue)
    lane.queue.resident = false
    if (stored !== undefined) lane.queue.restore(stored)
    this.#counted()
  }

  feed(session: Session): boolean {
    for (const { queue } of this.#lanes) {
      if (queue.count === 0) continue
      const entry = queue.peek()
      if (entry === undefined) {
        queue.fill()
        return false
      }
      const { message, qos, retain, identifiers } = entry
      const stale = staleness(message, session.limits.queue.ageMaxMs, this.#host.runningMs())
      queue.dropOldest()
      this.#counted()
      if (stale !== undefined) session.drop(stale, 1)
      else session.hand(message, qos, retain, identifiers, qos === 2 && session.durable ? this.#host.store.position : 0)
      return true
    }
    return false
  }

  arrived(): void {
    for (const { queue } of this.#lanes) queue.resident = true
  }

  departed(): void {
    if (this.#session.durable) for (const { queue } of this.#lanes) queue.unload()
  }

  /** Drops the oldest of the lowest rank; false: none is in memory. */
  dropOldest(): boolean {
    for (let i = this.#lanes.length - 1; i >= 0; i--) {
      const { queue } = this.#lanes[i]
      if (queue.count === 0) continue
      const dropped = queue.dropOldest() !== undefined
      this.#counted()
      return dropped
    }
    return false
  }

  /** Drops what is too old from the front of each lane. */
  sweep(drop: (reason: DropReason, messages: number) => void): void {
    const { ageMaxMs } = this.#session.limits.queue
    for (const { queue } of this.#lanes) {
      for (let entry = queue.peek(); entry !== undefined; entry = queue.peek()) {
        const stale = staleness(entry.message, ageMaxMs, this.#host.runningMs())
        if (stale === undefined) break
        queue.dropOldest()
        drop(stale, 1)
      }
      if (queue.count > 0 && queue.peek() === undefined) queue.fill()
    }
    this.#counted()
  }

  /** Drops everything. Returns how many entries that were. */
  clear(): number {
    const dropped = this.#lanes.reduce((sum, { queue }) => sum + queue.clear(), 0)
    this.#lanes = []
    this.#counted()
    return dropped
  }

  #open(rank: number): { queue: DeliveryQueue } {
    const session = this.#session
    const number = session.durable ? this.#host.openLane() : 0
    const lane = this.#insert(rank, number)
    lane.queue.resident = session.present || !session.durable
    if (session.durable) this.#host.save(session)
    return lane
  }

  #insert(rank: number, number: number): { queue: DeliveryQueue } {
    const owner = {
      queueFilled: () => {
        this.#counted()
        this.#session.queueFilled()
      },
    }
    const lane = { rank, queue: new DeliveryQueue(this.#host.store, number, owner) }
    this.#lanes.push(lane)
    this.#lanes.sort((a, b) => b.rank - a.rank)
    return lane
  }

  #counted(): void {
    this.count = 0
    this.bytes = 0
    for (const { queue } of this.#lanes) {
      this.count += queue.count
      this.bytes += queue.bytes
    }
  }
}

const ranks = new WeakMap<object, Map<string, number>>()

/** The rank of the first filter that the topic matches; 0: none. */
function rankOf(priorities: NonNullable<QueueLimits['priorities']>, topic: string): number {
  let known = ranks.get(priorities)
  if (known === undefined) ranks.set(priorities, (known = new Map()))
  let rank = known.get(topic)
  if (rank !== undefined) return rank
  rank = priorities.find(({ filter }) => topicMatches(filter, topic))?.rank ?? 0
  if (known.size >= RANKS_MAX) known.clear()
  known.set(topic, rank)
  return rank
}
