/** DISCONNECT and AUTH (MQTT 5 §3.14, §3.15). */

import { propertiesSize, sizeWithLength, writeProperties } from './encode-properties.ts'
import { malformed, protocolError, unencodable } from './fault.ts'
import { checkFlags, headerOf } from './flags.ts'
import type { AuthPacket, DisconnectPacket, MqttVersion } from './packet.ts'
import type { PacketReader } from './reader.ts'
import { isReasonCodeOf } from './reason-codes.ts'
import { PacketWriter } from './writer.ts'

export function decodeDisconnect(reader: PacketReader, version: MqttVersion): DisconnectPacket {
  checkFlags(reader.header, 'disconnect', version)
  const packet: DisconnectPacket = { type: 'disconnect', reasonCode: 0 }
  // §3.14.2.1: without a reason code it is 0; §3.14.2.2.1: with less than two bytes there are no properties.
  if (version !== 5 || reader.remaining === 0) return packet
  packet.reasonCode = readCode('disconnect', reader)
  const properties = reader.remaining > 0 ? reader.properties('disconnect') : undefined
  if (properties !== undefined) packet.properties = properties
  return packet
}

export function encodeDisconnect(packet: DisconnectPacket, version: MqttVersion): Uint8Array {
  const { reasonCode, properties } = packet
  if (version !== 5) return PacketWriter.packet(headerOf('disconnect'), 0).finish()
  checkCode('disconnect', reasonCode)
  const size = propertiesSize(properties, 'disconnect')
  const writer = PacketWriter.packet(headerOf('disconnect'), size > 0 ? 1 + sizeWithLength(size) : reasonCode === 0 ? 0 : 1)
  if (size > 0 || reasonCode !== 0) writer.uint8(reasonCode)
  if (size > 0) writeProperties(writer, properties, size)
  return writer.finish()
}

export function decodeAuth(reader: PacketReader, version: MqttVersion): AuthPacket {
  // MQTT 3.1.1 §2.2.1: type 15 is reserved.
  if (version !== 5) malformed('packet type 15 is reserved', 0)
  checkFlags(reader.header, 'auth', version)
  const packet: AuthPacket = { type: 'auth', reasonCode: 0 }
  // §3.15.2.1: reason code and property length are left out together, and only for success without properties.
  if (reader.remaining === 0) return packet
  packet.reasonCode = readCode('auth', reader)
  const offset = reader.offset()
  const properties = reader.properties('auth')
  // §3.15.2.2.2
  if (properties?.authenticationMethod === undefined) protocolError('an AUTH without an authentication method', offset)
  packet.properties = properties
  return packet
}

/** Throws `encode-range`, also in MQTT 3, which has no AUTH. */
export function encodeAuth(packet: AuthPacket, version: MqttVersion): Uint8Array {
  const { reasonCode, properties } = packet
  if (version !== 5) unencodable('AUTH is a packet of MQTT 5')
  checkCode('auth', reasonCode)
  const size = propertiesSize(properties, 'auth')
  if (size === 0 && reasonCode === 0) return PacketWriter.packet(headerOf('auth'), 0).finish()
  if (properties?.authenticationMethod === undefined) unencodable('an AUTH without an authentication method')
  const writer = PacketWriter.packet(headerOf('auth'), 1 + sizeWithLength(size))
  writer.uint8(reasonCode)
  writeProperties(writer, properties, size)
  return writer.finish()
}

function readCode(type: 'disconnect' | 'auth', reader: PacketReader): number {
  const code = reader.uint8('the reason code')
  // [MQTT-3.14.2-1] [MQTT-3.15.2-1]
  if (!isReasonCodeOf(type, code)) protocolError(`a ${type.toUpperCase()} has no reason code ${code}`, reader.offset(1))
  return code
}

function checkCode(type: 'disconnect' | 'auth', code: number): void {
  if (!isReasonCodeOf(type, code)) unencodable(`a ${type.toUpperCase()} has no reason code ${code}`)
}
