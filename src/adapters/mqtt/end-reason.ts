/** Why connections end: what counters and logs call it, by the reason code that the peer is told (`MQTT 5 §2.4`). */
import { REASON_CODES } from '#codecs/mqtt/index.ts'

export type EndReason =
  | 'administrative-action'
  | 'authentication-failed'
  | 'bad-credentials'
  | 'banned'
  | 'client-id-not-valid'
  | 'connect-timeout'
  | 'connection-lost'
  | 'disconnected'
  | 'keep-alive-timeout'
  | 'kicked'
  | 'malformed'
  | 'not-authorized'
  | 'not-mqtt'
  | 'packet-too-large'
  | 'payload-format-invalid'
  | 'protocol-error'
  | 'quota-exceeded'
  | 'rate-exceeded'
  | 'receive-maximum-exceeded'
  | 'refused'
  | 'session-ended'
  | 'shutting-down'
  | 'taken-over'
  | 'topic-alias-invalid'
  | 'topic-name-invalid'
  | 'unsupported-version'

const BY_CODE: Readonly<Record<number, EndReason>> = {
  [REASON_CODES.malformedPacket]: 'malformed',
  [REASON_CODES.protocolError]: 'protocol-error',
  [REASON_CODES.unsupportedProtocolVersion]: 'unsupported-version',
  [REASON_CODES.clientIdentifierNotValid]: 'client-id-not-valid',
  [REASON_CODES.badUserNameOrPassword]: 'bad-credentials',
  [REASON_CODES.notAuthorized]: 'not-authorized',
  [REASON_CODES.serverShuttingDown]: 'shutting-down',
  [REASON_CODES.banned]: 'banned',
  [REASON_CODES.badAuthenticationMethod]: 'authentication-failed',
  [REASON_CODES.topicNameInvalid]: 'topic-name-invalid',
  [REASON_CODES.receiveMaximumExceeded]: 'receive-maximum-exceeded',
  [REASON_CODES.topicAliasInvalid]: 'topic-alias-invalid',
  [REASON_CODES.packetTooLarge]: 'packet-too-large',
  [REASON_CODES.messageRateTooHigh]: 'rate-exceeded',
  [REASON_CODES.connectionRateExceeded]: 'rate-exceeded',
  [REASON_CODES.quotaExceeded]: 'quota-exceeded',
  [REASON_CODES.administrativeAction]: 'administrative-action',
  [REASON_CODES.payloadFormatInvalid]: 'payload-format-invalid',
}

/** What a connection that ends with this reason code is counted under; `fallback` for codes that have no name of their own. */
export function endReasonOf(reasonCode: number, fallback: EndReason): EndReason {
  return BY_CODE[reasonCode] ?? fallback
}
