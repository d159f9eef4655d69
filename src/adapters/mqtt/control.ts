/** Every packet but CONNECT and PUBLISH. */
import { GatewayError } from '#base/errors.ts'
import type { Client } from '#broker/ports.ts'
import {
  type AuthPacket,
  type DisconnectPacket,
  encodePacket,
  type Packet,
  type PubackPacket,
  type PubrecPacket,
  REASON_CODES,
  SUBACK_FAILURE,
  type SubscribePacket,
  type UnsubscribePacket,
} from '#codecs/mqtt/index.ts'
import type { MqttConnection } from './connection.ts'
import { requirePlain } from './plain-names.ts'
import { explainedFrame, explanationOf } from './reason-string.ts'

const PUBACK = 0x40
const PUBREC = 0x50
const PUBREL = 0x62
const PUBCOMP = 0x70
/** Reason codes of a DISCONNECT that a client may send; the others are a server's (`MQTT 5 §3.14.2.1`). */
const CLIENT_DISCONNECT_CODES: ReadonlySet<number> = new Set([
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
])
const PINGRESP = Uint8Array.of(0xd0, 0)

/**
 * The four bytes of an acknowledgement without a reason, which is nearly every one, without making a packet of them.
 * False: it is something else, to be decoded and looked at more closely.
 */
export function handleAcknowledgement(connection: MqttConnection, client: Client, bytes: Uint8Array, start: number): boolean {
  const packetId = (bytes[start + 2] << 8) | bytes[start + 3]
  if (packetId === 0) return false
  switch (bytes[start]) {
    case PUBACK:
      return client.acknowledge(packetId)
    case PUBREC:
      return client.received(packetId)
    case PUBREL:
      released(connection, client, packetId)
      return true
    case PUBCOMP:
      return client.complete(packetId)
    default:
      return false
  }
}

/** @throws GatewayError `decode-malformed` with reason 0x82 for a packet that a client may not send now */
export function handleControl(connection: MqttConnection, client: Client, packet: Packet): void {
  switch (packet.type) {
    case 'puback':
      return puback(client, packet)
    case 'pubrec':
      return pubrec(connection, client, packet)
    case 'pubrel':
      return released(connection, client, packet.packetId)
    case 'pubcomp':
      if (!client.complete(packet.packetId)) requireAwaited(client, packet.packetId, 'pubcomp')
      return
    case 'subscribe':
      return subscribe(connection, client, packet)
    case 'unsubscribe':
      return unsubscribe(connection, client, packet)
    case 'pingreq':
      connection.output.put(PINGRESP, 0, 2)
      return
    case 'disconnect':
      return disconnect(connection, packet)
    case 'auth':
      return auth(connection, packet)
    default:
      // A second CONNECT [MQTT-3.1.0-2], or what only a server sends.
      throw new GatewayError('decode-malformed', `a client may not send ${packet.type.toUpperCase()} now`, {
        reason: REASON_CODES.protocolError,
        offset: 0,
      })
  }
}

function puback(client: Client, { packetId, reasonCode }: PubackPacket): void {
  if (reasonCode < 0x80) {
    if (!client.acknowledge(packetId)) requireAwaited(client, packetId, 'puback')
  } else if (client.awaited(packetId) === 'puback') client.discard(packetId, 'refused-by-recipient')
}

function pubrec(connection: MqttConnection, client: Client, packet: PubrecPacket): void {
  const { packetId } = packet
  if (packet.reasonCode >= 0x80) {
    if (client.awaited(packetId) === 'pubrec') client.discard(packetId, 'refused-by-recipient')
    return
  }
  if (client.received(packetId)) return
  requireAwaited(client, packetId, 'pubrec')
  if (connection.version !== 5) connection.output.putAcknowledgement(PUBREL, packet.packetId)
  else put(connection, encodePacket({ type: 'pubrel', packetId: packet.packetId, reasonCode: REASON_CODES.packetIdentifierNotFound }, 5))
}

/** An answer to what is in flight must be the one that its QoS asks for [MQTT-4.3.2-3] [MQTT-4.3.3-4]; one to nothing is let pass. */
function requireAwaited(client: Client, packetId: number, answer: 'puback' | 'pubrec' | 'pubcomp'): void {
  const awaited = client.awaited(packetId)
  if (awaited === undefined || awaited === answer) return
  refuse(`${answer.toUpperCase()} came for a packet identifier that waits for ${awaited.toUpperCase()}`)
}

function released(connection: MqttConnection, client: Client, packetId: number): void {
  connection.unreleased?.delete(packetId)
  const outcome = client.release(packetId)
  if (outcome >= 0 || connection.version !== 5) return connection.acknowledge(Math.max(outcome, 0), PUBCOMP, packetId)
  const reasonCode = REASON_CODES.packetIdentifierNotFound
  connection.answer(0, { frame: encodePacket({ type: 'pubcomp', packetId, reasonCode }, 5) })
}

/** A filter as the broker knows it. */
function mounted({ listener }: MqttConnection, filter: string): string {
  return listener.mountpoint === undefined ? filter : listener.mountpoint.filter(filter)
}

/** Deliveries wait until the SUBACK is written, so that retained messages come after it. */
function subscribe(connection: MqttConnection, client: Client, packet: SubscribePacket): void {
  for (const { filter } of packet.subscriptions) requirePlain('a topic filter', filter)
  const identifier = packet.properties?.subscriptionIdentifier?.[0]
  client.hold()
  const { codes, position } = client.subscribe(
    packet.subscriptions.map(subscription => ({ ...subscription, filter: mounted(connection, subscription.filter), identifier })),
  )
  // MQTT 3.1.1 §3.9.3: 0x80 is its only refusal.
  const reasonCodes = connection.version === 5 ? codes : codes.map(code => (code >= 0x80 ? SUBACK_FAILURE : code))
  const suback = { type: 'suback', packetId: packet.packetId, reasonCodes } as const
  const frame =
    connection.version === 5 ? explainedFrame(connection, suback, explanationOfAll(codes)) : encodePacket(suback, connection.version)
  connection.answer(position, { frame, after: () => client.resume() })
}

function unsubscribe(connection: MqttConnection, client: Client, packet: UnsubscribePacket): void {
  for (const filter of packet.filters) requirePlain('a topic filter', filter)
  const { codes, position } = client.unsubscribe(packet.filters.map(filter => mounted(connection, filter)))
  const reasonCodes = connection.version === 5 ? codes : []
  connection.answer(position, { frame: encodePacket({ type: 'unsuback', packetId: packet.packetId, reasonCodes }, connection.version) })
}

/** A SUBACK has one Reason String for all its filters: that of the first refusal. */
function explanationOfAll(codes: readonly number[]): string | undefined {
  const refused = codes.find(code => code >= 0x80)
  return refused === undefined ? undefined : explanationOf(refused)
}

function disconnect(connection: MqttConnection, packet: DisconnectPacket): void {
  const { reasonCode, properties = {} } = packet
  if (!CLIENT_DISCONNECT_CODES.has(reasonCode)) refuse(`a client may not send DISCONNECT with reason code ${reasonCode}`)
  if (properties.serverReference !== undefined) refuse('a client has no server to refer to')
  const expiry = properties.sessionExpiryInterval
  if (expiry !== undefined) {
    // §3.14.2.2.2
    if (connection.sessionExpirySeconds === 0 && expiry !== 0) refuse('a session that was to end with its connection cannot be prolonged')
    connection.sessionExpirySeconds = expiry
  }
  // The will is void only for a normal disconnection [MQTT-3.14.4-3].
  connection.end('disconnected', 0, reasonCode === REASON_CODES.success)
}

function auth(connection: MqttConnection, packet: AuthPacket): void {
  if (connection.authentication === undefined) refuse(`AUTH ${packet.reasonCode} came though no method was agreed on`)
  connection.authentication.take(packet)
}

function refuse(message: string): never {
  throw new GatewayError('decode-malformed', message, { reason: REASON_CODES.protocolError, offset: 0 })
}

function put(connection: MqttConnection, frame: Uint8Array): void {
  connection.output.put(frame, 0, frame.length)
}
