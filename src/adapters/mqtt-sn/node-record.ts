/** What of a node is in the store, so that it finds the gateway after a restart as it left it. */
import { Message, type Qos, type Will } from '#broker/ports.ts'
import { type Peer, peerOf } from './peer.ts'

/** A will as MQTT-SN has it: topic and message come and change apart (`MQTT-SN 1.2 §6.3, §6.4`). */
export interface StoredWill {
  /** As the node names it, without mountpoint. */
  topic: string
  qos: Qos
  retain: boolean
  payload: Uint8Array
}

export interface NodeRecord {
  listener: string
  /** Where it was last. */
  peer: Peer
  /** Another one has got its place since: nothing can be sent to it before it comes again. */
  displaced: boolean
  /** `away`: lost or disconnected; what is kept is for its next CONNECT. */
  state: 'active' | 'asleep' | 'away'
  cleanSession: boolean
  keepAliveSeconds: number
  sleepSeconds: number
  /** Counts its CONNECTs: topic ids are known for one of them. */
  connection: number
  will: StoredWill | undefined
}

interface Written extends Omit<NodeRecord, 'peer' | 'will'> {
  peer: Omit<Peer, 'key'>
  will?: Omit<StoredWill, 'payload'> & { payload: string }
}

export function encodeRecord({ peer, will, ...rest }: NodeRecord): Uint8Array {
  const { key: _key, ...place } = peer
  const written: Written = { ...rest, peer: place }
  if (will !== undefined) written.will = { ...will, payload: Buffer.from(will.payload).toString('base64') }
  return Buffer.from(JSON.stringify(written))
}

/** Undefined for a record that is damaged. */
export function decodeRecord(bytes: Uint8Array | undefined): NodeRecord | undefined {
  if (bytes === undefined) return undefined
  try {
    const { peer, will, ...rest } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Written
    return {
      ...rest,
      peer: peerOf(peer, peer.nodeId === undefined ? undefined : Buffer.from(peer.nodeId, 'hex')),
      will: will && { ...will, payload: Buffer.from(will.payload, 'base64') },
    }
  } catch {
    return undefined
  }
}

/** The will as the broker takes it. */
export function brokerWill(will: StoredWill | undefined, topicOf: (name: string) => string): Will | undefined {
  if (will === undefined) return undefined
  const { topic, qos, retain, payload } = will
  return { message: Message.from({ topic: topicOf(topic), payload, qos, retain }), delayMs: 0 }
}
