/** PUBLISH (MQTT 5 §3.3): as a value, and for the hot path as positions in the bytes that came. */

import { checkProperties, readProperties } from './decode-properties.ts'
import { propertiesSize, sizeWithLength, writeProperties } from './encode-properties.ts'
import { malformed, protocolError, unencodable } from './fault.ts'
import { bodyOffset, readVarint, varintLength } from './frame.ts'
import type { MqttVersion, PublishPacket, QoS } from './packet.ts'
import { checkTopicBytes, topicFault } from './topic.ts'
import { sliceUtf8 } from './utf8.ts'
import { PacketWriter, requireInteger, requirePacketId, textSize } from './writer.ts'

const PUBLISH = 0x30
const DUP = 0x08
const RETAIN = 0x01

/** Where the parts of a PUBLISH are. Positions are absolute in the bytes scanned; each end is exclusive. Reuse one object. */
export class PublishScan {
  qos: QoS = 0
  retain = false
  dup = false
  topicStart = 0
  topicEnd = 0
  /** 0 at QoS 0. */
  packetId = 0
  /** Without the property length. Equal to `propertiesEnd` when there are none, and in MQTT 3. */
  propertiesStart = 0
  propertiesEnd = 0
  /** 0 when there is none. */
  topicAlias = 0
  payloadStart = 0
  payloadEnd = 0
}

/**
 * Finds the parts of the PUBLISH that fills `start` to `end`, without making objects of them. Checks all that
 * `decodePacket` checks, except the bytes of the topic name: the caller does that once for each topic with
 * `checkTopicBytes`. Throws a decode error; `out` is undefined then.
 */
export function scanPublish(bytes: Uint8Array, start: number, end: number, version: MqttVersion, out: PublishScan): void {
  const header = bytes[start]
  let position = start + bodyOffset(bytes, start, end, version)
  if (header >>> 4 !== 3) malformed('this is not a PUBLISH', 0)
  const qos = (header >>> 1) & 3
  // [MQTT-3.3.1-4]
  if (qos === 3) malformed('the QoS is 3', 0)
  // [MQTT-3.3.1-2]
  if (qos === 0 && (header & DUP) !== 0) malformed('DUP is set at QoS 0', 0)
  out.qos = qos as QoS
  out.dup = (header & DUP) !== 0
  out.retain = (header & RETAIN) !== 0

  if (position + 2 > end) malformed('the packet ends inside the topic name', position - start)
  out.topicStart = position + 2
  position = out.topicEnd = position + 2 + ((bytes[position] << 8) | bytes[position + 1])
  if (position > end) malformed('the packet ends inside the topic name', out.topicStart - start)

  out.packetId = 0
  if (qos > 0) {
    if (position + 2 > end) malformed('the packet ends inside the packet identifier', position - start)
    out.packetId = (bytes[position] << 8) | bytes[position + 1]
    // [MQTT-2.2.1-3] [MQTT-2.2.1-4]
    if (out.packetId === 0) protocolError('the packet identifier is 0', position - start)
    position += 2
  }

  out.topicAlias = 0
  if (version === 5) position = scanProperties(bytes, position, start, end, out)
  else out.propertiesStart = out.propertiesEnd = position
  // §3.3.2.1; in MQTT 3 [MQTT-4.7.3-1]
  if (out.topicStart === out.topicEnd && out.topicAlias === 0) protocolError('the topic name is empty', out.topicStart - start)
  out.payloadStart = position
  out.payloadEnd = end
}

function scanProperties(bytes: Uint8Array, position: number, start: number, end: number, out: PublishScan): number {
  const read = readVarint(bytes, position, end, start)
  out.propertiesStart = position + (read & 3) + 1
  out.propertiesEnd = out.propertiesStart + (read >>> 2)
  if (out.propertiesEnd > end) malformed('the packet ends inside the properties', out.propertiesStart - start)
  if (out.propertiesEnd > out.propertiesStart) {
    out.topicAlias = checkProperties(bytes, out.propertiesStart, out.propertiesEnd, 'publish', start)
  }
  return out.propertiesEnd
}

const scan = new PublishScan()

/** The PUBLISH that fills `start` to `end`; its payload is a view. Throws a decode error. */
export function decodePublish(bytes: Uint8Array, start: number, end: number, version: MqttVersion): PublishPacket {
  scanPublish(bytes, start, end, version, scan)
  const { topicStart, topicEnd } = scan
  const topic = topicStart === topicEnd ? '' : sliceUtf8(bytes, topicStart, topicEnd, checkTopicBytes(bytes, topicStart, topicEnd, start))
  const payload = bytes.subarray(scan.payloadStart, end)
  const packet: PublishPacket = { type: 'publish', topic, payload, qos: scan.qos, retain: scan.retain, dup: scan.dup }
  if (scan.qos > 0) packet.packetId = scan.packetId
  if (scan.propertiesEnd > scan.propertiesStart) {
    packet.properties = readProperties(bytes, scan.propertiesStart, scan.propertiesEnd)
  }
  return packet
}

/** The bytes of a PUBLISH; throws `encode-range`. */
export function encodePublish(packet: PublishPacket, version: MqttVersion): Uint8Array {
  const header = publishHeader(packet.qos, packet.retain, packet.dup)
  const withoutTopic = packet.topic === '' && version === 5 && packet.properties?.topicAlias !== undefined
  const wrong = withoutTopic ? undefined : topicFault(packet.topic)
  if (wrong !== undefined) unencodable(wrong)
  const idSize = packetIdSize(packet.qos, packet.packetId)
  const size = version === 5 ? propertiesSize(packet.properties, 'publish') : 0
  const propertiesPart = version === 5 ? sizeWithLength(size) : 0
  const writer = PacketWriter.packet(header, textSize(packet.topic, 'the topic name') + idSize + propertiesPart + packet.payload.length)
  writer.text(packet.topic)
  if (idSize > 0) writer.uint16(packet.packetId ?? 0)
  if (version === 5) writeProperties(writer, packet.properties, size)
  writer.raw(packet.payload)
  return writer.finish()
}

/** The first byte of a PUBLISH; throws `encode-range` for a QoS beyond 2 and for DUP at QoS 0. */
function publishHeader(qos: number, retain: boolean, dup: boolean): number {
  requireInteger(qos, 0, 2, 'the QoS')
  // [MQTT-3.3.1-2]
  if (dup && qos === 0) unencodable('DUP is set at QoS 0')
  return PUBLISH | (dup ? DUP : 0) | (qos << 1) | (retain ? RETAIN : 0)
}

function packetIdSize(qos: number, packetId: number | undefined): number {
  if (qos > 0) {
    requirePacketId(packetId)
    return 2
  }
  // [MQTT-2.2.1-2]
  if (packetId !== undefined && packetId !== 0) unencodable('a PUBLISH at QoS 0 has no packet identifier')
  return 0
}

/**
 * A PUBLISH from parts that are already bytes, for messages whose encoding is shared. `topicBytes` and `propertiesBytes`
 * (without property length; not used in MQTT 3) are taken as valid: they come from `checkTopicBytes`, a scan, or
 * `encodeProperties`. `packetId` is 0 at QoS 0. One allocation. Throws `encode-range`.
 */
export function publishFrame(
  topicBytes: Uint8Array,
  payload: Uint8Array,
  qos: QoS,
  retain: boolean,
  dup: boolean,
  packetId: number,
  propertiesBytes: Uint8Array | undefined,
  version: MqttVersion,
): Uint8Array {
  const header = publishHeader(qos, retain, dup)
  const idSize = packetIdSize(qos, packetId)
  if (topicBytes.length > 0xffff) unencodable(`the topic name is ${topicBytes.length} bytes long, more than 65535`)
  const properties = version === 5 ? propertiesBytes : undefined
  const size = properties === undefined ? 0 : properties.length
  const propertiesPart = version === 5 ? varintLength(size) + size : 0
  const writer = PacketWriter.packet(header, 2 + topicBytes.length + idSize + propertiesPart + payload.length)
  writer.binary(topicBytes)
  if (idSize > 0) writer.uint16(packetId)
  if (version === 5) writer.varint(size)
  if (properties !== undefined) writer.raw(properties)
  writer.raw(payload)
  return writer.finish()
}

/** Where the packet identifier of a whole PUBLISH frame is; 0 at QoS 0, which has none. */
export function packetIdOffset(frame: Uint8Array): number {
  if ((frame[0] & 0x06) === 0) return 0
  let position = 1
  while (frame[position] >= 0x80) position += 1
  return position + 3 + ((frame[position + 1] << 8) | frame[position + 2])
}

/** Overwrites the two bytes of a packet identifier at `offset`; `packetId`: 1 to 65535. */
export function patchPacketId(frame: Uint8Array, offset: number, packetId: number): void {
  frame[offset] = packetId >>> 8
  frame[offset + 1] = packetId
}

/** Sets or clears DUP in the first byte of a PUBLISH frame (MQTT 5 §3.3.1.1). */
export function patchDup(frame: Uint8Array, dup: boolean): void {
  frame[0] = dup ? frame[0] | DUP : frame[0] & ~DUP
}
