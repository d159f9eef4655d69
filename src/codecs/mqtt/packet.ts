/** The fifteen MQTT control packets as values. One set of types serves 3.1, 3.1.1 and 5.0; what a version lacks is absent. */

import type { Properties } from './properties.ts'

/** The protocol level on the wire: 3 is MQTT 3.1 ("MQIsdp"), 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type MqttVersion = 3 | 4 | 5

export type QoS = 0 | 1 | 2

/** The packet type in the high four bits of the first byte (MQTT 5 §2.1.2). */
export const PACKET_TYPES = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const

export type PacketType = keyof typeof PACKET_TYPES

/** The message that the broker publishes when the connection is lost (MQTT 5 §3.1.2.5). */
export interface Will {
  topic: string
  payload: Uint8Array
  qos: QoS
  retain: boolean
  properties?: Properties
}

export interface ConnectPacket {
  type: 'connect'
  protocolVersion: MqttVersion
  /** Empty: the server assigns one (not in 3.1; in 3.1.1 only with `cleanStart`). */
  clientId: string
  /** Clean Start of MQTT 5, Clean Session of MQTT 3. */
  cleanStart: boolean
  /** Seconds; 0 turns the keep-alive off. */
  keepAlive: number
  will?: Will
  username?: string
  password?: Uint8Array
  properties?: Properties
  /** MQTT 3.1 and 3.1.1: bit 0x80 of the protocol level is set, by which bridges name themselves. */
  bridge?: boolean
}

export interface ConnackPacket {
  type: 'connack'
  sessionPresent: boolean
  /** MQTT 5: a reason code; MQTT 3: a return code of 0 to 5. */
  reasonCode: number
  properties?: Properties
}

export interface PublishPacket {
  type: 'publish'
  /** Empty only in MQTT 5 and with a topic alias. */
  topic: string
  payload: Uint8Array
  qos: QoS
  retain: boolean
  dup: boolean
  /** 1 to 65535; absent exactly when `qos` is 0. */
  packetId?: number
  properties?: Properties
}

interface Acknowledgement {
  packetId: number
  /** 0 in MQTT 3, which has no field for it. */
  reasonCode: number
  properties?: Properties
}

export interface PubackPacket extends Acknowledgement {
  type: 'puback'
}

export interface PubrecPacket extends Acknowledgement {
  type: 'pubrec'
}

export interface PubrelPacket extends Acknowledgement {
  type: 'pubrel'
}

export interface PubcompPacket extends Acknowledgement {
  type: 'pubcomp'
}

/** One filter of a SUBSCRIBE with its options (MQTT 5 §3.8.3.1); MQTT 3 has only `qos`. */
export interface Subscription {
  filter: string
  qos: QoS
  noLocal: boolean
  retainAsPublished: boolean
  /** 0: send retained messages; 1: only for a new subscription; 2: none. */
  retainHandling: 0 | 1 | 2
}

export interface SubscribePacket {
  type: 'subscribe'
  packetId: number
  subscriptions: Subscription[]
  properties?: Properties
}

export interface SubackPacket {
  type: 'suback'
  packetId: number
  /** One for each filter: 0, 1, 2 granted; 0x80 and above refused (MQTT 3 knows only 0x80). */
  reasonCodes: number[]
  properties?: Properties
}

export interface UnsubscribePacket {
  type: 'unsubscribe'
  packetId: number
  filters: string[]
  properties?: Properties
}

export interface UnsubackPacket {
  type: 'unsuback'
  packetId: number
  /** One for each filter; empty in MQTT 3, which has no field for them. */
  reasonCodes: number[]
  properties?: Properties
}

export interface PingreqPacket {
  type: 'pingreq'
}

export interface PingrespPacket {
  type: 'pingresp'
}

export interface DisconnectPacket {
  type: 'disconnect'
  /** 0 in MQTT 3, which has no field for it. */
  reasonCode: number
  properties?: Properties
}

/** MQTT 5 only. */
export interface AuthPacket {
  type: 'auth'
  reasonCode: number
  properties?: Properties
}

export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket
