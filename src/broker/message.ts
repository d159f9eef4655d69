/** Messages and queue entries: what the broker routes and what its queues hold. */

export type Qos = 0 | 1 | 2

/**
 * Whether a message's time can be believed: `synced` (the clock was set when it was taken), `restamped` (it was
 * not, and the time was corrected once it was set), `unsynced` (it never was).
 */
export type TimeQuality = 'synced' | 'restamped' | 'unsynced'

/** The properties that travel with a message unaltered (`MQTT 5 §3.3.2.3`). */
export interface MessageProperties {
  payloadFormatIndicator?: 0 | 1
  contentType?: string
  responseTopic?: string
  correlationData?: Uint8Array
  userProperties?: readonly (readonly [string, string])[]
}

/** What a message is made of; see {@link Message} for the meaning of the fields. */
export interface MessageInit {
  topic: string
  payload: Uint8Array
  qos: Qos
  retain?: boolean
  properties?: MessageProperties | undefined
  publisher?: string
  expiresAtMs?: number
  timeMs?: number
  timeQuality?: TimeQuality
  takenAtMs?: number
}

/**
 * One published message. What it says is fixed once it is published; all its recipients share it. Fields are laid out flat and
 * the payload is a range of `bytes`, so that a message costs one object and no copy.
 */
export class Message {
  readonly topic: string
  /** Holds the payload between `payloadStart` and `payloadEnd`; may be shared with other messages. Never written to. */
  bytes: Uint8Array
  payloadStart: number
  payloadEnd: number
  /** The QoS it was published with; a delivery's QoS is the lower of this and the subscription's. */
  readonly qos: Qos
  /** The RETAIN flag it was published with. */
  readonly retain: boolean
  readonly properties: MessageProperties | undefined
  /** Client id of the publisher; empty for the gateway itself. */
  publisher = ''
  /** Running time (see `Broker.runningMs`) after which it is no longer delivered; 0: never. */
  expiresAtMs = 0
  /** Wall-clock time at which it was taken, ms since 1970; 0 until the broker has stamped it. */
  timeMs = 0
  timeQuality: TimeQuality = 'synced'
  /** Running time at which it was taken; lets a message taken before the clock was set be stamped later. */
  takenAtMs = 0
  /**
   * Encoded forms, kept by the adapter that made them and shared among recipients. An adapter uses what is of
   * its own class and leaves anything else alone.
   */
  encoded: object | undefined = undefined
  /** For the store: the shared row that holds this message, 0 when it has none. Nobody else touches it. */
  storedId = 0

  constructor(
    topic: string,
    bytes: Uint8Array,
    payloadStart: number,
    payloadEnd: number,
    qos: Qos,
    retain: boolean,
    properties?: MessageProperties,
  ) {
    this.topic = topic
    this.bytes = bytes
    this.payloadStart = payloadStart
    this.payloadEnd = payloadEnd
    this.qos = qos
    this.retain = retain
    this.properties = properties
  }

  /** The payload as a view; do not write to it. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.payloadStart, this.payloadEnd)
  }

  /** What it counts against limits: topic and payload in bytes and a fixed share for the rest. */
  get size(): number {
    return this.payloadEnd - this.payloadStart + this.topic.length + MESSAGE_OVERHEAD_BYTES
  }

  /**
   * Gives the message a payload of its own and lets go of everything else that it holds on to. For a message that
   * stays: a small one must not keep a large buffer alive.
   */
  settle(): void {
    if (this.payloadEnd - this.payloadStart === this.bytes.buffer.byteLength) return
    const own = new Uint8Array(this.payloadEnd - this.payloadStart)
    own.set(this.payload)
    this.bytes = own
    this.payloadStart = 0
    this.payloadEnd = own.length
    this.encoded = undefined
  }

  /** The same on another topic, before it is published. */
  onTopic(topic: string): Message {
    const { bytes, payloadStart, payloadEnd, qos, retain, properties } = this
    const other = new Message(topic, bytes, payloadStart, payloadEnd, qos, retain, properties)
    other.expiresAtMs = this.expiresAtMs
    return other
  }

  static from(init: MessageInit): Message {
    const { topic, payload, qos, retain = false, properties } = init
    const message = new Message(topic, payload, 0, payload.length, qos, retain, properties)
    if (init.publisher !== undefined) message.publisher = init.publisher
    if (init.expiresAtMs !== undefined) message.expiresAtMs = init.expiresAtMs
    if (init.timeMs !== undefined) message.timeMs = init.timeMs
    if (init.timeQuality !== undefined) message.timeQuality = init.timeQuality
    if (init.takenAtMs !== undefined) message.takenAtMs = init.takenAtMs
    return message
  }
}

/** What an entry costs beyond its topic and payload, in limits. */
export const MESSAGE_OVERHEAD_BYTES = 64

/** Where a queue entry stands. `received`: QoS 2, the recipient has sent PUBREC. `done`: acknowledged or dropped. */
export type EntryState = 'queued' | 'sent' | 'received' | 'done'

/** A queue whose entries others take to deliver. */
export interface Lender {
  /** The recipient has a lent entry for good, or it was dropped there. */
  settled(loan: Loan): void
}

/** An entry of a lender's queue that is in another queue for delivery. */
export interface Loan {
  readonly lender: Lender
  readonly entry: Entry
  /** Its number in the other queue, and whether it was sent from there; as of when it was recalled. */
  seq: number
  sent: boolean
}

/** A message's place in one recipient's queue. */
export class Entry {
  /** Its number in the queue; numbers rise, with gaps. */
  readonly seq: number
  readonly message: Message
  /** The QoS of this delivery. */
  readonly qos: Qos
  /** The RETAIN flag of this delivery. */
  readonly retain: boolean
  /** Subscription identifiers of the subscriptions it matched (`MQTT 5 §3.3.2.3.8`), or undefined. */
  readonly identifiers: readonly number[] | undefined
  state: EntryState = 'queued'
  /** It may have been sent before: a redelivery carries DUP. */
  dup = false
  /** The store position that must be committed before a QoS 2 entry may leave; 0: none. */
  position = 0
  /** It belongs to another queue, which hears when it is done with. */
  loan: Loan | undefined = undefined
  /** For the store: the unwritten batch that holds this entry, and its place there. Nobody else touches them. */
  storeBatch = 0
  storeIndex = 0

  constructor(seq: number, message: Message, qos: Qos, retain: boolean, identifiers: readonly number[] | undefined) {
    this.seq = seq
    this.message = message
    this.qos = qos
    this.retain = retain
    this.identifiers = identifiers
  }

  /** The packet identifier that this entry has in every delivery: 1–65535, from its number [MQTT-4.4.0-1]. */
  get packetId(): number {
    return ((this.seq - 1) % 65535) + 1
  }
}
