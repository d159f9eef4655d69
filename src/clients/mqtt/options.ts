/** What a client of a server says of itself, what the server answers, and what the engine tells its owner. */
import type { GatewayError } from '#base/errors.ts'
import type { Properties, PublishPacket, Will } from '#codecs/mqtt/index.ts'

/** The versions that a client speaks: 4 is MQTT 3.1.1. */
export type ClientVersion = 4 | 5

export interface EngineOptions {
  version: ClientVersion
  /** Empty: the server assigns one (MQTT 3.1.1: only with `cleanStart`). */
  clientId: string
  username?: string | undefined
  password?: Uint8Array | undefined
  cleanStart: boolean
  /** 0 turns the keep-alive off. */
  keepAliveSeconds: number
  /** MQTT 5: how long the server keeps the session after the connection; 0xFFFFFFFF: for ever. MQTT 3.1.1 has only `cleanStart`. */
  sessionExpirySeconds?: number | undefined
  /** MQTT 5: unacknowledged QoS 1 and 2 messages that the server may send at once. */
  receiveMaximum?: number | undefined
  /** Packets from the server that are longer end the connection; announced to an MQTT 5 server. */
  packetBytesMax: number
  will?: Will | undefined
  /** From the CONNECT to the CONNACK, at most. */
  connectTimeoutMs: number
  /** From a PINGREQ, or from the last byte that came after it, to the PINGRESP; keep-alive within 5 to 30 s unless told. */
  pingTimeoutMs?: number | undefined
  /** From a SUBSCRIBE or UNSUBSCRIBE to its answer, at most. */
  requestTimeoutMs: number
}

/** What holds on this connection, as the CONNACK said (`MQTT 5 §3.2.2.3`); for MQTT 3.1.1 what is true there by definition. */
export interface ServerTerms {
  sessionPresent: boolean
  /** The id in force: assigned by the server, or the one asked for. */
  clientId: string
  /** QoS 1 and 2 messages that the server takes unacknowledged. */
  receiveMaximum: number
  /** Bytes of a packet at most; Infinity: any. */
  packetBytesMax: number
  qosMax: 0 | 1 | 2
  retainAvailable: boolean
  topicAliasMaximum: number
  subscriptionIdentifiers: boolean
  sharedSubscriptions: boolean
  wildcardSubscriptions: boolean
  keepAliveSeconds: number
  /** How long the server keeps the session; undefined: as asked for. */
  sessionExpirySeconds: number | undefined
  properties: Properties | undefined
}

/** The answer to a publish: `reason` ≥ 0x80 is a refusal. */
export interface Answer {
  packetId: number
  reason: number
  /** The server's words, where it said any. */
  said: string | undefined
}

/** What the engine tells its owner. Calls come synchronously from `receive` and from timers, and must not throw. */
export interface EngineEvents {
  /** Bytes for the server; to be sent in order. */
  write(bytes: Uint8Array): void
  /** The CONNACK accepted the connection. */
  connected(terms: ServerTerms): void
  /** PUBACK; or PUBREC with a refusal, which ends a QoS 2 publish as well. */
  acknowledged(answer: Answer): void
  /** PUBREC without refusal: the owner sends `release` when it has noted it. */
  received(packetId: number): void
  /** PUBCOMP; 0x92 (the server knew nothing of it any more) counts as complete. */
  completed(packetId: number): void
  /**
   * A message came. QoS 1 is acknowledged by `puback`, QoS 2 by `pubrec` and then `pubcomp`, when the owner is
   * ready. Its payload is a view of the chunk that was received: copy what is kept.
   */
  message(packet: PublishPacket): void
  /** PUBREL came for a QoS 2 message: to be answered by `pubcomp`. */
  released(packetId: number): void
  /** The connection is to be closed, for this reason (undefined: `disconnect` was called). Called once; nothing comes after it. */
  closed(error: GatewayError | undefined): void
}
