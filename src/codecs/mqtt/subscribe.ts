/** SUBSCRIBE and UNSUBSCRIBE (MQTT 5 §3.8, §3.10). */

import { propertiesSize, sizeWithLength, writeProperties } from './encode-properties.ts'
import { malformed, protocolError, unencodable } from './fault.ts'
import { checkFlags, headerOf } from './flags.ts'
import type { MqttVersion, QoS, SubscribePacket, Subscription, UnsubscribePacket } from './packet.ts'
import type { PacketReader } from './reader.ts'
import { filterFault, isSharedFilter } from './topic.ts'
import { PacketWriter, requireInteger, requirePacketId, textSize } from './writer.ts'

const NO_LOCAL = 0x04
const RETAIN_AS_PUBLISHED = 0x08

export function decodeSubscribe(reader: PacketReader, version: MqttVersion): SubscribePacket {
  checkFlags(reader.header, 'subscribe', version)
  const packetId = reader.packetId()
  const properties = version === 5 ? reader.properties('subscribe') : undefined
  const subscriptions: Subscription[] = []
  // [MQTT-3.8.3-2]
  if (reader.remaining === 0) protocolError('a SUBSCRIBE without a topic filter', reader.offset())
  while (reader.remaining > 0) subscriptions.push(readSubscription(reader, version))
  const packet: SubscribePacket = { type: 'subscribe', packetId, subscriptions }
  if (properties !== undefined) packet.properties = properties
  return packet
}

function readSubscription(reader: PacketReader, version: MqttVersion): Subscription {
  const filter = reader.topicFilter()
  const options = reader.uint8('the subscription options')
  const retainHandling = (options >>> 4) & 3
  // [MQTT-3.8.3-5]; MQTT 3.1.1 [MQTT-3.8.3-4]; MQTT 3.1 (§3.8) calls the bits unused.
  const reserved = version === 5 ? 0xc0 : version === 4 ? 0xfc : 0
  if ((options & reserved) !== 0) malformed('reserved bits of the subscription options are set', reader.offset(1))
  // §3.8.3.1
  if ((options & 3) === 3) {
    if (version === 5) protocolError('the maximum QoS of a subscription is 3', reader.offset(1))
    // MQTT 3.1.1 [MQTT-3.8.3-4]
    malformed('the QoS of a subscription is 3', reader.offset(1))
  }
  const qos = (options & 3) as QoS
  if (version !== 5) return { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }
  // §3.8.3.1
  if (retainHandling === 3) protocolError('the retain handling of a subscription is 3', reader.offset(1))
  const noLocal = (options & NO_LOCAL) !== 0
  // [MQTT-3.8.3-4]
  if (noLocal && isSharedFilter(filter)) protocolError('no local on a shared subscription', reader.offset(1))
  const retainAsPublished = (options & RETAIN_AS_PUBLISHED) !== 0
  return { filter, qos, noLocal, retainAsPublished, retainHandling: retainHandling as 0 | 1 | 2 }
}

/** The bytes of a SUBSCRIBE; MQTT 3 has no room for options beyond the QoS and leaves them out. Throws `encode-range`. */
export function encodeSubscribe(packet: SubscribePacket, version: MqttVersion): Uint8Array {
  const { packetId, subscriptions, properties } = packet
  if (subscriptions.length === 0) unencodable('a SUBSCRIBE without a topic filter')
  const size = version === 5 ? propertiesSize(properties, 'subscribe') : 0
  let length = 2 + (version === 5 ? sizeWithLength(size) : 0)
  for (const subscription of subscriptions) {
    checkSubscription(subscription)
    length += filterSize(subscription.filter) + 1
  }
  requirePacketId(packetId)
  const writer = PacketWriter.packet(headerOf('subscribe'), length)
  writer.uint16(packetId)
  if (version === 5) writeProperties(writer, properties, size)
  for (const subscription of subscriptions) {
    writer.text(subscription.filter)
    writer.uint8(version === 5 ? subscriptionOptions(subscription) : subscription.qos)
  }
  return writer.finish()
}

function checkSubscription({ filter, qos, noLocal, retainHandling }: Subscription): void {
  requireInteger(qos, 0, 2, 'the QoS of a subscription')
  requireInteger(retainHandling, 0, 2, 'the retain handling')
  if (noLocal && isSharedFilter(filter)) unencodable('no local on a shared subscription')
}

function subscriptionOptions({ qos, noLocal, retainAsPublished, retainHandling }: Subscription): number {
  return qos | (noLocal ? NO_LOCAL : 0) | (retainAsPublished ? RETAIN_AS_PUBLISHED : 0) | (retainHandling << 4)
}

function filterSize(filter: string): number {
  const wrong = filterFault(filter)
  if (wrong !== undefined) unencodable(wrong)
  return textSize(filter, 'a topic filter')
}

export function decodeUnsubscribe(reader: PacketReader, version: MqttVersion): UnsubscribePacket {
  checkFlags(reader.header, 'unsubscribe', version)
  const packetId = reader.packetId()
  const properties = version === 5 ? reader.properties('unsubscribe') : undefined
  const filters: string[] = []
  // [MQTT-3.10.3-2]
  if (reader.remaining === 0) protocolError('an UNSUBSCRIBE without a topic filter', reader.offset())
  while (reader.remaining > 0) filters.push(reader.topicFilter())
  const packet: UnsubscribePacket = { type: 'unsubscribe', packetId, filters }
  if (properties !== undefined) packet.properties = properties
  return packet
}

export function encodeUnsubscribe(packet: UnsubscribePacket, version: MqttVersion): Uint8Array {
  const { packetId, filters, properties } = packet
  if (filters.length === 0) unencodable('an UNSUBSCRIBE without a topic filter')
  const size = version === 5 ? propertiesSize(properties, 'unsubscribe') : 0
  let length = 2 + (version === 5 ? sizeWithLength(size) : 0)
  for (const filter of filters) length += filterSize(filter)
  requirePacketId(packetId)
  const writer = PacketWriter.packet(headerOf('unsubscribe'), length)
  writer.uint16(packetId)
  if (version === 5) writeProperties(writer, properties, size)
  for (const filter of filters) writer.text(filter)
  return writer.finish()
}
