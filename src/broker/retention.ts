/** Which messages are retained, for how long, and how many: over the limits a message is delivered and not retained. */
import type { Logger } from '#base/logger.ts'
import { Message } from './message.ts'
import { keptExpiry } from './packed-message.ts'
import type { BrokerCounters } from './ports.ts'
import type { KeptTopic, RetainedMessages } from './retained.ts'
import type { RunningClock } from './running-clock.ts'
import type { Store } from './store-port.ts'

/** `[retained]`. */
export interface RetainedTerms {
  messagesMax: number
  /** Of all together, each as {@link Message.size} says. */
  bytesMax: number
  payloadBytesMax: number
  /** For messages that bring no expiry of their own, ms; 0: they stay. */
  expiryMs: number
  /** The most that one subscription reads per second; 0: as fast as the client takes them. */
  readPerSecond: number
}

/** What holds where nothing is configured. */
export const RETAINED_TERMS: RetainedTerms = {
  messagesMax: 1_000_000,
  bytesMax: 256 * 1024 * 1024,
  payloadBytesMax: 256 * 1024 * 1024,
  expiryMs: 0,
  readPerSecond: 0,
}

/** Messages that one sweep looks at for their expiry. */
const SWEEP_MAX = 2000

export class Retention {
  readonly #store: Store
  readonly #clock: RunningClock
  readonly #retained: RetainedMessages
  readonly #terms: RetainedTerms
  readonly #counters: BrokerCounters
  readonly #logger: Logger
  /** Topics of what the gateway tells about itself. */
  readonly #shown = new Set<string>()
  #warned = false
  /** A message with an expiry may be there. */
  #expiring = false
  #sweeping: Generator<KeptTopic> | undefined

  constructor(
    store: Store,
    clock: RunningClock,
    retained: RetainedMessages,
    terms: RetainedTerms,
    counters: BrokerCounters,
    logger: Logger,
  ) {
    this.#store = store
    this.#clock = clock
    this.#retained = retained
    this.#terms = terms
    this.#counters = counters
    this.#logger = logger
  }

  /** Takes over what the store holds, whatever the limits are now. */
  restore(messages: Iterable<Message>): void {
    for (const message of messages) {
      this.#retained.set(message)
      if (message.expiresAtMs !== 0) this.#expiring = true
    }
  }

  /** Takes a message that was published with RETAIN; one without payload clears its topic [MQTT-3.3.1-6]. */
  keep(message: Message): void {
    const { topic } = message
    if (this.#store.condition !== 'ok') {
      // A QoS 0 message (others were refused): it is delivered, but a disk that takes nothing must not be owed ever more.
      this.#counters.dropped['store-unavailable']++
    } else if (message.payloadEnd === message.payloadStart) {
      if (this.#retained.delete(topic)) this.#store.setRetained(topic, undefined)
    } else if (!this.#fits(message)) this.#refuse(topic)
    else {
      const kept = this.#withExpiry(message)
      if (kept.expiresAtMs !== 0) this.#expiring = true
      this.#retained.set(kept)
      this.#store.setRetained(topic, kept)
    }
  }

  /** Takes a value that is made anew at every start: it stays in memory. */
  show(message: Message): void {
    this.#shown.add(message.topic)
    this.#retained.set(message)
  }

  /** Messages that were published with RETAIN; what is only shown is not among them. */
  get count(): number {
    return this.#retained.count - this.#shown.size
  }

  /** Looks at a few of them, and removes those that have expired. */
  sweep(): void {
    if (!this.#expiring || this.#store.condition !== 'ok') return
    this.#sweeping ??= this.#retained.all()
    const now = this.#clock.now()
    const expired: string[] = []
    for (let looked = 0; looked < SWEEP_MAX; looked++) {
      const next = this.#sweeping.next()
      if (next.done === true) {
        this.#sweeping = undefined
        break
      }
      const [topic, kept] = next.value
      const expiry = keptExpiry(kept)
      if (expiry !== 0 && expiry <= now) expired.push(topic)
    }
    for (const topic of expired) if (this.#retained.delete(topic)) this.#store.setRetained(topic, undefined)
  }

  #fits(message: Message): boolean {
    const { messagesMax, bytesMax, payloadBytesMax } = this.#terms
    if (message.payloadEnd - message.payloadStart > payloadBytesMax) return false
    const { count, bytes } = this.#retained
    if (count < messagesMax && bytes + message.size <= bytesMax) return true
    const before = this.#retained.sizeAt(message.topic)
    return (before > 0 || count < messagesMax) && bytes - before + message.size <= bytesMax
  }

  /** What the topic had stays out: a value that is known to be old is worse than none. */
  #refuse(topic: string): void {
    this.#counters.dropped['not-retained']++
    if (this.#retained.delete(topic)) this.#store.setRetained(topic, undefined)
    if (this.#warned) return
    this.#warned = true
    const { count, bytes } = this.#retained
    this.#logger.warn('a message was delivered and not retained: a limit of [retained] is reached; further ones are only counted', {
      topic,
      messages: count,
      bytes,
    })
  }

  #withExpiry(message: Message): Message {
    const { expiryMs } = this.#terms
    if (expiryMs === 0 || message.expiresAtMs !== 0) return message
    const { topic, payload, qos, retain, properties, publisher, timeMs, timeQuality, takenAtMs } = message
    const expiresAtMs = this.#clock.now() + expiryMs
    return Message.from({ topic, payload, qos, retain, properties, publisher, timeMs, timeQuality, takenAtMs, expiresAtMs })
  }
}
