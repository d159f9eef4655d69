/** PUBACK, PUBREC, PUBREL and PUBCOMP (MQTT 5 §3.4 to §3.7): four packets of one form. */

import { propertiesSize, sizeWithLength, writeProperties } from './encode-properties.ts'
import { protocolError, unencodable } from './fault.ts'
import { checkFlags, headerOf } from './flags.ts'
import type { MqttVersion, PubackPacket, PubcompPacket, PubrecPacket, PubrelPacket } from './packet.ts'
import type { PacketReader } from './reader.ts'
import { isReasonCodeOf } from './reason-codes.ts'
import { PacketWriter, requirePacketId } from './writer.ts'

export type AcknowledgementPacket = PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket
export type AcknowledgementType = AcknowledgementPacket['type']

export function decodeAcknowledgement(type: AcknowledgementType, reader: PacketReader, version: MqttVersion): AcknowledgementPacket {
  checkFlags(reader.header, type, version)
  const packet: AcknowledgementPacket = { type, packetId: reader.packetId(), reasonCode: 0 }
  // §3.4.2.1: without a reason code it is 0; §3.4.2.2.1: with less than four bytes there are no properties.
  if (version !== 5 || reader.remaining === 0) return packet
  packet.reasonCode = reader.uint8('the reason code')
  if (!isReasonCodeOf(type, packet.reasonCode)) {
    // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
    protocolError(`a ${type.toUpperCase()} has no reason code ${packet.reasonCode}`, reader.offset(1))
  }
  const properties = reader.remaining > 0 ? reader.properties(type) : undefined
  if (properties !== undefined) packet.properties = properties
  return packet
}

export function encodeAcknowledgement(packet: AcknowledgementPacket, version: MqttVersion): Uint8Array {
  const { type, packetId, reasonCode, properties } = packet
  const size = version === 5 ? propertiesSize(properties, type) : 0
  if (version !== 5 || (reasonCode === 0 && size === 0)) return acknowledgementFrame(type, packetId)
  requirePacketId(packetId)
  if (!isReasonCodeOf(type, reasonCode)) unencodable(`a ${type.toUpperCase()} has no reason code ${reasonCode}`)
  const writer = PacketWriter.packet(headerOf(type), size === 0 ? 3 : 3 + sizeWithLength(size))
  writer.uint16(packetId)
  writer.uint8(reasonCode)
  if (size > 0) writeProperties(writer, properties, size)
  return writer.finish()
}

/** The four bytes of an acknowledgement that says success, alike in every version. Throws `encode-range` for a bad `packetId`. */
export function acknowledgementFrame(type: AcknowledgementType, packetId: number): Uint8Array {
  requirePacketId(packetId)
  const frame = Buffer.allocUnsafe(4)
  frame[0] = headerOf(type)
  frame[1] = 2
  frame[2] = packetId >>> 8
  frame[3] = packetId
  return frame
}
