/** What a recipient answers to its deliveries: PUBACK, PUBREC, PUBCOMP, or a refusal. */
import type { Entry } from './message.ts'
import type { DropReason, Sink } from './ports.ts'
import type { DeliveryQueue } from './queue.ts'
import type { Store } from './store-port.ts'

/** The session whose deliveries they are. */
export interface AnsweredSession {
  readonly queue: DeliveryQueue
  readonly durable: boolean
  readonly sink: Sink | undefined
  pump(): void
  /** Calls `committed` at the next commit. */
  awaitCommit(): void
  drop(reason: DropReason, messages: number): void
}

export class Answers {
  readonly #store: Store
  readonly #session: AnsweredSession
  /** Entries whose PUBREC is being committed, in its order [MQTT-4.6.0-4]. */
  #releases: Entry[] | undefined

  constructor(store: Store, session: AnsweredSession) {
    this.#store = store
    this.#session = session
  }

  acknowledge(packetId: number): boolean {
    const entry = this.#session.queue.find(packetId)
    if (entry === undefined || entry.qos !== 1) return false
    this.#session.queue.finish(entry)
    this.#session.pump()
    return true
  }

  received(packetId: number): boolean {
    const session = this.#session
    const entry = session.queue.find(packetId)
    if (entry === undefined || entry.qos !== 2) return false
    if (entry.state === 'received') {
      if (this.#releases?.includes(entry) !== true) session.sink?.release(packetId)
      return true
    }
    entry.state = 'received'
    if (!session.durable) {
      session.sink?.release(packetId)
      return true
    }
    entry.position = this.#store.markReceived(session.queue.number, entry)
    this.#releases ??= []
    this.#releases.push(entry)
    session.awaitCommit()
    return true
  }

  /** What the entry in flight under a packet id waits for. */
  awaited(packetId: number): 'puback' | 'pubrec' | 'pubcomp' | undefined {
    const entry = this.#session.queue.find(packetId)
    if (entry === undefined) return undefined
    if (entry.qos === 1) return 'puback'
    return entry.state === 'received' ? 'pubcomp' : 'pubrec'
  }

  complete(packetId: number): boolean {
    const entry = this.#session.queue.find(packetId)
    if (entry === undefined || entry.qos !== 2 || entry.state !== 'received') return false
    this.#session.queue.finish(entry)
    this.#session.pump()
    return true
  }

  discard(packetId: number, reason: DropReason): boolean {
    const entry = this.#session.queue.find(packetId)
    if (entry === undefined) return false
    this.#session.queue.finish(entry)
    this.#session.drop(reason, 1)
    this.#session.pump()
    return true
  }

  /** The store has committed: PUBRELs leave. */
  committed(position: number): void {
    const releases = this.#releases
    while (releases !== undefined && releases.length > 0) {
      if (releases[0].position > position) return this.#session.awaitCommit()
      this.#session.sink?.release(releases.shift()!.packetId)
    }
  }

  /** The connection is over. */
  forget(): void {
    this.#releases = undefined
  }
}
