/** CONNECT out of bytes (MQTT 5 §3.1, MQTT 3.1.1 §3.1, MQTT 3.1 §3.1). */

import { malformed } from './fault.ts'
import { checkFlags } from './flags.ts'
import { checkShortest } from './frame.ts'
import type { ConnectPacket, MqttVersion, QoS, Will } from './packet.ts'
import { PacketReader } from './reader.ts'
import { REASON_CODES } from './reason-codes.ts'

/** The bits of the connect flags (MQTT 5 §3.1.2.3). */
export const CONNECT_FLAGS = {
  reserved: 0x01,
  cleanStart: 0x02,
  will: 0x04,
  willQos: 0x18,
  willRetain: 0x20,
  password: 0x40,
  username: 0x80,
} as const

/** Mosquitto and others set this bit of the protocol level of 3.1 and 3.1.1 on connections between brokers. */
export const BRIDGE_BIT = 0x80

/** The longest client identifier of MQTT 3.1 (§3.1), in characters. */
export const CLIENT_ID_MAX_3_1 = 23

/** The CONNECT that fills `start` to `end`; throws a decode error. */
export function decodeConnect(bytes: Uint8Array, start: number, end: number): ConnectPacket {
  const reader = new PacketReader(bytes, start, end, 4)
  const bodyStart = reader.offset()
  const level = readProtocol(reader)
  const version = (level & ~BRIDGE_BIT) as MqttVersion
  checkFlags(reader.header, 'connect', version)
  if (version === 5) checkShortest(bytes, start, bodyStart)
  const flags = readFlags(reader, version)
  const packet: ConnectPacket = {
    type: 'connect',
    protocolVersion: version,
    clientId: '',
    cleanStart: (flags & CONNECT_FLAGS.cleanStart) !== 0,
    keepAlive: reader.uint16('the keep alive'),
  }
  const properties = version === 5 ? reader.properties('connect') : undefined
  packet.clientId = readClientId(reader, version, packet.cleanStart)
  if ((flags & CONNECT_FLAGS.will) !== 0) packet.will = readWill(reader, version, flags)
  readCredentials(reader, version, flags, packet)
  if (properties !== undefined) packet.properties = properties
  if (level !== version) packet.bridge = true
  reader.finish()
  return packet
}

/**
 * The version that the CONNECT at `start` claims, before anything else of it is checked; undefined when it is none of
 * ours or not readable. It tells in which version a CONNECT that is malformed further on is answered.
 */
export function claimedVersion(bytes: Uint8Array, start: number, end: number): MqttVersion | undefined {
  try {
    const level = readProtocol(new PacketReader(bytes, start, end, 4))
    return (level & ~BRIDGE_BIT) as MqttVersion
  } catch {
    return undefined
  }
}

/** Protocol name and level; the level is returned with its bridge bit. */
function readProtocol(reader: PacketReader): number {
  const offset = reader.offset() + 2
  const name = reader.binary('the protocol name')
  const level = reader.uint8('the protocol level')
  const version = nameIs(name, 'MQTT') ? 4 : nameIs(name, 'MQIsdp') ? 3 : 0
  // [MQTT-3.1.2-1]
  if (version === 0)
    reader.fail(REASON_CODES.unsupportedProtocolVersion, 'the protocol name is neither MQTT nor MQIsdp', reader.offset() - offset)
  const isKnown = version === 4 ? level === 5 || (level & ~BRIDGE_BIT) === 4 : (level & ~BRIDGE_BIT) === 3
  // [MQTT-3.1.2-2]
  if (!isKnown) reader.fail(REASON_CODES.unsupportedProtocolVersion, `protocol level ${level} is not supported`, 1)
  return level
}

function nameIs(name: Uint8Array, expected: string): boolean {
  if (name.length !== expected.length) return false
  for (let index = 0; index < expected.length; index += 1) {
    if (name[index] !== expected.charCodeAt(index)) return false
  }
  return true
}

function readFlags(reader: PacketReader, version: MqttVersion): number {
  const flags = reader.uint8('the connect flags')
  const willBits = CONNECT_FLAGS.willQos | CONNECT_FLAGS.willRetain
  const hasWill = (flags & CONNECT_FLAGS.will) !== 0
  // [MQTT-3.1.2-12], MQTT 3.1.1 [MQTT-3.1.2-14]
  if (hasWill && (flags & CONNECT_FLAGS.willQos) === CONNECT_FLAGS.willQos) malformed('the QoS of the will is 3', reader.offset(1))
  if (version !== 5 && (flags & CONNECT_FLAGS.username) === 0 && (flags & CONNECT_FLAGS.password) !== 0) {
    // MQTT 3.1.1 [MQTT-3.1.2-22]; MQTT 3.1 §3.1. MQTT 5 allows it.
    malformed('a password without a user name', reader.offset(1))
  }
  // MQTT 3.1 (§3.1) calls the lowest bit unused and disregards the will's bits when there is no will.
  if (version === 3) return flags
  // [MQTT-3.1.2-3]
  if ((flags & CONNECT_FLAGS.reserved) !== 0) malformed('the reserved connect flag is set', reader.offset(1))
  // [MQTT-3.1.2-11] [MQTT-3.1.2-13]
  if (!hasWill && (flags & willBits) !== 0) malformed('QoS or retain of a will without a will', reader.offset(1))
  return flags
}

function readClientId(reader: PacketReader, version: MqttVersion, cleanStart: boolean): string {
  const offset = reader.offset()
  const clientId = reader.text('the client identifier')
  const fits = version === 5 || (version === 4 ? clientId !== '' || cleanStart : clientId !== '' && isWithin3_1(clientId))
  // MQTT 3.1.1 [MQTT-3.1.3-7] [MQTT-3.1.3-8]; MQTT 3.1 §3.1: 1 to 23 characters.
  if (!fits)
    reader.fail(REASON_CODES.clientIdentifierNotValid, 'this version does not allow the client identifier', reader.offset() - offset)
  return clientId
}

/** Whether a client identifier is short enough for MQTT 3.1. */
export function isWithin3_1(clientId: string): boolean {
  return clientId.length <= CLIENT_ID_MAX_3_1 || Array.from(clientId).length <= CLIENT_ID_MAX_3_1
}

function readWill(reader: PacketReader, version: MqttVersion, flags: number): Will {
  const properties = version === 5 ? reader.properties('will') : undefined
  const will: Will = {
    topic: reader.topicName('the topic of the will'),
    payload: reader.binary('the payload of the will'),
    qos: ((flags & CONNECT_FLAGS.willQos) >>> 3) as QoS,
    retain: (flags & CONNECT_FLAGS.willRetain) !== 0,
  }
  if (properties !== undefined) will.properties = properties
  return will
}

function readCredentials(reader: PacketReader, version: MqttVersion, flags: number, packet: ConnectPacket): void {
  // MQTT 3.1 (§3.1): the remaining length takes precedence over the flags, as clients of its forerunner set them and send nothing.
  const mayBeMissing = version === 3
  if ((flags & CONNECT_FLAGS.username) !== 0 && !(mayBeMissing && reader.remaining === 0)) packet.username = reader.text('the user name')
  if ((flags & CONNECT_FLAGS.password) !== 0 && !(mayBeMissing && reader.remaining === 0)) packet.password = reader.binary('the password')
}
