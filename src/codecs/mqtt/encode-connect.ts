/** CONNECT into bytes (MQTT 5 §3.1). */

import { BRIDGE_BIT, CONNECT_FLAGS, isWithin3_1 } from './decode-connect.ts'
import { propertiesSize, sizeWithLength, writeProperties } from './encode-properties.ts'
import { unencodable } from './fault.ts'
import { headerOf } from './flags.ts'
import type { ConnectPacket, MqttVersion, Will } from './packet.ts'
import { topicFault } from './topic.ts'
import { binarySize, PacketWriter, requireInteger, textSize } from './writer.ts'

/** The bytes of a CONNECT in its own protocol version; throws `encode-range`. */
export function encodeConnect(packet: ConnectPacket): Uint8Array {
  const version = packet.protocolVersion
  const { will, username, password } = packet
  checkConnect(packet, version)
  const ownProperties = version === 5 ? propertiesSize(packet.properties, 'connect') : 0
  const willProperties = version === 5 ? propertiesSize(will?.properties, 'will') : 0
  const protocol = version === 3 ? 'MQIsdp' : 'MQTT'
  let size = textSize(protocol, 'the protocol name') + 4 + textSize(packet.clientId, 'the client identifier')
  if (version === 5) size += sizeWithLength(ownProperties)
  if (will) size += willSize(will) + (version === 5 ? sizeWithLength(willProperties) : 0)
  if (username !== undefined) size += textSize(username, 'the user name')
  if (password !== undefined) size += binarySize(password, 'the password')

  const writer = PacketWriter.packet(headerOf('connect'), size)
  writer.text(protocol)
  writer.uint8(packet.bridge ? version | BRIDGE_BIT : version)
  writer.uint8(connectFlags(packet))
  writer.uint16(packet.keepAlive)
  if (version === 5) writeProperties(writer, packet.properties, ownProperties)
  writer.text(packet.clientId)
  if (will) {
    if (version === 5) writeProperties(writer, will.properties, willProperties)
    writer.text(will.topic)
    writer.binary(will.payload)
  }
  if (username !== undefined) writer.text(username)
  if (password !== undefined) writer.binary(password)
  return writer.finish()
}

function checkConnect(packet: ConnectPacket, version: MqttVersion): void {
  requireInteger(version, 3, 5, 'the protocol version')
  requireInteger(packet.keepAlive, 0, 0xffff, 'the keep alive')
  if (packet.bridge && version === 5) unencodable('MQTT 5 has no bridge bit')
  // MQTT 3.1.1 [MQTT-3.1.2-22]
  if (version !== 5 && packet.password !== undefined && packet.username === undefined) unencodable('a password without a user name')
  // MQTT 3.1.1 [MQTT-3.1.3-7]
  if (version === 4 && packet.clientId === '' && !packet.cleanStart) unencodable('an empty client identifier needs a clean session')
  if (version === 3 && (packet.clientId === '' || !isWithin3_1(packet.clientId))) {
    unencodable('a client identifier of MQTT 3.1 has 1 to 23 characters')
  }
}

function willSize(will: Will): number {
  requireInteger(will.qos, 0, 2, 'the QoS of the will')
  const wrong = topicFault(will.topic)
  if (wrong !== undefined) unencodable(`the will: ${wrong}`)
  return textSize(will.topic, 'the topic of the will') + binarySize(will.payload, 'the payload of the will')
}

function connectFlags({ cleanStart, will, username, password }: ConnectPacket): number {
  let flags = cleanStart ? CONNECT_FLAGS.cleanStart : 0
  if (will) flags |= CONNECT_FLAGS.will | (will.qos << 3) | (will.retain ? CONNECT_FLAGS.willRetain : 0)
  if (username !== undefined) flags |= CONNECT_FLAGS.username
  if (password !== undefined) flags |= CONNECT_FLAGS.password
  return flags
}
