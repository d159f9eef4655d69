/** Every packet but CONNECT and PUBLISH. */
import { GatewayError } from '#base/errors.ts'
import type { Client } from '#broker/ports.ts'
import {
  type AuthPacket,
  type DisconnectPacket,
  encodePacket,
  type Packet,
  type PubrecPacket,
  REASON_CODES,
  SUBACK_FAILURE,
  type SubscribePacket,
  type UnsubscribePacket,
} from '#codecs/mqtt/index.ts'
import type { MqttConnection } from './connection.ts'

const PUBACK = 0x40
const PUBREC = 0x50
const PUBREL = 0x62
const PUBCOMP = 0x70
const PINGRESP = Uint8Array.of(0xd0, 0)

/**
 * The four bytes of an acknowledgement without a reason, which is nearly every one, without making a packet of them.
 * False: it is something else, to be decoded.
 */
export function handleAcknowledgement(connection: MqttConnection, client: Client, bytes: Uint8Array, start: number): boolean {
  const packetId = (bytes[start + 2] << 8) | bytes[start + 3]
  if (packetId === 0) return false
  switch (bytes[start]) {
    case PUBACK:
      client.acknowledge(packetId)
      return true
    case PUBREC:
      if (client.received(packetId)) return true
      return false
    case PUBREL:
      released(connection, client, packetId)
      return true
    case PUBCOMP:
      client.complete(packetId)
      return true
    default:
      return false
  }
}

/** @throws GatewayError `decode-malformed` with reason 0x82 for a packet that a client may not send now */
export function handleControl(connection: MqttConnection, client: Client, packet: Packet): void {
  switch (packet.type) {
    case 'puback':
      client.acknowledge(packet.packetId)
      return
    case 'pubrec':
      return pubrec(connection, client, packet)
    case 'pubrel':
      return released(connection, client, packet.packetId)
    case 'pubcomp':
      client.complete(packet.packetId)
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
      return auth(packet)
    default:
      // A second CONNECT [MQTT-3.1.0-2], or what only a server sends.
      throw new GatewayError('decode-malformed', `a client may not send ${packet.type.toUpperCase()} now`, {
        reason: REASON_CODES.protocolError,
        offset: 0,
      })
  }
}

function pubrec(connection: MqttConnection, client: Client, packet: PubrecPacket): void {
  if (packet.reasonCode >= 0x80) client.discard(packet.packetId, 'refused-by-recipient')
  else if (client.received(packet.packetId)) return
  else if (connection.version !== 5) connection.output.putAcknowledgement(PUBREL, packet.packetId)
  else put(connection, encodePacket({ type: 'pubrel', packetId: packet.packetId, reasonCode: REASON_CODES.packetIdentifierNotFound }, 5))
}

function released(connection: MqttConnection, client: Client, packetId: number): void {
  connection.unreleased?.delete(packetId)
  const outcome = client.release(packetId)
  if (outcome >= 0 || connection.version !== 5) return connection.acknowledge(Math.max(outcome, 0), PUBCOMP, packetId)
  const reasonCode = REASON_CODES.packetIdentifierNotFound
  connection.answer(0, { frame: encodePacket({ type: 'pubcomp', packetId, reasonCode }, 5) })
}

/** Deliveries wait until the SUBACK is written, so that retained messages come after it. */
function subscribe(connection: MqttConnection, client: Client, packet: SubscribePacket): void {
  const identifier = packet.properties?.subscriptionIdentifier?.[0]
  client.hold()
  const { codes, position } = client.subscribe(packet.subscriptions.map(subscription => ({ ...subscription, identifier })))
  // MQTT 3.1.1 §3.9.3: 0x80 is its only refusal.
  const reasonCodes = connection.version === 5 ? codes : codes.map(code => (code >= 0x80 ? SUBACK_FAILURE : code))
  const frame = encodePacket({ type: 'suback', packetId: packet.packetId, reasonCodes }, connection.version)
  connection.answer(position, { frame, after: () => client.resume() })
}

function unsubscribe(connection: MqttConnection, client: Client, packet: UnsubscribePacket): void {
  const { codes, position } = client.unsubscribe(packet.filters)
  const reasonCodes = connection.version === 5 ? codes : []
  connection.answer(position, { frame: encodePacket({ type: 'unsuback', packetId: packet.packetId, reasonCodes }, connection.version) })
}

function disconnect(connection: MqttConnection, packet: DisconnectPacket): void {
  const expiry = packet.properties?.sessionExpiryInterval
  if (expiry !== undefined) {
    if (connection.sessionExpirySeconds === 0 && expiry !== 0) {
      // §3.14.2.2.2
      throw new GatewayError('decode-malformed', 'a session that was to end with its connection cannot be prolonged', {
        reason: REASON_CODES.protocolError,
        offset: 0,
      })
    }
    connection.sessionExpirySeconds = expiry
  }
  connection.end('disconnected', 0, packet.reasonCode !== REASON_CODES.disconnectWithWill)
}

function auth(packet: AuthPacket): never {
  throw new GatewayError('decode-malformed', `AUTH ${packet.reasonCode} came though no method was agreed on`, {
    reason: REASON_CODES.protocolError,
    offset: 0,
  })
}

function put(connection: MqttConnection, frame: Uint8Array): void {
  connection.output.put(frame, 0, frame.length)
}
