/**
 * A shared group (`MQTT 5 §4.8.2`): one queue, and members that take from it when they have room. A member borrows a
 * QoS 1 entry, which stays in the group's queue until it is acknowledged and comes back when the member goes; a QoS 2
 * entry becomes the member's own in the same transaction [MQTT-4.8.2-4, -5].
 */
import { QUEUE_SHARED_ENTRIES_MAX, SHARED_PENDING_MAX } from '#base/limits.ts'
import type { Entry, Lender, Loan, Message, Qos } from './message.ts'
import type { DropReason, GroupInfo, PublishRun, WhenFull } from './ports.ts'
import { DeliveryQueue } from './queue.ts'
import type { Recipient } from './recipient.ts'
import { effectiveQos, type Target, targetOf } from './route-table.ts'
import type { Session } from './session.ts'
import { Chooser, type SharedTerms } from './sharing.ts'
import type { Source } from './source.ts'
import { staleness } from './staleness.ts'
import type { Store, StoredQueue } from './store-port.ts'
import type { Subscription } from './subscription.ts'

/** What a group needs of the broker around it. */
export interface GroupHost {
  readonly store: Store
  runningMs(): number
  random(): number
  countDrop(reason: DropReason, messages: number): void
}

interface Member {
  readonly session: Session
  target: Target
  /** Entries that wait for this member and no other; see {@link Chooser}. */
  pending: Entry[]
}

/** To whom a returned entry was sent before, and under which number there. */
interface Before {
  session: Session
  seq: number
}

export class SharedGroup implements Recipient, Lender, Source {
  readonly name: string
  /** What topics are matched with. */
  readonly filter: string
  readonly queue: DeliveryQueue
  readonly #host: GroupHost
  readonly #terms: SharedTerms
  readonly #chooser: Chooser
  readonly #members = new Map<Session, Member>()
  /** Members whose clients are here. */
  #present: Member[] = []
  /** Entries that came back, lowest number first: they go before all that waits. */
  #returned: Entry[] = []
  /** By the entry's number here. */
  #before: Map<number, Before> | undefined
  #dispatching = false
  #ended = false
  dropped = 0
  target: Target

  constructor(host: GroupHost, name: string, filter: string, terms: SharedTerms) {
    this.#host = host
    this.name = name
    this.filter = filter
    this.#terms = terms
    this.#chooser = new Chooser(terms.strategy, () => host.random())
    this.queue = new DeliveryQueue(host.store, 0, { queueFilled: () => this.#filled() })
    this.target = this.#groupTarget()
  }

  get durable(): boolean {
    return this.queue.number !== 0
  }

  get whenFull(): WhenFull {
    return this.#terms.queue.whenFull
  }

  get members(): number {
    return this.#members.size
  }

  info(): GroupInfo {
    const { name, durable, dropped, queue, members } = this
    const inFlight = queue.inFlight - this.#returned.length
    return { name, members, present: this.#present.length, durable, queued: queue.count, queuedBytes: queue.bytes, inFlight, dropped }
  }

  laneOf(): undefined {
    return undefined
  }

  get queuedBytes(): number {
    return this.queue.bytes
  }

  /** Entries that no member has. */
  get waiting(): number {
    return this.queue.waiting + this.#returned.length
  }

  /** Adds a member, or gives one that it has another subscription. */
  join(subscription: Subscription): void {
    const { session } = subscription
    const member = this.#members.get(session)
    if (member !== undefined) member.target = targetOf([subscription])
    else {
      this.#members.set(session, { session, target: targetOf([subscription]), pending: [] })
      session.addSource(this)
    }
    this.target = this.#groupTarget()
    this.#dispatch()
  }

  /** Takes a member out. What it has been sent it keeps, unless its session ends with it. Returns how many are left. */
  leave(session: Session): number {
    const member = this.#members.get(session)
    if (member === undefined) return this.#members.size
    session.removeSource(this)
    for (const { entry } of session.queue.adopt(this)) this.queue.finish(entry) // [MQTT-3.10.4-3]
    this.departed(session, [])
    this.#members.delete(session)
    for (const [seq, before] of this.#before ?? []) if (before.session === session) this.#before!.delete(seq)
    this.target = this.#groupTarget()
    return this.#members.size
  }

  /** The last member has left: drops what waits. */
  end(): void {
    this.#ended = true
    this.#returned = []
    const dropped = this.queue.clear()
    if (dropped > 0) this.drop('no-session', dropped)
  }

  // A recipient of what is published.

  accept(message: Message): void {
    const qos = effectiveQos(message.qos, this.target)
    const { queue } = this
    const member = queue.idle && this.#returned.length === 0 ? this.#withRoom(message) : undefined
    if (member !== undefined && effectiveQos(qos, member.target) !== 1) return this.#hand(member, message, qos, 0)
    if (qos === 0 && this.#present.length === 0 && !this.#terms.queue.qos0) return this.drop('no-session', 1)
    if (this.whenFull === 'drop-newest' && this.#over(1, message.size)) return this.drop('queue-full', 1)
    const entry = queue.add(message, qos, message.retain, undefined)
    if (member !== undefined && queue.peek() === entry) this.#pass(entry, member)
    else this.#dispatch()
    if (entry.state === 'queued' && queue.waiting > QUEUE_SHARED_ENTRIES_MAX) message.settle()
    if (this.#over(0, 0)) this.#shed()
  }

  acceptRun(run: PublishRun): void {
    if (this.#members.size === 1 && this.queue.idle && this.#present[0]?.session.room === true)
      return this.#present[0].session.acceptRun(run, this.#present[0].target)
    for (const message of run.messages()) this.accept(message)
  }

  wouldReject(size: number): boolean {
    return this.whenFull === 'reject' && this.#over(1, size)
  }

  needsDisk(qos: Qos): boolean {
    return this.durable && (qos > 0 || (this.#present.length === 0 && this.#terms.queue.qos0))
  }

  drop(reason: DropReason, messages: number): void {
    this.dropped += messages
    this.#host.countDrop(reason, messages)
  }

  // A lender of entries.

  settled({ entry }: Loan): void {
    if (!this.#ended) this.queue.finish(entry)
  }

  // A source for its members.

  feed(session: Session): boolean {
    const member = this.#members.get(session)
    if (member === undefined) return false
    const pending = member.pending.shift()
    if (pending !== undefined) {
      this.#give(member, pending)
      return true
    }
    for (let entry = this.#peek(); entry !== undefined; entry = this.#peek()) {
      const chosen: Member | undefined = this.#chooser.faithful ? this.#choose(entry.message) : member
      if (chosen === undefined) return false
      this.#pass(entry, chosen)
      if (chosen === member) return true
    }
    this.queue.fill()
    return false
  }

  arrived(session: Session): void {
    const member = this.#members.get(session)
    if (member === undefined || this.#present.includes(member)) return
    this.#present.push(member)
    if (this.queue.resident) return
    this.queue.resident = true
    this.queue.fill()
  }

  departed(session: Session, loans: readonly Loan[]): void {
    const at = this.#present.findIndex(member => member.session === session)
    if (at === -1) return
    const [member] = this.#present.splice(at, 1)
    this.#chooser.unstick()
    for (const { entry, seq, sent } of loans) {
      if (sent) (this.#before ??= new Map()).set(entry.seq, { session, seq })
      this.#returned.push(entry)
    }
    this.#returned.push(...member.pending)
    member.pending = []
    this.#returned.sort((a, b) => a.seq - b.seq)
    if (this.#present.length > 0) return this.#dispatch()
    if (!this.durable) return
    this.#returned = []
    this.queue.unload()
  }

  /** Takes over what the store holds for it; nobody is here yet. */
  restore(number: number, stored: StoredQueue | undefined): void {
    this.queue.number = number
    this.queue.resident = false
    if (stored !== undefined) this.queue.restore(stored)
  }

  /** Goes over to the store: a member's session outlives its connection. */
  persist(number: number): void {
    this.queue.persist(number)
    if (this.#present.length > 0) return
    this.#returned = []
    this.queue.unload()
  }

  /** Drops what is too old while nobody looks at it. */
  sweep(): void {
    if (this.#terms.queue.ageMaxMs > 0) this.#peek()
  }

  /** Drops its oldest until `bytes` are gone; for a store that is out of room. */
  relieve(bytes: number): number {
    const before = this.queue.bytes
    while (before - this.queue.bytes < bytes && this.#dropOldest()) this.drop('queue-full', 1)
    return before - this.queue.bytes
  }

  #groupTarget(): Target {
    const qos = Math.max(0, ...Array.from(this.#members.values(), member => member.target.qos)) as Qos
    const qosAtLeast = Math.max(0, ...Array.from(this.#members.values(), member => member.target.qosAtLeast)) as Qos
    return { recipient: this, qos, qosAtLeast, noLocal: false, retainAsPublished: true, identifiers: undefined }
  }

  /** Hands out what waits, to whoever has room. */
  #dispatch(): void {
    if (this.#dispatching) return
    this.#dispatching = true
    for (let entry = this.#peek(); entry !== undefined; entry = this.#peek()) {
      const member = this.#choose(entry.message)
      if (member === undefined) break
      this.#pass(entry, member)
    }
    if (this.#present.length > 0 && !this.queue.idle) this.queue.fill()
    this.#dispatching = false
  }

  /** The next entry that is worth delivering. */
  #peek(): Entry | undefined {
    for (;;) {
      const entry = this.#returned[0] ?? this.queue.peek()
      if (entry === undefined) return undefined
      const { expiresAtMs } = entry.message
      const { ageMaxMs } = this.#terms.queue
      if (expiresAtMs === 0 && ageMaxMs === 0) return entry
      const stale = staleness(entry.message, ageMaxMs, this.#host.runningMs())
      if (stale === undefined) return entry
      this.#dropOldest()
      this.drop(stale, 1)
    }
  }

  /** Who gets a message: a member with room, or one that it may wait for. */
  #choose(message: Message): Member | undefined {
    const count = this.#present.length
    if (count === 0) return undefined
    const first = this.#chooser.first(message, count)
    const { faithful } = this.#chooser
    for (let i = 0; i < count; i++) {
      const member = this.#present[(first + i) % count]
      if (member.pending.length === 0 && member.session.room) return member
      if (faithful && member.pending.length < SHARED_PENDING_MAX) return member
    }
    return undefined
  }

  /** Who gets a message at once. */
  #withRoom(message: Message): Member | undefined {
    const member = this.#choose(message)
    return member !== undefined && member.pending.length === 0 && member.session.room ? member : undefined
  }

  /** Takes the entry that `#peek` gave out of those that wait. */
  #pass(entry: Entry, member: Member): void {
    if (this.#returned[0] === entry) this.#returned.shift()
    else this.queue.advance()
    if (member.pending.length === 0 && member.session.room) this.#give(member, entry)
    else member.pending.push(entry)
  }

  #give(member: Member, entry: Entry): void {
    const { session, target } = member
    const { message } = entry
    const qos = effectiveQos(entry.qos, target)
    const before = this.#before?.get(entry.seq)
    if (before !== undefined) this.#before!.delete(entry.seq)
    if (qos !== 1) {
      this.queue.finish(entry)
      return this.#hand(member, message, qos, this.durable ? this.#host.store.position : 0)
    }
    const retain = entry.retain && target.retainAsPublished
    const seqBefore = before?.session === session ? before.seq : 0
    session.lend({ lender: this, entry, seq: 0, sent: false }, 1, retain, target.identifiers, seqBefore)
  }

  #hand({ session, target }: Member, message: Message, published: Qos, position: number): void {
    const qos = effectiveQos(published, target)
    session.hand(message, qos, message.retain && target.retainAsPublished, target.identifiers, position)
  }

  #over(messages: number, bytes: number): boolean {
    const { messagesMax, bytesMax } = this.#terms.queue
    return this.queue.count + messages > messagesMax || this.queue.bytes + bytes > bytesMax
  }

  #shed(): void {
    while (this.#over(0, 0) && this.#dropOldest()) this.drop('queue-full', 1)
  }

  #dropOldest(): boolean {
    const returned = this.#returned.shift()
    if (returned !== undefined) this.queue.finish(returned)
    const dropped = returned ?? this.queue.dropOldest()
    if (dropped !== undefined) this.#before?.delete(dropped.seq)
    return dropped !== undefined
  }

  #filled(): void {
    if (this.#over(0, 0)) this.#shed()
    this.#dispatch()
  }
}
