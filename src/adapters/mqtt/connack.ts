/** CONNACK (`MQTT 5 §3.2`): what a client that is let in is told of its session and of our limits, and what one that is not. */

import { describeError, type GatewayError } from '#base/errors.ts'
import { clientLevel } from '#base/topic-filter.ts'
import {
  type ConnackPacket,
  type ConnectPacket,
  connackReturnCode,
  encodePacket,
  isReasonCodeOf,
  type Properties,
  REASON_CODES,
} from '#codecs/mqtt/index.ts'
import type { MqttConnection } from './connection.ts'
import { explainedFrame } from './reason-string.ts'

/** The specification's value for a limit that is not there. */
const RECEIVE_MAXIMUM_DEFAULT = 65_535

/** What the CONNACK says beyond the limits. */
export interface Admission {
  sessionPresent: boolean
  /** The client id that we gave. */
  assigned: string | undefined
  /** The last message of an exchange of AUTH packets. */
  authenticationData: Uint8Array | undefined
}

/** The CONNACK of a client that is let in, undefined when it is larger than the client takes, whatever is left out. */
export function acceptance(connection: MqttConnection, packet: ConnectPacket, admission: Admission): Uint8Array | undefined {
  const { sessionPresent } = admission
  const { protocolVersion } = packet
  // 3.1 has no Session Present flag; its byte is reserved.
  if (protocolVersion !== 5) {
    return encodePacket({ type: 'connack', sessionPresent: protocolVersion === 4 && sessionPresent, reasonCode: 0 }, protocolVersion)
  }
  const answer: ConnackPacket = { type: 'connack', sessionPresent, reasonCode: 0, properties: terms(connection, packet, admission) }
  const frame = encodePacket(answer, 5)
  return frame.length <= connection.packetBytesMax ? frame : undefined
}

function terms(connection: MqttConnection, packet: ConnectPacket, admission: Admission): Properties {
  const { limits } = connection
  const { assigned, authenticationData } = admission
  const asked = packet.properties ?? {}
  const properties: Properties = { maximumPacketSize: limits.packetBytesMax }
  if (limits.receiveMaximum !== RECEIVE_MAXIMUM_DEFAULT) properties.receiveMaximum = limits.receiveMaximum
  if (limits.topicAliasMax > 0) properties.topicAliasMaximum = limits.topicAliasMax
  if (assigned !== undefined) properties.assignedClientIdentifier = assigned
  if (connection.keepAliveSeconds !== packet.keepAlive) properties.serverKeepAlive = connection.keepAliveSeconds
  const granted = Math.floor(connection.sessionExpiryMs() / 1000)
  if (granted < connection.sessionExpirySeconds) properties.sessionExpiryInterval = granted
  if (asked.authenticationMethod !== undefined) properties.authenticationMethod = asked.authenticationMethod
  if (authenticationData !== undefined) properties.authenticationData = authenticationData
  if (asked.requestResponseInformation === true && limits.responseTopic !== '') {
    properties.responseInformation = responseTopic(limits.responseTopic, assigned ?? packet.clientId)
  }
  return properties
}

function responseTopic(pattern: string, clientId: string): string {
  return pattern.replaceAll('${client_id}', () => clientLevel(clientId))
}

/**
 * The CONNACK of a refusal; undefined: the connection is closed without one. MQTT 3 has words for few reasons
 * (`MQTT 3.1.1 §3.2.2.3`), and what claims no version that we know and is no CONNECT gets none either.
 */
export function refusal(connection: MqttConnection, error: GatewayError | undefined): Uint8Array | undefined {
  const { version } = connection
  const code = codeOf(error)
  if (version === 5) {
    const frame = explainedFrame(connection, { type: 'connack', sessionPresent: false, reasonCode: code }, describeError(error))
    return frame.length <= connection.packetBytesMax ? frame : undefined
  }
  const returnCode = connackReturnCode(code)
  return returnCode === undefined ? undefined : encodePacket({ type: 'connack', sessionPresent: false, reasonCode: returnCode }, version)
}

function codeOf(error: GatewayError | undefined): number {
  const code = error === undefined ? REASON_CODES.unspecifiedError : (error.reason ?? REASON_CODES.notAuthorized)
  // A CONNACK knows no "shutting down" (§3.2.2.2).
  if (code === REASON_CODES.serverShuttingDown) return REASON_CODES.serverUnavailable
  return isReasonCodeOf('connack', code) ? code : REASON_CODES.unspecifiedError
}
