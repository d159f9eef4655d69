/** CONNECT and CONNACK (`MQTT 5 §3.1, §3.2`). */
import { describeError, GatewayError, isGatewayError } from '#base/errors.ts'
import { type AttachRequest, type Identity, Message, type Will } from '#broker/ports.ts'
import {
  type ConnackPacket,
  type ConnectPacket,
  connackReturnCode,
  decodePacket,
  encodePacket,
  isReasonCodeOf,
  type Properties,
  REASON_CODES,
} from '#codecs/mqtt/index.ts'
import type { EndReason, MqttConnection } from './connection.ts'
import { messageProperties } from './properties.ts'
import { reasonStringOf } from './reason-string.ts'
import { MqttSink } from './sink.ts'

/** A Session Expiry Interval that stands for "never" (`MQTT 5 §3.1.2.11.2`). */
const NEVER_EXPIRES = 0xffffffff

/**
 * Looks at the first byte of a connection, before what may be no packet at all is waited for.
 * @throws GatewayError `decode-malformed` unless it begins a CONNECT [MQTT-3.1.0-1]
 */
export function requireConnect(header: number): void {
  if (header >>> 4 === 1) return
  throw new GatewayError('decode-malformed', 'the first packet is not a CONNECT', { reason: REASON_CODES.protocolError, offset: 0 })
}

/** Takes the CONNECT. */
export function handleConnect(connection: MqttConnection, bytes: Buffer, start: number, end: number): void {
  const packet = decodePacket(bytes, start, end, 4) as ConnectPacket
  connection.version = packet.protocolVersion
  const properties = packet.properties ?? {}
  if (properties.authenticationMethod !== undefined) {
    throw new GatewayError('bad-credentials', 'enhanced authentication is not offered', { reason: REASON_CODES.badAuthenticationMethod })
  }
  const assigned = assignedClientId(connection, packet)
  const { remote, loopback } = connection.bytes
  const outcome = connection.broker.admit({
    protocol: 'mqtt',
    clientId: assigned ?? packet.clientId,
    username: packet.username,
    password: packet.password,
    address: remote?.address,
    listener: connection.listener.name,
    loopback,
    anonymous: connection.listener.anonymous,
  })
  if (!(outcome instanceof Promise)) return attach(connection, packet, outcome, assigned)
  connection.phase = 'admitting'
  connection.pause()
  outcome.then(
    identity => admitted(connection, packet, identity, assigned),
    (error: unknown) => refuseConnect(connection, error, 'refused'),
  )
}

/**
 * Answers a CONNECT with a refusal and closes. MQTT 3 has a CONNACK for few reasons; for the others the connection is
 * closed without one (`MQTT 3.1.1 §3.2.2.3`), as it is for what was no CONNECT at all.
 */
export function refuseConnect(connection: MqttConnection, error: unknown, reason: EndReason): void {
  if (connection.phase === 'closed') return
  const code = isGatewayError(error) ? (error.reason ?? REASON_CODES.notAuthorized) : REASON_CODES.unspecifiedError
  connection.logger.info('a client was refused', { peer: connection.bytes.remote?.address, listener: connection.listener.name, error })
  const frame = refusalFrame(connection, code, describeError(error))
  if (frame !== undefined) connection.output.put(frame, 0, frame.length)
  connection.end(reason, 0)
}

function refusalFrame(connection: MqttConnection, code: number, reasonString: string): Uint8Array | undefined {
  if (connection.version === 5) {
    const reasonCode = isReasonCodeOf('connack', code) ? code : REASON_CODES.unspecifiedError
    return encodePacket(
      { type: 'connack', sessionPresent: false, reasonCode, properties: { reasonString: reasonStringOf(reasonString) } },
      5,
    )
  }
  const returnCode = connackReturnCode(code)
  if (returnCode === undefined) return undefined
  return encodePacket({ type: 'connack', sessionPresent: false, reasonCode: returnCode }, connection.version)
}

function admitted(connection: MqttConnection, packet: ConnectPacket, identity: Identity, assigned: string | undefined): void {
  if (connection.phase !== 'admitting') return
  try {
    attach(connection, packet, identity, assigned)
  } catch (error) {
    return refuseConnect(connection, error, 'refused')
  }
  connection.goOn()
}

/** The id that we give a client without one, undefined if it has one. */
function assignedClientId(connection: MqttConnection, packet: ConnectPacket): string | undefined {
  if (packet.clientId !== '') return undefined
  // MQTT 3.1 wants 1 to 23 characters; 3.1.1 takes none with a clean session alone [MQTT-3.1.3-8].
  if (packet.protocolVersion === 3 || (packet.protocolVersion === 4 && !packet.cleanStart)) {
    throw new GatewayError('identifier-rejected', 'a session that lasts needs a client id', {
      reason: REASON_CODES.clientIdentifierNotValid,
    })
  }
  return `auto-${Buffer.from(connection.listener.clock.randomBytes(10)).toString('hex')}`
}

function attach(connection: MqttConnection, packet: ConnectPacket, identity: Identity, assigned: string | undefined): void {
  const { limits, listener, bytes } = connection
  const properties = packet.properties ?? {}
  connection.keepAliveSeconds = keepAliveOf(connection, packet)
  connection.sessionExpirySeconds = properties.sessionExpiryInterval ?? 0
  connection.packetBytesMax = properties.maximumPacketSize ?? Number.POSITIVE_INFINITY
  connection.requestsProblemInformation = properties.requestProblemInformation ?? true
  const inFlightMax = Math.min(limits.receiveMaximum, properties.receiveMaximum ?? 65535)
  const sink = new MqttSink(connection)
  const request: AttachRequest = {
    identity,
    sink,
    protocol: `mqtt ${packet.protocolVersion === 5 ? '5.0' : packet.protocolVersion === 4 ? '3.1.1' : '3.1'}`,
    listener: listener.name,
    peer: bytes.remote === undefined ? undefined : `${bytes.remote.address}:${bytes.remote.port}`,
    cleanStart: packet.cleanStart,
    sessionExpiryMs: sessionExpiryMs(connection, packet),
    limits: {
      queue: {
        messagesMax: limits.queueMessagesMax,
        bytesMax: limits.queueBytesMax,
        ageMaxMs: 0,
        whenFull: 'drop-oldest',
        qos0: limits.queueQos0,
      },
      inFlightMax,
      topicLevelsMax: limits.topicLevelsMax,
    },
    will: willOf(packet),
    keepAliveSeconds: connection.keepAliveSeconds,
  }
  const { client, sessionPresent, position } = connection.broker.attach(request)
  connection.identity = identity
  connection.sink = sink
  sink.client = client
  connection.open(client)
  listener.opened(connection)
  const frame = encodePacket(connack(connection, packet, sessionPresent, assigned), packet.protocolVersion)
  connection.answer(position, { frame, after: () => client.resume() })
}

/** MQTT 3 sessions without clean session last as long as the zone says; MQTT 5 asks for what it wants, up to that. */
function sessionExpiryMs(connection: MqttConnection, packet: ConnectPacket): number {
  if (packet.protocolVersion !== 5) return packet.cleanStart ? 0 : connection.limits.sessionExpiryMs
  return connection.sessionExpiryMs()
}

function keepAliveOf(connection: MqttConnection, packet: ConnectPacket): number {
  const { keepAliveMaxSeconds } = connection.limits
  if (packet.protocolVersion !== 5 || keepAliveMaxSeconds === 0) return packet.keepAlive
  return packet.keepAlive === 0 ? keepAliveMaxSeconds : Math.min(packet.keepAlive, keepAliveMaxSeconds)
}

function willOf(packet: ConnectPacket): Will | undefined {
  const { will } = packet
  if (will === undefined) return undefined
  const { topic, qos, retain, properties } = will
  const message = Message.from({ topic, payload: Buffer.from(will.payload), qos, retain, properties: messageProperties(properties) })
  const expirySeconds = properties?.messageExpiryInterval
  return {
    message,
    delayMs: (properties?.willDelayInterval ?? 0) * 1000,
    ...(expirySeconds !== undefined && { expiryMs: expirySeconds * 1000 }),
  }
}

function connack(connection: MqttConnection, packet: ConnectPacket, sessionPresent: boolean, assigned: string | undefined): ConnackPacket {
  const answer: ConnackPacket = { type: 'connack', sessionPresent, reasonCode: 0 }
  if (packet.protocolVersion === 3) answer.sessionPresent = false // 3.1 has no such flag
  if (packet.protocolVersion !== 5) return answer
  const { limits } = connection
  const properties: Properties = {
    receiveMaximum: limits.receiveMaximum,
    maximumPacketSize: limits.packetBytesMax,
    sharedSubscriptionAvailable: false,
  }
  if (assigned !== undefined) properties.assignedClientIdentifier = assigned
  if (connection.keepAliveSeconds !== packet.keepAlive) properties.serverKeepAlive = connection.keepAliveSeconds
  const asked = connection.sessionExpirySeconds
  const granted = connection.sessionExpiryMs() / 1000
  if (granted < asked && asked !== 0) properties.sessionExpiryInterval = Math.min(Math.floor(granted), NEVER_EXPIRES)
  answer.properties = properties
  return answer
}
