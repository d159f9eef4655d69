/** The reason codes of MQTT 5 (§2.4), the packets that may carry each, and the return codes of MQTT 3's CONNACK. */

import { PACKET_TYPES, type PacketType } from './packet.ts'

/** Every reason code of MQTT 5 by its name; 0x80 and above are failures. */
export const REASON_CODES = {
  /** Also "normal disconnection" and "granted QoS 0". */
  success: 0x00,
  grantedQos1: 0x01,
  grantedQos2: 0x02,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierInUse: 0x91,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedSubscriptionsNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdentifiersNotSupported: 0xa1,
  wildcardSubscriptionsNotSupported: 0xa2,
} as const

export type ReasonCodeName = keyof typeof REASON_CODES

/** The return codes of a CONNACK in MQTT 3.1 and 3.1.1 (MQTT 3.1.1 §3.2.2.3). */
export const CONNACK_RETURN_CODES = {
  accepted: 0,
  unacceptableProtocolVersion: 1,
  identifierRejected: 2,
  serverUnavailable: 3,
  badUserNameOrPassword: 4,
  notAuthorized: 5,
} as const

/** What a SUBACK of MQTT 3.1.1 says for a filter that is refused (§3.9.3); MQTT 5 calls the same byte "unspecified error". */
export const SUBACK_FAILURE = 0x80

const RETURN_CODE_OF = new Map<number, number>([
  [REASON_CODES.success, CONNACK_RETURN_CODES.accepted],
  [REASON_CODES.unsupportedProtocolVersion, CONNACK_RETURN_CODES.unacceptableProtocolVersion],
  [REASON_CODES.clientIdentifierNotValid, CONNACK_RETURN_CODES.identifierRejected],
  [REASON_CODES.unspecifiedError, CONNACK_RETURN_CODES.serverUnavailable],
  [REASON_CODES.implementationSpecificError, CONNACK_RETURN_CODES.serverUnavailable],
  [REASON_CODES.serverUnavailable, CONNACK_RETURN_CODES.serverUnavailable],
  [REASON_CODES.serverBusy, CONNACK_RETURN_CODES.serverUnavailable],
  [REASON_CODES.serverShuttingDown, CONNACK_RETURN_CODES.serverUnavailable],
  [REASON_CODES.quotaExceeded, CONNACK_RETURN_CODES.serverUnavailable],
  [REASON_CODES.useAnotherServer, CONNACK_RETURN_CODES.serverUnavailable],
  [REASON_CODES.serverMoved, CONNACK_RETURN_CODES.serverUnavailable],
  [REASON_CODES.connectionRateExceeded, CONNACK_RETURN_CODES.serverUnavailable],
  [REASON_CODES.badUserNameOrPassword, CONNACK_RETURN_CODES.badUserNameOrPassword],
  [REASON_CODES.notAuthorized, CONNACK_RETURN_CODES.notAuthorized],
  [REASON_CODES.banned, CONNACK_RETURN_CODES.notAuthorized],
  [REASON_CODES.badAuthenticationMethod, CONNACK_RETURN_CODES.notAuthorized],
])

/**
 * The MQTT 3 CONNACK return code that says what an MQTT 5 reason code says. Undefined where MQTT 3 has no words for it
 * (a malformed packet, a protocol error): the connection is then closed without a CONNACK (MQTT 3.1.1 §3.2.2.3).
 */
export function connackReturnCode(reasonCode: number): number | undefined {
  return RETURN_CODE_OF.get(reasonCode)
}

/** The reason codes that each packet may carry: the tables of §3.2.2.2, 3.4.2.1 to 3.7.2.1, 3.9.3, 3.11.3, 3.14.2.1 and 3.15.2.1. */
const CODES_OF: Partial<Record<PacketType, readonly number[]>> = {
  connack: [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
  ],
  puback: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrec: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrel: [0x00, 0x92],
  pubcomp: [0x00, 0x92],
  suback: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  unsuback: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  // 0x8C stands in the table of §2.4 for DISCONNECT though §3.14.2.1 leaves it out.
  disconnect: [
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
    0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ],
  auth: [0x00, 0x18, 0x19],
}

/** By reason code: the bit of each packet type that may carry it. */
const PACKETS_OF = new Uint16Array(256)
for (const type of Object.keys(CODES_OF) as PacketType[]) {
  for (const code of CODES_OF[type] ?? []) PACKETS_OF[code] |= 1 << PACKET_TYPES[type]
}

/** Whether an MQTT 5 packet of this type may carry the reason code. Both directions count: a server may not send all of them. */
export function isReasonCodeOf(type: PacketType, code: number): boolean {
  return ((PACKETS_OF[code] ?? 0) & (1 << PACKET_TYPES[type])) !== 0
}
