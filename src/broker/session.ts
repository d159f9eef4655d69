/**
 * A session: a client's subscriptions and its queue, which may outlive the connection. It decides when an entry
 * leaves; the adapter behind the sink decides how it looks on the wire.
 */
import { QUEUE_SHARED_ENTRIES_MAX } from '#base/limits.ts'
import type { Identity } from './access-port.ts'
import { Answers } from './answers.ts'
import { type LaneHost, Lanes } from './lanes.ts'
import type { Entry, Loan, Message, Qos } from './message.ts'
import type { AttachRequest, ClientLimits, DropReason, PublishRun, Sink, WhenFull, Will } from './ports.ts'
import { DeliveryQueue } from './queue.ts'
import type { Recipient } from './recipient.ts'
import { effectiveQos, type Target } from './route-table.ts'
import { type Source, SourceRing } from './source.ts'
import { staleness } from './staleness.ts'
import type { Store, StoredQueue } from './store-port.ts'
import type { Subscription } from './subscription.ts'

/** What a session needs of the broker around it. */
export interface SessionHost {
  readonly store: Store
  runningMs(): number
  /** Calls `session.committed` at the next commit. */
  awaitCommit(session: Session): void
  countDrop(reason: DropReason, messages: number): void
  countSent(qos: Qos, messages: number): void
}

export class Session implements Recipient {
  readonly id: string
  readonly #host: SessionHost
  /** Outlives its connection: its state is in the store, under the queue's number. */
  readonly durable: boolean
  readonly queue: DeliveryQueue
  identity: Identity
  limits: ClientLimits
  overlap: 'merge' | 'each' = 'merge'
  protocol = ''
  listener = ''
  peer: string | undefined
  keepAliveSeconds = 0
  closable = false
  /** What its adapter calls the client's state, beyond attached or not. */
  state: string | undefined
  connectedAtMs = 0
  expiryMs = 0
  /** Running time at which it lost its connection; undefined while it is attached. */
  detachedAtMs: number | undefined
  will: Will | undefined
  /** Subscriptions by filter; undefined until there is one, for the many clients that only publish. */
  subscriptions: Map<string, Subscription> | undefined
  /** QoS 2 packet ids that came in and are not released, with the position of their transaction. */
  inbound: Map<number, number> | undefined
  dropped = 0
  messagesIn = 0
  messagesOut = 0

  #sink: Sink | undefined
  #held = 1
  #parked = false
  #inFlightMax = 1
  #waitsForCommit = false
  /** What it delivers from beside its own queue; undefined for the many that have nothing else. */
  #sources: SourceRing | undefined
  readonly #laneHost: LaneHost
  #lanes: Lanes | undefined
  readonly answers: Answers

  constructor(host: SessionHost, identity: Identity, limits: ClientLimits, queueNumber: number, laneHost: LaneHost) {
    this.#host = host
    this.#laneHost = laneHost
    this.id = identity.clientId
    this.identity = identity
    this.limits = limits
    this.durable = queueNumber !== 0
    this.queue = new DeliveryQueue(host.store, queueNumber, this)
    this.answers = new Answers(host.store, this)
    this.#applyOrder()
  }

  /** What waits beside its own queue; undefined where its limits rank nothing. */
  get lanes(): Lanes | undefined {
    return this.#lanes
  }

  /** Its lane of that number in the store. */
  laneOf(queue: number): DeliveryQueue | undefined {
    return this.#lanes?.find(queue)
  }

  /** Entries and bytes that wait or are in flight. */
  get queued(): number {
    return this.queue.count + (this.#lanes?.count ?? 0)
  }

  get queuedBytes(): number {
    return this.queue.bytes + (this.#lanes?.bytes ?? 0)
  }

  /** Takes up lanes that the store knows. */
  restoreLane(rank: number, queue: number, stored: StoredQueue | undefined): void {
    this.#openLanes().restore(rank, queue, stored)
  }

  #applyOrder(): void {
    const { priorities, order } = this.limits.queue
    if ((priorities !== undefined && priorities.length > 0) || order === 'live-first') this.#openLanes()
  }

  #openLanes(): Lanes {
    this.#sources ??= new SourceRing()
    this.#lanes ??= new Lanes(this.#laneHost, this)
    this.#sources.first = this.#lanes
    return this.#lanes
  }

  get attached(): boolean {
    return this.#sink !== undefined
  }

  get sink(): Sink | undefined {
    return this.#sink
  }

  attach(request: AttachRequest, nowMs: number): void {
    this.#sink = request.sink
    this.#held = 1
    this.#inFlightMax = request.limits.inFlightMax
    this.identity = request.identity
    this.limits = request.limits
    this.#applyOrder()
    this.overlap = request.overlap ?? 'merge'
    this.protocol = request.protocol
    this.listener = request.listener
    this.peer = request.peer
    this.keepAliveSeconds = request.keepAliveSeconds ?? 0
    this.closable = request.closable ?? false
    this.state = undefined
    this.#parked = false
    this.connectedAtMs = nowMs
    this.expiryMs = request.sessionExpiryMs
    this.detachedAtMs = undefined
    this.will = request.will
    this.queue.resident = true
    this.queue.fill()
    this.#sources?.arrived(this)
  }

  detach(): void {
    this.#sink = undefined
    this.detachedAtMs = this.#host.runningMs()
    this.#leave()
  }

  /** Deliveries end for now: what was borrowed goes back, what is its own waits. */
  #leave(): void {
    this.answers.forget()
    const loans = this.queue.recall()
    if (this.durable) this.queue.unload()
    else this.queue.rewind()
    this.#sources?.departed(this, loans)
  }

  hold(): void {
    this.#held++
  }

  resume(): void {
    if (this.#held > 0) this.#held--
    this.pump()
  }

  /** The device sleeps: its queue waits as if it were away. */
  park(): void {
    if (this.#parked) return
    this.#parked = true
    this.#held++
    this.#leave()
  }

  unpark(): void {
    if (!this.#parked) return
    this.#parked = false
    this.queue.resident = true
    this.queue.fill()
    this.#sources?.arrived(this)
    this.resume()
  }

  setInFlightMax(entries: number): void {
    this.#inFlightMax = entries
    this.pump()
  }

  /** Nothing stands between a message and the wire but the device itself. */
  get #live(): boolean {
    return this.#sink !== undefined && this.#held === 0 && this.queue.idle && (this.#lanes === undefined || this.#lanes.count === 0)
  }

  /** Its client is here and awake. */
  get present(): boolean {
    return this.#sink !== undefined && !this.#parked
  }

  /** One more delivery could leave at once, but for a commit. */
  get room(): boolean {
    const { queue } = this
    return this.#sink !== undefined && this.#held === 0 && queue.count < this.#inFlightMax && queue.whole && !this.#sink.congested
  }

  get whenFull(): WhenFull {
    return this.limits.queue.whenFull
  }

  /** From now on it delivers from there too. */
  addSource(source: Source): void {
    this.#sources ??= new SourceRing()
    this.#sources.add(source)
    if (this.present) source.arrived(this)
  }

  removeSource(source: Source): void {
    this.#sources?.remove(source)
    if (this.#sources?.empty === true) this.#sources = undefined
  }

  /** Delivers an entry that stays its lender's. Only while there is `room`. */
  lend(loan: Loan, qos: Qos, retain: boolean, identifiers: readonly number[] | undefined, seqBefore: number): void {
    this.queue.borrow(loan, qos, retain, identifiers, seqBefore)
    this.pump()
  }

  /** Delivers a message that is its own from now on, QoS 2 not before `position` is committed. Only while there is `room`. */
  hand(message: Message, qos: Qos, retain: boolean, identifiers: readonly number[] | undefined, position = 0): void {
    if (qos === 0 && this.#live) return this.#sendNow(message, retain, identifiers)
    const entry = this.queue.add(message, qos, retain, identifiers)
    if (entry.position < position) entry.position = position
    this.pump()
  }

  /** Takes a message that matched one of its subscriptions. */
  accept(message: Message, target: Target): void {
    const { identifiers } = target
    const qos = effectiveQos(message.qos, target)
    const retain = target.retainAsPublished && message.retain
    if (qos === 0 && this.#live && !this.#sink!.congested) this.#sendNow(message, retain, identifiers)
    else this.enqueue(message, qos, retain, identifiers)
  }

  #sendNow(message: Message, retain: boolean, identifiers: readonly number[] | undefined): void {
    this.#sink!.send(message, retain, identifiers)
    this.messagesOut++
    this.#host.countSent(0, 1)
  }

  /** Takes a run of QoS 0 messages. */
  acceptRun(run: PublishRun, target: Target): void {
    const sink = this.#sink
    if (target.qosAtLeast === 0 && target.identifiers === undefined && this.#live && !sink!.congested && sink!.sendRun(run)) {
      this.messagesOut += run.count
      this.#host.countSent(0, run.count)
      return
    }
    for (const message of run.messages()) this.accept(message, target)
  }

  /** Puts a message into the queue, and sends what can be sent. */
  enqueue(message: Message, qos: Qos, retain: boolean, identifiers: readonly number[] | undefined): void {
    if (qos === 0 && this.#sink === undefined && !this.limits.queue.qos0) return this.drop('no-session', 1)
    if (this.limits.queue.whenFull === 'drop-newest' && this.#over(1, message.size)) return this.drop('queue-full', 1)
    if (this.#lanes !== undefined) {
      const rank = this.#lanes.rankOf(message)
      if (rank >= 0) return this.#enqueueIn(rank, message, qos, retain, identifiers)
    }
    const entry = this.queue.add(message, qos, retain, identifiers)
    if (this.#sink !== undefined && this.#held === 0) this.pump()
    if (entry.state === 'queued' && this.queue.waiting > QUEUE_SHARED_ENTRIES_MAX) message.settle()
    if (this.#over(0, 0)) this.#shed()
  }

  #enqueueIn(rank: number, message: Message, qos: Qos, retain: boolean, identifiers: readonly number[] | undefined): void {
    this.#lanes!.add(rank, message, qos, retain, identifiers)
    this.pump()
    if (this.#over(0, 0)) this.#shed()
  }

  /** Whether a delivery of this QoS would be written to disk. */
  needsDisk(qos: Qos): boolean {
    return this.durable && (qos > 0 || this.#parked || (this.#sink === undefined && this.limits.queue.qos0))
  }

  /** Whether a message of this size would make a queue overflow that refuses when it is full. */
  wouldReject(size: number): boolean {
    return this.limits.queue.whenFull === 'reject' && this.#over(1, size)
  }

  /** Sends what the window, the sink and the store allow. */
  pump(): void {
    const sink = this.#sink
    if (sink === undefined || this.#held > 0) return
    const queue = this.queue
    while (queue.inFlight < this.#inFlightMax && !sink.congested) {
      const entry = queue.peek()
      if (entry === undefined) break
      if (entry.state === 'queued' && this.#stale(entry.message)) {
        queue.dropOldest()
        continue
      }
      if (entry.qos === 2 && entry.position > this.#host.store.committed) return this.awaitCommit()
      if (queue.collides(entry)) break
      queue.advance()
      this.#send(sink, entry)
    }
    if (!queue.idle) queue.fill()
    if (this.#sources !== undefined) this.#sources.draw(this)
  }

  /** The store has committed. */
  committed(position: number): void {
    this.#waitsForCommit = false
    this.answers.committed(position)
    this.pump()
  }

  /** Drops from the front what is too old or too much; for queues whose recipient is away, which no delivery looks at. */
  sweep(): void {
    if (this.limits.queue.ageMaxMs === 0) return
    this.#lanes?.sweep((reason, messages) => this.drop(reason, messages))
    if (this.queue.count === this.queue.inFlight) return
    for (let entry = this.queue.peek(); entry !== undefined && this.#stale(entry.message); entry = this.queue.peek())
      this.queue.dropOldest()
    if (this.queue.peek() === undefined) this.queue.fill()
  }

  /** Drops its oldest waiting entries until `bytes` are gone or it has none in memory; for a store that is out of room. */
  relieve(bytes: number): number {
    const before = this.queuedBytes
    while (before - this.queuedBytes < bytes && this.#dropOldest()) this.drop('queue-full', 1)
    return before - this.queuedBytes
  }

  /** Drops everything that waits or is in flight. Returns how many entries that were. */
  clear(): number {
    return this.queue.clear() + (this.#lanes?.clear() ?? 0)
  }

  drop(reason: DropReason, messages: number): void {
    this.dropped += messages
    this.#host.countDrop(reason, messages)
  }

  #send(sink: Sink, entry: Entry): void {
    if (entry.qos === 0) {
      sink.send(entry.message, entry.retain, entry.identifiers)
      this.queue.finish(entry)
    } else if (entry.state === 'received') {
      sink.release(entry.packetId)
      return
    } else sink.deliver(entry)
    this.messagesOut++
    this.#host.countSent(entry.qos, 1)
  }

  /** Expired or too old; counts it. */
  #stale(message: Message): boolean {
    const { ageMaxMs } = this.limits.queue
    if (message.expiresAtMs === 0 && ageMaxMs === 0) return false
    const reason = staleness(message, ageMaxMs, this.#host.runningMs())
    if (reason !== undefined) this.drop(reason, 1)
    return reason !== undefined
  }

  #over(messages: number, bytes: number): boolean {
    const { messagesMax, bytesMax } = this.limits.queue
    return this.queued + messages > messagesMax || this.queuedBytes + bytes > bytesMax
  }

  #shed(): void {
    while (this.#over(0, 0) && this.#dropOldest()) this.drop('queue-full', 1)
  }

  /** Of the lowest rank first. */
  #dropOldest(): boolean {
    const lanes = this.#lanes
    return lanes !== undefined && lanes.count > 0 ? lanes.dropOldest() : this.queue.dropOldest() !== undefined
  }

  /** A page of its queue or of a lane has come from disk. */
  queueFilled(): void {
    if (this.#over(0, 0)) this.#shed()
    this.pump()
    this.#sink?.paged?.()
  }

  awaitCommit(): void {
    if (this.#waitsForCommit) return
    this.#waitsForCommit = true
    this.#host.awaitCommit(this)
  }
}
