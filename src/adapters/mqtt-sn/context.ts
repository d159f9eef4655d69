/** What the parts of one MQTT-SN listener share. */
import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import type { Broker, ClientLimits, CommitQueue, Identity } from '#broker/ports.ts'
import type { SnPacket } from '#codecs/mqtt-sn/index.ts'
import type { MqttSnConfig } from './config.ts'
import type { Mountpoint } from './mountpoint.ts'
import type { Peer } from './peer.ts'
import type { PredefinedTopics } from './predefined.ts'

/** Running totals, for status. */
export interface SnCounters {
  malformed: number
  /** Well-formed packets that nobody may send to a gateway, or not now. */
  unexpected: number
  /** Packets of a sender that is not connected; most are answered with DISCONNECT. */
  unknownSender: number
  connected: number
  refused: number
  lost: number
  handshakesAbandoned: number
  retransmitted: number
  /** REGISTERs sent to nodes. */
  registered: number
  /** Answers with return code "congestion". */
  congested: number
  qosMinusOne: number
  qosMinusOneRefused: number
  /** QoS 0 messages that could not be sent: too large, or their REGISTER was refused or not answered. */
  undeliverable: number
}

export function newCounters(): SnCounters {
  return {
    malformed: 0,
    unexpected: 0,
    unknownSender: 0,
    connected: 0,
    refused: 0,
    lost: 0,
    handshakesAbandoned: 0,
    retransmitted: 0,
    registered: 0,
    congested: 0,
    qosMinusOne: 0,
    qosMinusOneRefused: 0,
    undeliverable: 0,
  }
}

export interface SnContext {
  readonly broker: Broker
  readonly clock: Clock
  readonly logger: Logger
  /** The listener's name. */
  readonly listener: string
  readonly config: MqttSnConfig
  /** Of each node; one message is in flight to it at a time (`MQTT-SN 1.2 §6.6`). */
  readonly limits: ClientLimits
  readonly sessionExpiryMs: number
  /** Of a message that a node publishes. */
  readonly payloadBytesMax: number
  readonly connectTimeoutMs: number
  readonly clientsMax: number
  readonly mountpoint: Mountpoint
  readonly predefined: PredefinedTopics
  readonly commits: CommitQueue
  readonly counters: SnCounters
  /** Asks access. @throws GatewayError as `Broker.admit` */
  admit(clientId: string, peer: Peer): Identity | Promise<Identity>
  /** @param radius how far a forwarder broadcasts it; 0: to the one node */
  send(peer: Peer, packet: SnPacket, radius?: number): void
  /** Sends what is already encoded; the bytes must not be changed afterwards. */
  sendBytes(peer: Peer, bytes: Uint8Array): void
}
