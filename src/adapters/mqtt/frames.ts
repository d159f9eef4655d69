/**
 * Encoded PUBLISH frames, kept with a message and shared among its recipients: one per protocol family and with or
 * without packet identifier. A recipient gets a copy in which only the first byte and the identifier are written anew.
 */
import type { Entry, Message, MessageProperties } from '#broker/ports.ts'
import { encodeProperties, type Properties, packetIdOffset, publishFrame } from '#codecs/mqtt/index.ts'

/** MQTT 3.1 and 3.1.1 have the same PUBLISH. */
export type Family = 3 | 5

/** Bytes of one slab: copies of small packets share it, which spares a buffer object for each. */
const SLAB_BYTES = 8 * 1024

/** One encoded PUBLISH: the bytes [start, end), with the packet identifier at `idAt` (0: it has none). */
export class Frame {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly idAt: number
  readonly family: Family

  constructor(bytes: Uint8Array, start: number, end: number, idAt: number, family: Family) {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.idAt = idAt
    this.family = family
  }
}

/** The frames of a message: the packet as it came, if it can be passed on, and those that were built. */
export class MqttFrames {
  readonly received: Frame | undefined
  #built: Frame[] | undefined

  constructor(received: Frame | undefined) {
    this.received = received
  }

  find(family: Family, numbered: boolean): Frame | undefined {
    const { received } = this
    if (received !== undefined && received.family === family && (received.idAt !== 0) === numbered) return received
    return this.#built?.find(frame => frame.family === family && (frame.idAt !== 0) === numbered)
  }

  add(frame: Frame): Frame {
    this.#built ??= []
    this.#built.push(frame)
    return frame
  }
}

/** Copies packets into slabs. */
export class FrameSlab {
  #slab = Buffer.alloc(0)
  #used = 0
  /** Where the last copy begins in the returned buffer. */
  start = 0

  /** A buffer that holds the bytes [start, end) from `this.start` on. */
  copy(bytes: Buffer, start: number, end: number): Buffer {
    const count = end - start
    if (count > SLAB_BYTES / 4) {
      this.start = 0
      return Buffer.from(bytes.subarray(start, end))
    }
    if (this.#used + count > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#used = 0
    }
    this.start = this.#used
    this.#used += count
    bytes.copy(this.#slab, this.start, start, end)
    return this.#slab
  }
}

/** The frame of a message for a family, without packet identifier (QoS 0) or with room for one. Flags are not to be relied on. */
export function frameOf(message: Message, family: Family, numbered: boolean): Frame {
  const frames = message.encoded instanceof MqttFrames ? message.encoded : new MqttFrames(undefined)
  message.encoded ??= frames
  return frames.find(family, numbered) ?? frames.add(build(message, family, numbered))
}

/** What a frame of MQTT 5 carries for this recipient alone. */
export interface OwnProperties {
  identifiers: readonly number[] | undefined
  /** Seconds that are left; undefined: it does not expire. */
  expirySeconds: number | undefined
  /** As `OutgoingAliases.take` gives it: negative where it is being set, 0 for none. */
  alias: number
}

/** A frame that cannot be shared: it has subscription identifiers or a remaining expiry. */
export function ownFrame(message: Message, entry: Entry | undefined, retain: boolean, own: OwnProperties): Uint8Array {
  const properties = wireProperties(message.properties)
  if (own.identifiers !== undefined) properties.subscriptionIdentifier = [...own.identifiers]
  if (own.expirySeconds !== undefined) properties.messageExpiryInterval = own.expirySeconds
  if (own.alias !== 0) properties.topicAlias = Math.abs(own.alias)
  const topic = own.alias > 0 ? NOTHING : Buffer.from(message.topic)
  const qos = entry?.qos ?? 0
  return publishFrame(topic, message.payload, qos, retain, entry?.dup ?? false, entry?.packetId ?? 0, encodeProperties(properties), 5)
}

/** The application properties as the codec has them. */
function wireProperties(properties: MessageProperties | undefined): Properties {
  if (properties === undefined) return {}
  const { userProperties, ...rest } = properties
  return userProperties === undefined ? rest : { ...rest, userProperties: userProperties.map(([name, value]) => [name, value]) }
}

function build(message: Message, family: Family, numbered: boolean): Frame {
  const properties = family === 5 && message.properties !== undefined ? encodeProperties(wireProperties(message.properties)) : undefined
  const qos = numbered ? 1 : 0
  const version = family === 5 ? 5 : 4
  const bytes = publishFrame(Buffer.from(message.topic), message.payload, qos, false, false, qos, properties, version)
  return new Frame(bytes, 0, bytes.length, packetIdOffset(bytes), family)
}

const NOTHING = new Uint8Array(0)
