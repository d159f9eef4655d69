/** The packets of MQTT-SN 1.2 §5.4 as values. Durations are in seconds. */

/** QoS −1: published without a connection, at most once, by predefined id or short name (`§6.8`). */
export type SnQos = -1 | 0 | 1 | 2

/** Return codes (`§5.3.10`). Others are reserved; a peer may still send them. */
export const RETURN_CODE = { accepted: 0, congestion: 1, invalidTopicId: 2, notSupported: 3 } as const

/** The protocol id of CONNECT; there is only this one (`§5.3.8`). */
export const PROTOCOL_ID = 1

/**
 * How a topic is named where its name does not travel (`§5.3.11`): by an id that was registered, by one that both sides
 * know beforehand, or by a name of two octets in the id's place. `reserved` is the fourth pattern of the two bits.
 */
export type TopicReference =
  | { readonly kind: 'normal' | 'predefined' | 'reserved'; readonly id: number }
  | { readonly kind: 'short'; readonly name: string }

/** What SUBSCRIBE and UNSUBSCRIBE name: a filter, a predefined id, or a short name. */
export type TopicSelection =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'predefined' | 'reserved'; readonly id: number }
  | { readonly kind: 'short'; readonly name: string }

export type AdvertisePacket = { type: 'advertise'; gatewayId: number; durationSeconds: number }
export type SearchgwPacket = { type: 'searchgw'; radius: number }
/** `gatewayAddress` is empty when the gateway itself answers. */
export type GwinfoPacket = { type: 'gwinfo'; gatewayId: number; gatewayAddress: Uint8Array }
export type ConnectPacket = {
  type: 'connect'
  will: boolean
  cleanSession: boolean
  protocolId: number
  durationSeconds: number
  clientId: string
}
/** An empty `topic` deletes the will. */
export type WillTopicPacket = { type: 'willtopic' | 'willtopicupd'; qos: SnQos; retain: boolean; topic: string }
export type WillMessagePacket = { type: 'willmsg' | 'willmsgupd'; payload: Uint8Array }
export type RegisterPacket = { type: 'register'; topicId: number; msgId: number; topicName: string }
export type PublishPacket = {
  type: 'publish'
  dup: boolean
  qos: SnQos
  retain: boolean
  topic: TopicReference
  /** 0 at QoS 0 and −1. */
  msgId: number
  payload: Uint8Array
}
/** In the topic id's place an answer repeats the two octets of what it answers. */
export type TopicAnswerPacket = { type: 'regack' | 'puback'; topicId: number; msgId: number; returnCode: number }
export type MsgIdPacket = { type: 'pubrec' | 'pubrel' | 'pubcomp' | 'unsuback'; msgId: number }
export type SubscribePacket = { type: 'subscribe'; dup: boolean; qos: SnQos; msgId: number; topic: TopicSelection }
/** `topicId` is 0 for a filter with wildcards, and where the topic has no normal id. */
export type SubackPacket = { type: 'suback'; qos: SnQos; topicId: number; msgId: number; returnCode: number }
export type UnsubscribePacket = { type: 'unsubscribe'; msgId: number; topic: TopicSelection }
/** A client id comes from a sleeping client that wants its messages; else it is empty. */
export type PingreqPacket = { type: 'pingreq'; clientId: string }
/** With a duration the client goes to sleep. */
export type DisconnectPacket = { type: 'disconnect'; durationSeconds: number | undefined }
export type ReturnCodePacket = { type: 'connack' | 'willtopicresp' | 'willmsgresp'; returnCode: number }
export type EmptyPacket = { type: 'willtopicreq' | 'willmsgreq' | 'pingresp' }
/** A packet in the envelope of a forwarder (`§5.5`). */
export type ForwardedPacket = { type: 'forwarded'; radius: number; nodeId: Uint8Array; message: Uint8Array }

export type SnPacket =
  | AdvertisePacket
  | SearchgwPacket
  | GwinfoPacket
  | ConnectPacket
  | WillTopicPacket
  | WillMessagePacket
  | RegisterPacket
  | PublishPacket
  | TopicAnswerPacket
  | MsgIdPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | PingreqPacket
  | DisconnectPacket
  | ReturnCodePacket
  | EmptyPacket
  | ForwardedPacket

export type SnPacketType = SnPacket['type']

/** `§5.2.2`, table 3. */
export const MSG_TYPE: Readonly<Record<SnPacketType, number>> = {
  advertise: 0x00,
  searchgw: 0x01,
  gwinfo: 0x02,
  connect: 0x04,
  connack: 0x05,
  willtopicreq: 0x06,
  willtopic: 0x07,
  willmsgreq: 0x08,
  willmsg: 0x09,
  register: 0x0a,
  regack: 0x0b,
  publish: 0x0c,
  puback: 0x0d,
  pubcomp: 0x0e,
  pubrec: 0x0f,
  pubrel: 0x10,
  subscribe: 0x12,
  suback: 0x13,
  unsubscribe: 0x14,
  unsuback: 0x15,
  pingreq: 0x16,
  pingresp: 0x17,
  disconnect: 0x18,
  willtopicupd: 0x1a,
  willtopicresp: 0x1b,
  willmsgupd: 0x1c,
  willmsgresp: 0x1d,
  forwarded: 0xfe,
}
