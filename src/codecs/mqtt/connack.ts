/** CONNACK (MQTT 5 §3.2). */

import { propertiesSize, sizeWithLength, writeProperties } from './encode-properties.ts'
import { malformed, protocolError, unencodable } from './fault.ts'
import { checkFlags, headerOf } from './flags.ts'
import type { ConnackPacket, MqttVersion } from './packet.ts'
import type { PacketReader } from './reader.ts'
import { CONNACK_RETURN_CODES, isReasonCodeOf } from './reason-codes.ts'
import { PacketWriter } from './writer.ts'

export function decodeConnack(reader: PacketReader, version: MqttVersion): ConnackPacket {
  checkFlags(reader.header, 'connack', version)
  // In MQTT 3.1 (§3.2) the first byte is reserved and not used.
  const flags = version === 3 ? reader.uint8('the acknowledge flags') & 0 : reader.uint8('the acknowledge flags')
  // [MQTT-3.2.2-1]
  if (flags > 1) malformed('reserved bits of the acknowledge flags are set', reader.offset(1))
  const reasonCode = reader.uint8('the reason code')
  // [MQTT-3.2.2-8]
  if (!isConnackCode(reasonCode, version)) protocolError(`a CONNACK has no reason code ${reasonCode}`, reader.offset(1))
  // [MQTT-3.2.2-6], MQTT 3.1.1 [MQTT-3.2.2-4]
  if (flags === 1 && reasonCode !== 0) protocolError('a refused connection has a session', reader.offset(2))
  const packet: ConnackPacket = { type: 'connack', sessionPresent: flags === 1, reasonCode }
  const properties = version === 5 ? reader.properties('connack') : undefined
  if (properties !== undefined) packet.properties = properties
  return packet
}

export function encodeConnack(packet: ConnackPacket, version: MqttVersion): Uint8Array {
  const { sessionPresent, reasonCode, properties } = packet
  if (!isConnackCode(reasonCode, version)) unencodable(`a CONNACK of this version has no reason code ${reasonCode}`)
  if (sessionPresent && reasonCode !== 0) unencodable('a refused connection has no session')
  const size = version === 5 ? propertiesSize(properties, 'connack') : 0
  const writer = PacketWriter.packet(headerOf('connack'), version === 5 ? 2 + sizeWithLength(size) : 2)
  // MQTT 3.1 has no such flag.
  writer.uint8(sessionPresent && version !== 3 ? 1 : 0)
  writer.uint8(reasonCode)
  if (version === 5) writeProperties(writer, properties, size)
  return writer.finish()
}

function isConnackCode(code: number, version: MqttVersion): boolean {
  if (version === 5) return isReasonCodeOf('connack', code)
  return Number.isInteger(code) && code >= 0 && code <= CONNACK_RETURN_CODES.notAuthorized
}
