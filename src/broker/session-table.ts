/**
 * All sessions by client id, and how those that outlive their connection stand in the store: one record per
 * session, one per subscription and one per unreleased QoS 2 packet id, in the same stream as the messages.
 */
import type { Identity } from './access-port.ts'
import type { LaneHost } from './lanes.ts'
import type { ClientLimits } from './ports.ts'
import type { QueueNumbers } from './queue-numbers.ts'
import { Session, type SessionHost } from './session.ts'
import type { Position, Store, StoredState } from './store-port.ts'
import type { Subscription } from './subscription.ts'
import type { SubscriptionIndex } from './subscription-index.ts'

const SESSIONS = 'session'
const subscriptionsOf = (queue: number) => `subscription/${queue}`
const inboundOf = (queue: number) => `inbound/${queue}`

/** A session as its record has it. `expiryMs` null: for ever. */
interface SessionRecord {
  queue: number
  expiryMs: number | null
  detachedAtMs: number | null
  /** As far as entries may have been delivered; while connected: unknown, counted by the window instead. */
  sentThrough: number
  window: number
  protocol: string
  overlap: 'merge' | 'each'
  username?: string
  /** The rest of who it was, as the rules ask. */
  identity?: Pick<Identity, 'protocol' | 'address' | 'anonymous' | 'certificateCn'>
  limits: ClientLimits
  /** Queues of its lanes by rank. */
  lanes?: [rank: number, queue: number][]
}

type SubscriptionRecord = Omit<Subscription, 'session' | 'filter'>

export class SessionTable implements LaneHost {
  readonly #host: SessionHost
  readonly #index: SubscriptionIndex
  readonly #numbers: QueueNumbers
  readonly #byId = new Map<string, Session>()

  constructor(host: SessionHost, index: SubscriptionIndex, numbers: QueueNumbers) {
    this.#host = host
    this.#index = index
    this.#numbers = numbers
  }

  get store(): Store {
    return this.#host.store
  }

  runningMs(): number {
    return this.#host.runningMs()
  }

  openLane(): number {
    return this.#numbers.take()
  }

  get count(): number {
    return this.#byId.size
  }

  get(clientId: string): Session | undefined {
    return this.#byId.get(clientId)
  }

  all(): IterableIterator<Session> {
    return this.#byId.values()
  }

  create(identity: Identity, limits: ClientLimits, durable: boolean): Session {
    const queue = durable ? this.#numbers.take() : 0
    const session = new Session(this.#host, identity, limits, queue, this)
    this.#byId.set(session.id, session)
    return session
  }

  /** Ends a session: its subscriptions, its queue and what the store has of it. */
  end(session: Session): void {
    this.#byId.delete(session.id)
    for (const filter of session.subscriptions?.keys() ?? []) this.#index.withdraw(session, filter)
    session.subscriptions = undefined
    const lanes = session.lanes?.numbers ?? []
    const dropped = session.clear()
    if (dropped > 0) session.drop('no-session', dropped)
    if (!session.durable) return
    const { store } = this.#host
    const queue = session.queue.number
    store.dropOwner(subscriptionsOf(queue))
    store.dropOwner(inboundOf(queue))
    store.deleteRecord(SESSIONS, session.id)
    this.#numbers.free(queue)
    for (const [, lane] of lanes) this.#numbers.free(lane)
  }

  /** Writes what a restart must know of a session: at attach, at detach, and when its expiry changes. */
  save(session: Session): Position {
    if (!session.durable) return 0
    const record: SessionRecord = {
      queue: session.queue.number,
      expiryMs: session.expiryMs === Number.POSITIVE_INFINITY ? null : session.expiryMs,
      detachedAtMs: session.detachedAtMs ?? null,
      sentThrough: session.queue.sentThrough,
      window: session.limits.inFlightMax,
      protocol: session.protocol,
      overlap: session.overlap,
      limits: session.limits,
      ...(session.lanes !== undefined && { lanes: session.lanes.numbers }),
      identity: facetsOf(session.identity),
      ...(session.identity.username !== undefined && { username: session.identity.username }),
    }
    return this.#host.store.putRecord(SESSIONS, session.id, encode(record))
  }

  subscribe(subscription: Subscription): Position {
    const { session, filter, ...rest } = subscription
    session.subscriptions ??= new Map()
    session.subscriptions.set(filter, subscription)
    this.#index.place(subscription)
    if (!session.durable) return 0
    return this.#host.store.putRecord(subscriptionsOf(session.queue.number), filter, encode(rest satisfies SubscriptionRecord))
  }

  /** Undefined: there was no such subscription. */
  unsubscribe(session: Session, filter: string): Position | undefined {
    if (!session.subscriptions?.delete(filter)) return undefined
    this.#index.withdraw(session, filter)
    return session.durable ? this.#host.store.deleteRecord(subscriptionsOf(session.queue.number), filter) : 0
  }

  /** Remembers an incoming QoS 2 packet id; the position of its transaction is known only after the message's entries. */
  rememberInbound(session: Session, packetId: number): Position {
    return session.durable ? this.#host.store.putRecord(inboundOf(session.queue.number), String(packetId), NOTHING) : 0
  }

  forgetInbound(session: Session, packetId: number): Position {
    return session.durable ? this.#host.store.deleteRecord(inboundOf(session.queue.number), String(packetId)) : 0
  }

  forgetAllInbound(session: Session): Position {
    const known = session.inbound?.size ?? 0
    session.inbound = undefined
    return session.durable && known > 0 ? this.#host.store.dropOwner(inboundOf(session.queue.number)) : 0
  }

  /** Entries of a queue turned out to be unreadable. */
  damaged(queue: number, entries: number, bytes: number): void {
    for (const owner of [...this.#byId.values(), ...this.#index.groups()]) {
      const damaged = owner.queue.number === queue ? owner.queue : owner.laneOf(queue)
      if (damaged === undefined) continue
      damaged.lose(entries, bytes)
      owner.drop('damaged', entries)
    }
  }

  /** Builds the sessions of the run before, and drops queues that belong to none. */
  restore(state: StoredState): void {
    const queues = new Map(state.queues.map(queue => [queue.queue, queue]))
    this.#index.restore(state, queues)
    for (const [clientId, bytes] of state.records.get(SESSIONS) ?? []) {
      const record = decode<SessionRecord>(bytes)
      if (record === undefined) continue
      this.#restoreSession(clientId, record, state)
      const stored = queues.get(record.queue)
      if (stored !== undefined) this.#restoreQueue(this.#byId.get(clientId)!, record, stored)
      queues.delete(record.queue)
      for (const [rank, lane] of record.lanes ?? []) {
        this.#byId.get(clientId)!.restoreLane(rank, lane, queues.get(lane))
        queues.delete(lane)
        this.#numbers.seen(lane)
      }
      this.#numbers.seen(record.queue)
    }
    for (const orphan of queues.keys()) {
      this.#host.store.dropQueue(orphan)
      this.#numbers.seen(orphan)
    }
    this.#index.endEmptyGroups()
    for (const owner of [SESSIONS, ...state.records.keys()])
      if (/^(session$|subscription\/|inbound\/)/.test(owner)) state.records.delete(owner)
  }

  #restoreSession(clientId: string, record: SessionRecord, state: StoredState): void {
    const identity: Identity = {
      clientId,
      protocol: record.protocol,
      username: record.username,
      address: undefined,
      anonymous: record.username === undefined,
      internal: false,
      ...record.identity,
    }
    const session = new Session(this.#host, identity, record.limits, record.queue, this)
    session.expiryMs = record.expiryMs ?? Number.POSITIVE_INFINITY
    session.detachedAtMs = record.detachedAtMs ?? this.#host.runningMs()
    session.protocol = record.protocol
    session.overlap = record.overlap
    session.queue.resident = false
    this.#byId.set(clientId, session)
    for (const [filter, bytes] of state.records.get(subscriptionsOf(record.queue)) ?? []) {
      const subscription = decode<SubscriptionRecord>(bytes)
      if (subscription === undefined) continue
      const full: Subscription = { session, filter, ...subscription, identifier: subscription.identifier }
      session.subscriptions ??= new Map()
      session.subscriptions.set(filter, full)
      this.#index.place(full)
    }
    for (const packetId of state.records.get(inboundOf(record.queue))?.keys() ?? []) {
      session.inbound ??= new Map()
      session.inbound.set(Number(packetId), 0)
    }
  }

  #restoreQueue(session: Session, record: SessionRecord, stored: StoredState['queues'][number]): void {
    session.queue.restore(stored)
    // Cut off while connected: as many as the window holds may have been delivered.
    session.queue.sentThrough = record.detachedAtMs === null ? stored.firstSeq + record.window - 1 : record.sentThrough
  }
}

function facetsOf({ protocol, address, anonymous, certificateCn }: Identity): NonNullable<SessionRecord['identity']> {
  return { protocol, address, anonymous, ...(certificateCn !== undefined && { certificateCn }) }
}

const NOTHING = new Uint8Array(0)

function encode(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

/** Undefined for a record that is damaged: the session or subscription is lost, the start goes on. */
function decode<T>(bytes: Uint8Array): T | undefined {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as T
  } catch {
    return undefined
  }
}
