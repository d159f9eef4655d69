/** MQTT-SN 1.2 packets as bytes and values. Pure. */
export { decodePacket } from './decode.ts'
export { encodeForwarded, encodePacket, markDup, shortNameId } from './encode.ts'
export {
  type ConnectPacket,
  type DisconnectPacket,
  type ForwardedPacket,
  type PingreqPacket,
  PROTOCOL_ID,
  type PublishPacket,
  RETURN_CODE,
  type RegisterPacket,
  type SearchgwPacket,
  type SnPacket,
  type SnPacketType,
  type SnQos,
  type SubscribePacket,
  type TopicAnswerPacket,
  type TopicReference,
  type TopicSelection,
  type UnsubscribePacket,
  type WillMessagePacket,
  type WillTopicPacket,
} from './packet.ts'
