/**
 * A session: a client's subscriptions and its queue, which may outlive the connection. It decides when an entry
 * leaves; the adapter behind the sink decides how it looks on the wire.
 */
import { QUEUE_SHARED_ENTRIES_MAX } from '#base/limits.ts'
import type { Identity } from './access-port.ts'
import type { Entry, Loan, Message, Qos } from './message.ts'
import type { AttachRequest, ClientLimits, DropReason, PublishRun, Sink, WhenFull, Will } from './ports.ts'
import { DeliveryQueue } from './queue.ts'
import type { Recipient } from './recipient.ts'
import { effectiveQos, type Target } from './route-table.ts'
import type { Source } from './source.ts'
import { staleness } from './staleness.ts'
import type { Store } from './store-port.ts'
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
  #sources: Source[] | undefined
  #drawing = false
  /** Entries whose PUBREC is being committed, in its order [MQTT-4.6.0-4]. */
  #releases: Entry[] | undefined

  constructor(host: SessionHost, identity: Identity, limits: ClientLimits, queueNumber: number) {
    this.#host = host
    this.id = identity.clientId
    this.identity = identity
    this.limits = limits
    this.durable = queueNumber !== 0
    this.queue = new DeliveryQueue(host.store, queueNumber, { queueFilled: () => this.#filled() })
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
    if (this.#sources !== undefined) for (const source of this.#sources) source.arrived(this)
  }

  detach(): void {
    this.#sink = undefined
    this.detachedAtMs = this.#host.runningMs()
    this.#leave()
  }

  /** Deliveries end for now: what was borrowed goes back, what is its own waits. */
  #leave(): void {
    this.#releases = undefined
    const loans = this.queue.recall()
    if (this.durable) this.queue.unload()
    if (this.#sources === undefined) return
    for (const source of this.#sources)
      source.departed(
        this,
        loans.filter(({ lender }) => lender === source),
      )
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
    if (this.#sources !== undefined) for (const source of this.#sources) source.arrived(this)
    this.resume()
  }

  setInFlightMax(entries: number): void {
    this.#inFlightMax = entries
    this.pump()
  }

  /** Nothing stands between a message and the wire but the device itself. */
  get #live(): boolean {
    return this.#sink !== undefined && this.#held === 0 && this.queue.idle
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
    this.#sources ??= []
    this.#sources.push(source)
    if (this.present) source.arrived(this)
  }

  removeSource(source: Source): void {
    this.#sources = this.#sources?.filter(other => other !== source)
    if (this.#sources?.length === 0) this.#sources = undefined
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
    const entry = this.queue.add(message, qos, retain, identifiers)
    if (this.#sink !== undefined && this.#held === 0) this.pump()
    if (entry.state === 'queued' && this.queue.waiting > QUEUE_SHARED_ENTRIES_MAX) message.settle()
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
      if (entry.qos === 2 && entry.position > this.#host.store.committed) return this.#awaitCommit()
      if (queue.collides(entry)) break
      queue.advance()
      this.#send(sink, entry)
    }
    if (!queue.idle) queue.fill()
    if (this.#sources !== undefined) this.#draw()
  }

  /** Fills the window from its sources, each in turn. */
  #draw(): void {
    if (this.#drawing) return
    this.#drawing = true
    for (let idle = 0; this.#sources !== undefined && idle < this.#sources.length && this.room; ) {
      const source = this.#sources.shift()!
      this.#sources.push(source)
      idle = source.feed(this) ? 0 : idle + 1
    }
    this.#drawing = false
  }

  acknowledge(packetId: number): boolean {
    const entry = this.queue.find(packetId)
    if (entry === undefined || entry.qos !== 1) return false
    this.queue.finish(entry)
    this.pump()
    return true
  }

  received(packetId: number): boolean {
    const entry = this.queue.find(packetId)
    if (entry === undefined || entry.qos !== 2) return false
    if (entry.state === 'received' && !this.#releases?.includes(entry)) {
      this.#sink?.release(packetId)
      return true
    }
    if (entry.state === 'received') return true
    entry.state = 'received'
    if (!this.durable) {
      this.#sink?.release(packetId)
      return true
    }
    entry.position = this.#host.store.markReceived(this.queue.number, entry)
    this.#releases ??= []
    this.#releases.push(entry)
    this.#awaitCommit()
    return true
  }

  /** What the entry in flight under a packet id waits for. */
  awaited(packetId: number): 'puback' | 'pubrec' | 'pubcomp' | undefined {
    const entry = this.queue.find(packetId)
    if (entry === undefined) return undefined
    if (entry.qos === 1) return 'puback'
    return entry.state === 'received' ? 'pubcomp' : 'pubrec'
  }

  complete(packetId: number): boolean {
    const entry = this.queue.find(packetId)
    if (entry === undefined || entry.qos !== 2 || entry.state !== 'received') return false
    this.queue.finish(entry)
    this.pump()
    return true
  }

  discard(packetId: number, reason: DropReason): boolean {
    const entry = this.queue.find(packetId)
    if (entry === undefined) return false
    this.queue.finish(entry)
    this.drop(reason, 1)
    this.pump()
    return true
  }

  /** The store has committed. */
  committed(position: number): void {
    this.#waitsForCommit = false
    const releases = this.#releases
    while (releases !== undefined && releases.length > 0) {
      if (releases[0].position > position) {
        this.#awaitCommit()
        break
      }
      this.#sink?.release(releases.shift()!.packetId)
    }
    this.pump()
  }

  /** Drops from the front what is too old or too much; for queues whose recipient is away, which no delivery looks at. */
  sweep(): void {
    if (this.limits.queue.ageMaxMs === 0 || this.queue.count === this.queue.inFlight) return
    for (let entry = this.queue.peek(); entry !== undefined && this.#stale(entry.message); entry = this.queue.peek())
      this.queue.dropOldest()
    if (this.queue.peek() === undefined) this.queue.fill()
  }

  /** Drops its oldest waiting entries until `bytes` are gone or it has none in memory; for a store that is out of room. */
  relieve(bytes: number): number {
    const before = this.queue.bytes
    while (before - this.queue.bytes < bytes && this.queue.dropOldest() !== undefined) this.drop('queue-full', 1)
    return before - this.queue.bytes
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
    return this.queue.count + messages > messagesMax || this.queue.bytes + bytes > bytesMax
  }

  #shed(): void {
    while (this.#over(0, 0) && this.queue.dropOldest() !== undefined) this.drop('queue-full', 1)
  }

  #filled(): void {
    if (this.#over(0, 0)) this.#shed()
    this.pump()
    this.#sink?.paged?.()
  }

  #awaitCommit(): void {
    if (this.#waitsForCommit) return
    this.#waitsForCommit = true
    this.#host.awaitCommit(this)
  }
}
