import type { Broker, Client, Message, Position } from '#broker/ports.ts'

/** Publishes that may await their commit at a time. When full, readings wait in the outbox. */
export const PUBLISH_WINDOW = 256

/** Wait before a refused publish is tried again: doubled from the first to the last. */
export const RETRY_MIN_MS = 250
export const RETRY_MAX_MS = 5000

/** Reason codes (`MQTT 5 §2.4`) with which the same publish would be refused again for ever. */
const HOPELESS: ReadonlySet<number> = new Set([0x87, 0x90, 0x95, 0x99])

export interface OutboxCounters {
  /** Messages that the broker has taken. */
  published: number
  /** Messages that it will never take: not allowed, or no valid topic. */
  refused: number
  /** Messages that were dropped for want of room, oldest first. */
  dropped: number
}

export interface OutboxEvents {
  /** The broker refused for now; call `Outbox.retry` after `delayMs`. */
  retry(delayMs: number): void
  /** A message was refused for ever. */
  refused(topic: string, reason: number): void
  /** Something was added, taken or dropped. */
  changed(): void
}

/**
 * Messages of one device on their way to the broker, in order. While the broker is congested, refuses, or has
 * {@link PUBLISH_WINDOW} of them uncommitted, they wait here, in at most `bytesMax`; then the oldest is dropped.
 */
export class Outbox {
  readonly counters: OutboxCounters = { published: 0, refused: 0, dropped: 0 }
  readonly #broker: Broker
  readonly #events: OutboxEvents
  readonly #bytesMax: number
  #client: Client | undefined
  #waiting: Message[] = []
  #head = 0
  #bytes = 0
  /** Positions that taken messages wait for, rising. */
  #uncommitted: Position[] = []
  #watching = false
  /** The broker has refused; nothing is tried before `retry` is called. */
  #refused = false
  #retryMs = RETRY_MIN_MS
  #draining = false

  constructor(broker: Broker, bytesMax: number, events: OutboxEvents) {
    this.#broker = broker
    this.#bytesMax = bytesMax
    this.#events = events
  }

  /** Bytes that wait, as {@link Message.size} counts them. */
  get bytes(): number {
    return this.#bytes
  }

  get waiting(): number {
    return this.#waiting.length - this.#head
  }

  /** Messages that the broker took and that are not durable yet. */
  get uncommitted(): number {
    return this.#uncommitted.length
  }

  /** Who publishes; undefined: nobody at the moment, everything waits. */
  use(client: Client | undefined): void {
    this.#client = client
    this.drain()
  }

  add(message: Message): void {
    this.#waiting.push(message)
    this.#bytes += message.size
    this.#drain()
    while (this.#bytes > this.#bytesMax && this.waiting > 0) {
      this.#shift()
      this.counters.dropped++
    }
    this.#events.changed()
  }

  /** Publishes what the broker takes. */
  drain(): void {
    this.#drain()
    this.#events.changed()
  }

  #drain(): void {
    if (this.#draining || this.#refused) return
    this.#draining = true
    this.#settle()
    while (this.waiting > 0 && this.#mayPublish() && this.#publish(this.#waiting[this.#head]!)) this.#shift()
    this.#draining = false
    this.#watch()
  }

  /** The wait that the event `retry` asked for is over. */
  retry(): void {
    this.#refused = false
    this.drain()
  }

  /** The broker's commits have advanced. */
  committed(): void {
    this.#watching = false
    this.drain()
  }

  #mayPublish(): boolean {
    return this.#client?.attached === true && !this.#broker.congested && this.#uncommitted.length < PUBLISH_WINDOW
  }

  /** False: the message stays and is tried again later. */
  #publish(message: Message): boolean {
    const route = this.#broker.route(message.topic)
    const outcome = route === undefined ? -0x90 : this.#client!.publish(route, message)
    if (outcome >= 0) {
      this.counters.published++
      this.#retryMs = RETRY_MIN_MS
      if (outcome > this.#broker.committed) this.#uncommitted.push(outcome)
      return true
    }
    if (HOPELESS.has(-outcome)) {
      this.counters.refused++
      this.#events.refused(message.topic, -outcome)
      return true
    }
    this.#refused = true
    this.#events.retry(this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
    return false
  }

  #shift(): void {
    this.#bytes -= this.#waiting[this.#head]!.size
    this.#head++
    if (this.#head === this.#waiting.length) {
      this.#waiting = []
      this.#head = 0
    } else if (this.#head >= 1024) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
  }

  #settle(): void {
    const durable = this.#broker.committed
    let count = 0
    while (count < this.#uncommitted.length && this.#uncommitted[count]! <= durable) count++
    if (count > 0) this.#uncommitted.splice(0, count)
  }

  #watch(): void {
    if (this.#watching || this.#uncommitted.length === 0) return
    this.#watching = true
    this.#broker.awaitCommit(this)
  }
}
