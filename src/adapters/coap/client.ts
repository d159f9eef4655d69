import type { Clock } from '#base/clock.ts'
import type { PublishRate } from '#base/publish-rate.ts'
import type { Client, CloseReason, DropReason, Entry, Identity, Message, Qos, Route, Sink } from '#broker/ports.ts'
import { CODE, contentFormatOf } from '#codecs/coap/index.ts'
import type { Observer } from './endpoint-observer.ts'
import type { CoapResponse, Notification } from './endpoint-types.ts'

/** A filter that some of the client's observers want. The broker knows it by its identifier. */
interface Subscription {
  readonly filter: string
  readonly identifier: number
  readonly observers: Set<Observer>
  qos: Qos
}

const FINAL_CODES: Readonly<Record<CloseReason, number>> = {
  'taken-over': CODE.ServiceUnavailable,
  'shutting-down': CODE.ServiceUnavailable,
  'quota-exceeded': CODE.ServiceUnavailable,
  'session-ended': CODE.NotFound,
  kicked: CODE.Forbidden,
  banned: CODE.Forbidden,
  'not-authorized': CODE.Forbidden,
}

/** One device as a client of the broker: its observations are the subscriptions. */
export class CoapClient implements Sink {
  /** Never: what waits for a slow observer waits in the broker's queue (QoS 1) or is bounded by the observer (QoS 0). */
  readonly congested = false
  readonly key: string
  readonly username: string | undefined
  readonly password: string | undefined
  lastUsedMs: number
  readonly #clock: Clock
  readonly #gone: (client: CoapClient) => void
  readonly #byFilter = new Map<string, Subscription>()
  readonly #byIdentifier = new Map<number, Subscription>()
  #client!: Client
  /** For a device whose rate of publishes is limited. */
  rate: PublishRate | undefined
  #nextIdentifier = 1
  #packetId = 0
  #closed = false

  constructor(
    key: string,
    credentials: { username: string | undefined; password: string | undefined },
    clock: Clock,
    gone: (client: CoapClient) => void,
  ) {
    this.key = key
    this.username = credentials.username
    this.password = credentials.password
    this.#clock = clock
    this.#gone = gone
    this.lastUsedMs = clock.monotonic()
  }

  /** Binds it to its attachment; called once, right after `attach`. */
  bind(client: Client): void {
    this.#client = client
  }

  get broker(): Client {
    return this.#client
  }

  get identity(): Identity {
    return this.#client.identity
  }

  get observing(): boolean {
    return this.#byFilter.size > 0
  }

  /**
   * Publishes; returns what `Client.publish` returns. That nothing is published twice is up to CoAP's own message ids, so
   * that the packet id of QoS 2 is given back at once.
   */
  publish(route: Route, message: Message): number {
    this.lastUsedMs = this.#clock.monotonic()
    if (message.qos < 2) return this.#client.publish(route, message)
    this.#packetId = (this.#packetId % 0xffff) + 1
    const position = this.#client.publish(route, message, this.#packetId)
    if (position >= 0) this.#client.release(this.#packetId)
    return position
  }

  /**
   * Subscribes an observer. Retained messages come as notifications if the filter has wildcards.
   * @returns the granted QoS, or a refusal ≥ 0x80 (`MQTT 5 §2.4`), and the position to wait for before the answer
   */
  subscribe(filter: string, qos: Qos, observer: Observer, wantsRetained: boolean): { code: number; position: number; first: boolean } {
    const known = this.#byFilter.get(filter)
    const subscription = known ?? { filter, identifier: this.#nextIdentifier, observers: new Set<Observer>(), qos }
    const first = known === undefined
    if (!first && qos <= subscription.qos) {
      subscription.observers.add(observer)
      return { code: subscription.qos, position: 0, first }
    }
    if (first) {
      this.#nextIdentifier++
      this.#byFilter.set(filter, subscription)
      this.#byIdentifier.set(subscription.identifier, subscription)
    }
    subscription.observers.add(observer)
    const retainHandling = first && wantsRetained ? 0 : 2
    const { codes, position } = this.#client.subscribe([{ filter, qos, retainHandling, identifier: subscription.identifier }])
    if (codes[0] < 0x80) subscription.qos = codes[0] as Qos
    else {
      subscription.observers.delete(observer)
      if (first) this.#drop(subscription)
    }
    return { code: codes[0], position, first }
  }

  /** An observer is gone; the subscription goes with its last one. */
  unsubscribe(filter: string, observer: Observer): void {
    const subscription = this.#byFilter.get(filter)
    if (subscription === undefined || !subscription.observers.delete(observer) || subscription.observers.size > 0) return
    this.#drop(subscription)
    this.lastUsedMs = this.#clock.monotonic()
    if (!this.#closed) this.#client.unsubscribe([filter])
  }

  /** Ends the attachment, and what observations there are. */
  detach(): void {
    if (this.#closed) return
    this.close('session-ended')
    this.#client.detach(true, 0)
  }

  send(message: Message, _retain: boolean, identifiers: readonly number[] | undefined): void {
    const notification: Notification = { ...messageResponse(message), confirmable: false }
    for (const observer of this.#observersOf(identifiers)) observer.notify(notification)
  }

  sendRun(): boolean {
    return false
  }

  /** A QoS 1 message: acknowledged when an observer has acknowledged it and the others have it or are gone. */
  deliver(entry: Entry): void {
    const observers = this.#observersOf(entry.identifiers)
    if (observers.length === 0) {
      this.#clock.defer(() => this.#settle(entry, false))
      return
    }
    let open = observers.length
    let delivered = false
    const settled = (ok: boolean) => {
      delivered ||= ok
      // Later, not now: the broker may be in the middle of delivering.
      if (--open === 0) this.#clock.defer(() => this.#settle(entry, delivered))
    }
    const notification: Notification = { ...messageResponse(entry.message), confirmable: true, settled }
    for (const observer of observers) observer.notify(notification)
  }

  release(): void {}

  close(reason: CloseReason): void {
    if (this.#closed) return
    this.#closed = true
    const final: CoapResponse = { code: FINAL_CODES[reason] }
    for (const { observers } of [...this.#byFilter.values()]) for (const observer of [...observers]) observer.end('ended', final)
    this.#byFilter.clear()
    this.#byIdentifier.clear()
    this.#gone(this)
  }

  #settle(entry: Entry, delivered: boolean): void {
    if (this.#closed) return
    const reason: DropReason = 'refused-by-recipient'
    if (delivered) this.#client.acknowledge(entry.packetId)
    else this.#client.discard(entry.packetId, reason)
  }

  #observersOf(identifiers: readonly number[] | undefined): Observer[] {
    const found: Observer[] = []
    for (const identifier of identifiers ?? []) {
      for (const observer of this.#byIdentifier.get(identifier)?.observers ?? []) if (!found.includes(observer)) found.push(observer)
    }
    return found
  }

  #drop(subscription: Subscription): void {
    this.#byFilter.delete(subscription.filter)
    this.#byIdentifier.delete(subscription.identifier)
  }
}

/** A message as the content of a response or notification. */
export function messageResponse(message: Message): CoapResponse {
  const type = message.properties?.contentType
  return { code: CODE.Content, payload: message.payload, contentFormat: type === undefined ? undefined : contentFormatOf(type) }
}
