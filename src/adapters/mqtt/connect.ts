/** CONNECT (`MQTT 5 §3.1`): who comes, whether they may, and the session they get. */
import { GatewayError, isGatewayError } from '#base/errors.ts'
import { type AttachRequest, type Credentials, type Identity, Message, type Sink, type Will } from '#broker/ports.ts'
import { type ConnectPacket, claimedVersion, decodePacket, type MqttVersion, REASON_CODES, VARINT_MAX } from '#codecs/mqtt/index.ts'
import { Authentication } from './authentication.ts'
import { acceptance, refusal } from './connack.ts'
import type { MqttConnection } from './connection.ts'
import { type EndReason, endReasonOf } from './end-reason.ts'
import { MountedSink } from './mountpoint.ts'
import { isWronglyMarked } from './payload-format.ts'
import { requirePlain } from './plain-names.ts'
import { messageProperties } from './properties.ts'
import { MqttSink } from './sink.ts'

/** No packet is larger: the longest remaining length with its header (`MQTT 5 §2.1.4`). A limit beyond it is none. */
const PACKET_BYTES_LARGEST = VARINT_MAX + 5

const PROTOCOL: Readonly<Record<MqttVersion, string>> = { 3: 'mqtt 3.1', 4: 'mqtt 3.1.1', 5: 'mqtt 5.0' }

/** Looks at the first byte of a connection, before what may be no packet at all is waited for. False: it begins no CONNECT [MQTT-3.1.0-1]. */
export function beginsConnect(header: number): boolean {
  return header >>> 4 === 1
}

/** Takes the CONNECT. */
export function handleConnect(connection: MqttConnection, bytes: Buffer, start: number, end: number): void {
  // A CONNECT that is malformed further on is answered in the version that it claims.
  connection.version = claimedVersion(bytes, start, end) ?? 4
  const packet = decodePacket(bytes, start, end, 4) as ConnectPacket
  requirePlain('the client identifier', packet.clientId)
  requirePlain('the user name', packet.username)
  requirePlain('the topic of the will', packet.will?.topic)
  const properties = packet.properties ?? {}
  connection.keepAliveSeconds = keepAliveOf(connection, packet)
  connection.sessionExpirySeconds = properties.sessionExpiryInterval ?? 0
  const { maximumPacketSize = PACKET_BYTES_LARGEST } = properties
  connection.packetBytesMax = maximumPacketSize < PACKET_BYTES_LARGEST ? maximumPacketSize : Number.POSITIVE_INFINITY
  connection.requestsProblemInformation = properties.requestProblemInformation ?? true
  const arrival = { packet, assigned: assignedClientId(connection, packet) }
  const credentials = credentialsOf(connection, arrival)
  if (properties.authenticationMethod !== undefined) return exchange(connection, arrival, credentials)
  const outcome = connection.broker.admit(credentials)
  if (!(outcome instanceof Promise)) return attach(connection, arrival, outcome, undefined)
  connection.phase = 'admitting'
  connection.pause()
  outcome
    .then(identity => {
      if (connection.phase !== 'admitting') return
      attach(connection, arrival, identity, undefined)
    })
    .catch((error: unknown) => refuseConnect(connection, error))
}

/** A CONNECT, and the client id that we gave where it had none. */
interface Arrival {
  packet: ConnectPacket
  assigned: string | undefined
}

/** Answers a CONNECT with a refusal where the version has one, and closes. */
export function refuseConnect(connection: MqttConnection, error: unknown): void {
  if (connection.phase === 'closed') return
  const known = isGatewayError(error) ? error : undefined
  // Who is banned was told of when it began; that it keeps trying must not fill the disk.
  const level = known?.reason === REASON_CODES.banned ? 'debug' : 'info'
  connection.logger[level]('a client was refused', { peer: connection.bytes.remote?.address, listener: connection.listener.name, error })
  const frame = refusal(connection, known)
  if (frame !== undefined) connection.output.put(frame, 0, frame.length)
  connection.end(refusalReason(known), 0)
}

function refusalReason(error: GatewayError | undefined): EndReason {
  return error?.reason === undefined ? 'refused' : endReasonOf(error.reason, 'refused')
}

function credentialsOf(connection: MqttConnection, { packet, assigned }: Arrival): Credentials {
  const { remote, loopback, certificate, pskIdentity } = connection.bytes
  return {
    protocol: 'mqtt',
    clientId: assigned ?? packet.clientId,
    username: packet.username,
    // A copy: it may be looked at after the chunk is gone.
    password: packet.password && Uint8Array.from(packet.password),
    address: remote?.address,
    listener: connection.listener.name,
    loopback,
    anonymous: connection.listener.anonymous,
    certificate,
    pskIdentity,
  }
}

/** Nothing but AUTH and DISCONNECT may come until the exchange is over [MQTT-3.1.2-30]. */
function exchange(connection: MqttConnection, arrival: Arrival, credentials: Credentials): void {
  const { authenticationMethod = '', authenticationData } = arrival.packet.properties ?? {}
  connection.phase = 'authenticating'
  connection.authentication = new Authentication(
    connection,
    authenticationMethod,
    () => connection.broker.exchange(authenticationMethod, credentials),
    (identity, data) => attach(connection, arrival, identity, data),
    error => refuseConnect(connection, error),
  )
  connection.authentication.start(authenticationData)
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

function attach(
  connection: MqttConnection,
  { packet, assigned }: Arrival,
  identity: Identity,
  authenticationData: Uint8Array | undefined,
): void {
  const admission = { sessionPresent: true, assigned, authenticationData }
  // Before anything is taken over or forgotten: one who cannot be told the terms does not come in [MQTT-3.1.2-24].
  if (connection.packetBytesMax !== Number.POSITIVE_INFINITY && acceptance(connection, packet, admission) === undefined) {
    throw new GatewayError('quota-exceeded', 'the CONNACK is larger than the packets that the client takes', {
      reason: REASON_CODES.packetTooLarge,
    })
  }
  const sink = new MqttSink(connection, packet.properties?.topicAliasMaximum ?? 0)
  const { client, sessionPresent, position } = connection.broker.attach(
    attachRequest(connection, packet, identity, mounted(connection, sink)),
  )
  connection.identity = identity
  connection.sink = sink
  sink.client = client
  connection.admit(client, position, acceptance(connection, packet, { ...admission, sessionPresent })!)
}

/** What the broker delivers to: by way of the listener's mountpoint, where it has one. */
function mounted({ listener: { mountpoint, stripped } }: MqttConnection, sink: MqttSink): Sink {
  return mountpoint === undefined ? sink : new MountedSink(sink, mountpoint, stripped)
}

function attachRequest(connection: MqttConnection, packet: ConnectPacket, identity: Identity, sink: Sink): AttachRequest {
  const { limits, listener, bytes } = connection
  return {
    identity,
    sink,
    protocol: PROTOCOL[packet.protocolVersion],
    listener: listener.name,
    peer: bytes.remote === undefined ? undefined : `${bytes.remote.address}:${bytes.remote.port}`,
    cleanStart: packet.cleanStart,
    sessionExpiryMs: sessionExpiryMs(connection, packet),
    limits: {
      queue: {
        messagesMax: limits.queueMessagesMax,
        bytesMax: limits.queueBytesMax,
        ageMaxMs: 0,
        whenFull: limits.queueWhenFull ?? 'drop-oldest',
        qos0: limits.queueQos0,
        ...(limits.priorities !== undefined && { priorities: limits.priorities }),
      },
      inFlightMax: Math.min(limits.receiveMaximum, packet.properties?.receiveMaximum ?? 65_535),
      topicLevelsMax: limits.topicLevelsMax,
    },
    will: willOf(connection, packet),
    keepAliveSeconds: connection.keepAliveSeconds,
    closable: true,
  }
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

function willOf(connection: MqttConnection, packet: ConnectPacket): Will | undefined {
  const { will } = packet
  if (will === undefined) return undefined
  const { topic, qos, retain, properties } = will
  if (topic.split('/').length > connection.limits.topicLevelsMax) {
    throw new GatewayError('topic-invalid', 'the topic of the will has too many levels', { reason: REASON_CODES.topicNameInvalid })
  }
  const payload = Buffer.from(will.payload)
  if (isWronglyMarked(connection.limits, properties?.payloadFormatIndicator, payload)) {
    throw new GatewayError('bad-request', 'the payload of the will says that it is UTF-8 text and is not', {
      reason: REASON_CODES.payloadFormatInvalid,
    })
  }
  const mountedTopic = connection.listener.mountpoint?.topic(topic) ?? topic
  const message = Message.from({ topic: mountedTopic, payload, qos, retain, properties: messageProperties(properties) })
  const expirySeconds = properties?.messageExpiryInterval
  return {
    message,
    delayMs: (properties?.willDelayInterval ?? 0) * 1000,
    ...(expirySeconds !== undefined && { expiryMs: expirySeconds * 1000 }),
  }
}
