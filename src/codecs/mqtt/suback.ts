/** SUBACK and UNSUBACK (MQTT 5 §3.9, §3.11). */

import { propertiesSize, sizeWithLength, writeProperties } from './encode-properties.ts'
import { protocolError, unencodable } from './fault.ts'
import { checkFlags, headerOf } from './flags.ts'
import type { MqttVersion, SubackPacket, UnsubackPacket } from './packet.ts'
import type { PacketReader } from './reader.ts'
import { isReasonCodeOf, SUBACK_FAILURE } from './reason-codes.ts'
import { PacketWriter, requirePacketId } from './writer.ts'

export function decodeSuback(type: 'suback' | 'unsuback', reader: PacketReader, version: MqttVersion): SubackPacket | UnsubackPacket {
  checkFlags(reader.header, type, version)
  const packetId = reader.packetId()
  const properties = version === 5 ? reader.properties(type) : undefined
  const reasonCodes: number[] = []
  if (hasCodes(type, version)) {
    // §3.9.3, §3.11.3: a code for each filter, and there is at least one filter.
    if (reader.remaining === 0) protocolError(`a ${type.toUpperCase()} without a reason code`, reader.offset())
    while (reader.remaining > 0) reasonCodes.push(readCode(type, reader, version))
  }
  const packet: SubackPacket | UnsubackPacket = { type, packetId, reasonCodes }
  if (properties !== undefined) packet.properties = properties
  return packet
}

function readCode(type: 'suback' | 'unsuback', reader: PacketReader, version: MqttVersion): number {
  const code = reader.uint8('the reason code')
  // [MQTT-3.9.3-2] [MQTT-3.11.3-2]
  if (!isCode(type, code, version)) protocolError(`a ${type.toUpperCase()} has no reason code ${code}`, reader.offset(1))
  return code
}

/** Throws `encode-range`. The reason codes of an UNSUBACK are left out in MQTT 3, which has no field for them. */
export function encodeSuback(packet: SubackPacket | UnsubackPacket, version: MqttVersion): Uint8Array {
  const { type, packetId, reasonCodes, properties } = packet
  const codes = hasCodes(type, version) ? reasonCodes : []
  requirePacketId(packetId)
  if (codes.length === 0 && hasCodes(type, version)) unencodable(`a ${type.toUpperCase()} without a reason code`)
  for (const code of codes) {
    if (!isCode(type, code, version)) unencodable(`a ${type.toUpperCase()} of this version has no reason code ${code}`)
  }
  const size = version === 5 ? propertiesSize(properties, type) : 0
  const writer = PacketWriter.packet(headerOf(type), 2 + (version === 5 ? sizeWithLength(size) : 0) + codes.length)
  writer.uint16(packetId)
  if (version === 5) writeProperties(writer, properties, size)
  for (const code of codes) writer.uint8(code)
  return writer.finish()
}

function hasCodes(type: 'suback' | 'unsuback', version: MqttVersion): boolean {
  return type === 'suback' || version === 5
}

/** MQTT 3.1 does not name 0x80, but brokers use it there too, having no other way to refuse a filter. */
function isCode(type: 'suback' | 'unsuback', code: number, version: MqttVersion): boolean {
  if (version === 5) return isReasonCodeOf(type, code)
  return code === 0 || code === 1 || code === 2 || code === SUBACK_FAILURE
}
