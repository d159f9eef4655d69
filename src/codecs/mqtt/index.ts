/** The MQTT codec: bytes to values and back for MQTT 3.1, 3.1.1 and 5.0. */

export { type AcknowledgementPacket, type AcknowledgementType, acknowledgementFrame } from './acknowledgement.ts'
export { decodePacket } from './decode.ts'
export { claimedVersion } from './decode-connect.ts'
export { checkProperties, decodeProperties } from './decode-properties.ts'
export { encodePacket } from './encode.ts'
export { encodeProperties } from './encode-properties.ts'
export { frameLength, readVarint, VARINT_MAX, varintLength, writeVarint } from './frame.ts'
export type {
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  MqttVersion,
  Packet,
  PacketType,
  PingreqPacket,
  PingrespPacket,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  QoS,
  SubackPacket,
  SubscribePacket,
  Subscription,
  UnsubackPacket,
  UnsubscribePacket,
  Will,
} from './packet.ts'
export type { Properties, PropertyOwner } from './properties.ts'
export { PublishScan, packetIdOffset, patchDup, patchPacketId, publishFrame, scanPublish } from './publish.ts'
export {
  CONNACK_RETURN_CODES,
  connackReturnCode,
  isReasonCodeOf,
  REASON_CODES,
  type ReasonCodeName,
  SUBACK_FAILURE,
} from './reason-codes.ts'
export { checkTopicBytes, filterFault, isSharedFilter, topicFault } from './topic.ts'
