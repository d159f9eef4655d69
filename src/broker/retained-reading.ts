/**
 * What a new subscription gets of the retained messages. A few go into the client's queue at once; the rest is read as
 * the client takes it, so that a subscription to everything holds no copy of everything.
 */
import type { Clock, Timer } from '#base/clock.ts'
import { RETAINED_AT_ONCE_BYTES_MAX, RETAINED_AT_ONCE_MAX } from '#base/limits.ts'
import type { Access } from './access-port.ts'
import type { Message, Qos } from './message.ts'
import { keptExpiry, unpack } from './packed-message.ts'
import { mayReceive } from './permission.ts'
import type { KeptTopic, RetainedMessages } from './retained.ts'
import type { RunningClock } from './running-clock.ts'
import type { Session } from './session.ts'
import type { Source } from './source.ts'
import type { Store, StoredState } from './store-port.ts'
import { formOf, type Subscription } from './subscription.ts'

const NOTHING = new Uint8Array(0)
/** Owner of the records of readings that go on after a restart: from the start, as what was read before is not known. */
const readingsOf = (queue: number) => `reading/${queue}`

interface Reader {
  readonly access: Access
  readonly clock: Clock
  readonly running: RunningClock
  /** 0: no limit. */
  readonly perSecond: number
  finished(reading: Reading): void
}

class Reading implements Source {
  readonly subscription: Subscription
  readonly #reader: Reader
  readonly #rest: Generator<KeptTopic>
  readonly #identifiers: readonly number[] | undefined
  /** What may be read before `#timer`. */
  #allowance: number
  #timer: Timer | undefined

  constructor(subscription: Subscription, rest: Generator<KeptTopic>, reader: Reader) {
    this.subscription = subscription
    this.#rest = rest
    this.#reader = reader
    const { identifier } = subscription
    this.#identifiers = identifier === undefined ? undefined : [identifier]
    this.#allowance = reader.perSecond === 0 ? Number.POSITIVE_INFINITY : reader.perSecond
  }

  /** Puts the first messages into the queue. False: that was all. */
  begin(): boolean {
    const { session } = this.subscription
    let bytes = 0
    for (let count = 0; count < RETAINED_AT_ONCE_MAX && bytes < RETAINED_AT_ONCE_BYTES_MAX; count++) {
      if (this.#spent(session)) return true
      const message = this.#next()
      if (message === undefined) return false
      bytes += message.size
      session.enqueue(message, this.#qosOf(message), true, this.#identifiers)
    }
    return true
  }

  feed(session: Session): boolean {
    if (this.#spent(session)) return false
    const message = this.#next()
    if (message === undefined) {
      this.#reader.finished(this)
      return false
    }
    session.hand(message, this.#qosOf(message), true, this.#identifiers)
    return true
  }

  arrived(): void {}

  departed(): void {}

  stop(): void {
    this.#reader.clock.clearTimer(this.#timer)
    this.#timer = undefined
    this.#rest.return(undefined)
  }

  #next(): Message | undefined {
    const now = this.#reader.running.now()
    const { access } = this.#reader
    const { noLocal, session } = this.subscription
    for (const [topic, kept] of manual(this.#rest)) {
      const expiry = keptExpiry(kept)
      if (expiry !== 0 && expiry <= now) continue
      if (!mayReceive(access, this.subscription, topic)) continue
      const message = unpack(topic, kept)
      if (noLocal && message.publisher === session.id) continue
      this.#allowance--
      return message
    }
    return undefined
  }

  #qosOf(message: Message): Qos {
    return Math.max(Math.min(message.qos, this.subscription.qos), this.subscription.qosAtLeast) as Qos
  }

  #spent(session: Session): boolean {
    if (this.#allowance > 0) return false
    this.#timer ??= this.#reader.clock.setTimer(1000, () => {
      this.#timer = undefined
      this.#allowance = this.#reader.perSecond
      session.pump()
    })
    return true
  }
}

/** Goes on where it stood: leaving a loop over it does not end it. */
function manual(rest: Generator<KeptTopic>): Iterable<KeptTopic> {
  return { [Symbol.iterator]: () => ({ next: () => rest.next() }) }
}

/** The readings under way. */
export class RetainedReadings {
  readonly #store: Store
  readonly #retained: RetainedMessages
  readonly #reader: Reader
  readonly #bySession = new Map<Session, Map<string, Reading>>()

  constructor(store: Store, retained: RetainedMessages, clock: Clock, running: RunningClock, perSecond: number, access: Access) {
    this.#store = store
    this.#retained = retained
    this.#reader = { access, clock, running, perSecond, finished: reading => this.#end(reading, true) }
  }

  /** Gives a subscription what matches it; `filter` without what stands before it. */
  start(subscription: Subscription, filter: string): void {
    const { session } = subscription
    this.cancel(session, subscription.filter)
    if (this.#retained.count === 0) return
    const reading = new Reading(subscription, this.#retained.read(filter), this.#reader)
    if (!reading.begin()) return reading.stop()
    let readings = this.#bySession.get(session)
    if (readings === undefined) this.#bySession.set(session, (readings = new Map()))
    readings.set(subscription.filter, reading)
    if (session.durable) this.#store.putRecord(readingsOf(session.queue.number), subscription.filter, NOTHING)
    session.addSource(reading)
  }

  /** The subscription is gone, or made anew. */
  cancel(session: Session, filter: string): void {
    const reading = this.#bySession.get(session)?.get(filter)
    if (reading !== undefined) this.#end(reading, true)
  }

  /** The session has ended; its records are dropped with it. */
  sessionEnded(session: Session): void {
    const readings = this.#bySession.get(session)
    if (readings === undefined) return
    for (const reading of readings.values()) this.#end(reading, false)
    if (session.durable) this.#store.dropOwner(readingsOf(session.queue.number))
  }

  /** Takes up the readings that the run before did not finish. */
  restore(sessions: Iterable<Session>, state: StoredState): void {
    for (const session of sessions) {
      const owner = readingsOf(session.queue.number)
      for (const filter of state.records.get(owner)?.keys() ?? []) {
        const subscription = session.subscriptions?.get(filter)
        if (subscription === undefined) this.#store.deleteRecord(owner, filter)
        else this.start(subscription, formOf(filter)?.filter ?? filter)
      }
      state.records.delete(owner)
    }
  }

  #end(reading: Reading, forget: boolean): void {
    const { session, filter } = reading.subscription
    reading.stop()
    session.removeSource(reading)
    const readings = this.#bySession.get(session)
    readings?.delete(filter)
    if (readings?.size === 0) this.#bySession.delete(session)
    if (forget && session.durable) this.#store.deleteRecord(readingsOf(session.queue.number), filter)
  }
}
