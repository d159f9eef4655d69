/**
 * Encoded PUBLISH frames, kept with a message and shared among its recipients: one per protocol family and with or
 * without packet identifier. A recipient gets a copy in which only the first byte and the identifier are written anew.
 */
import type { Entry, Message, MessageProperties } from '#broker/ports.ts'
import { encodeProperties, type Properties, packetIdOffset, publishFrame } from '#codecs/mqtt/index.ts'

/** MQTT 3.1 and 3.1.1 have the same PUBLISH. */
export type Family = 3 | 5

export class MqttFrames {
  topicBytes: Uint8Array | undefined
  plain3: Uint8Array | undefined
  plain5: Uint8Array | undefined
  numbered3: Uint8Array | undefined
  numbered5: Uint8Array | undefined
  /** Where the packet identifier stands in the numbered frames. */
  idOffset3 = 0
  idOffset5 = 0
}

export function framesOf(message: Message): MqttFrames {
  if (message.encoded instanceof MqttFrames) return message.encoded
  const frames = new MqttFrames()
  message.encoded ??= frames
  return frames
}

/** The frame of a message without packet identifier, for QoS 0. Flags are zero. */
export function plainFrame(message: Message, family: Family): Uint8Array {
  const frames = framesOf(message)
  if (family === 3) return (frames.plain3 ??= build(message, frames, 0, 0, 3))
  return (frames.plain5 ??= build(message, frames, 0, 0, 5))
}

/** The frame of a message with room for a packet identifier; `idOffset` of the frames says where. */
export function numberedFrames(message: Message, family: Family): MqttFrames {
  const frames = framesOf(message)
  if (family === 3 && frames.numbered3 === undefined) {
    frames.numbered3 = build(message, frames, 1, 1, 3)
    frames.idOffset3 = packetIdOffset(frames.numbered3)
  } else if (family === 5 && frames.numbered5 === undefined) {
    frames.numbered5 = build(message, frames, 1, 1, 5)
    frames.idOffset5 = packetIdOffset(frames.numbered5)
  }
  return frames
}

/** What a frame of MQTT 5 carries for this recipient alone. */
export interface OwnProperties {
  identifiers: readonly number[] | undefined
  /** Seconds that are left; undefined: it does not expire. */
  expirySeconds: number | undefined
}

/** A frame that cannot be shared: it has subscription identifiers or a remaining expiry. */
export function ownFrame(message: Message, entry: Entry | undefined, retain: boolean, own: OwnProperties): Uint8Array {
  const properties = wireProperties(message.properties)
  if (own.identifiers !== undefined) properties.subscriptionIdentifier = [...own.identifiers]
  if (own.expirySeconds !== undefined) properties.messageExpiryInterval = own.expirySeconds
  const topic = topicBytesOf(message, framesOf(message))
  const qos = entry?.qos ?? 0
  return publishFrame(topic, message.payload, qos, retain, entry?.dup ?? false, entry?.packetId ?? 0, encodeProperties(properties), 5)
}

/** The application properties as the codec has them. */
export function wireProperties(properties: MessageProperties | undefined): Properties {
  if (properties === undefined) return {}
  const { userProperties, ...rest } = properties
  return userProperties === undefined ? rest : { ...rest, userProperties: userProperties.map(([name, value]) => [name, value]) }
}

function build(message: Message, frames: MqttFrames, qos: 0 | 1, packetId: number, family: Family): Uint8Array {
  const topic = topicBytesOf(message, frames)
  const properties = family === 5 && message.properties !== undefined ? encodeProperties(wireProperties(message.properties)) : undefined
  return publishFrame(topic, message.payload, qos, false, false, packetId, properties, family === 5 ? 5 : 4)
}

function topicBytesOf(message: Message, frames: MqttFrames): Uint8Array {
  return (frames.topicBytes ??= Buffer.from(message.topic))
}
