/** The few packets of MQTT 3.1.1 that a load generator writes. Read §2.2 and §3 of the specification beside them. */
import { type MessageLoad, PAYLOAD_HEADER_BYTES } from '../job.ts'

export const CONNACK = 2
export const PUBLISH = 3
export const PUBACK = 4
export const PUBREC = 5
export const PUBREL = 6
export const PUBCOMP = 7
export const SUBACK = 9

/** Begins every payload: what does not carry it was published by somebody else. */
export const MAGIC = 0x7469_6467

const TOPIC_DIGITS = 6
const KEEP_ALIVE_SECONDS = 600

export const DISCONNECT = Buffer.from([0xe0, 0])

/** Numbers have a fixed width, so that all of a publisher's packets are of one length. */
export function topicOf(publisher: number, index: number): string {
  return `bench/${publisher}/${String(index).padStart(TOPIC_DIGITS, '0')}`
}

export function encodeConnect(clientId: string, cleanSession: boolean): Buffer {
  const flags = cleanSession ? 2 : 0
  return packet(0x10, [text('MQTT'), Buffer.from([4, flags, KEEP_ALIVE_SECONDS >> 8, KEEP_ALIVE_SECONDS & 0xff]), text(clientId)])
}

/** SUBSCRIBE with packet identifier 1. */
export function encodeSubscribe(filters: readonly string[], qos: number): Buffer {
  return packet(0x82, [Buffer.from([0, 1]), ...filters.flatMap(filter => [text(filter), Buffer.from([qos])])])
}

/** A PUBLISH with places to fill in; offsets count from the beginning of `bytes`. */
export interface PublishTemplate {
  bytes: Buffer
  /** First of the digits of the topic's index. */
  topicIndexAt: number
  topicIndexDigits: number
  /** -1 with QoS 0. */
  packetIdAt: number
  sequenceAt: number
  sentAt: number
}

export function publishTemplate(publisher: number, load: Pick<MessageLoad, 'qos' | 'payloadBytes'>, retain: boolean): PublishTemplate {
  const topic = text(topicOf(publisher, 0))
  const packetId = load.qos > 0 ? [Buffer.alloc(2)] : []
  const payload = Buffer.alloc(load.payloadBytes, 'x')
  payload.writeUInt32BE(MAGIC, 0)
  payload.writeUInt32BE(publisher, 4)
  const bytes = packet(0x30 | (load.qos << 1) | (retain ? 1 : 0), [topic, ...packetId, payload])
  const payloadAt = bytes.length - load.payloadBytes
  const topicEnd = payloadAt - packetId.length * 2
  return {
    bytes,
    topicIndexAt: topicEnd - TOPIC_DIGITS,
    topicIndexDigits: TOPIC_DIGITS,
    packetIdAt: load.qos > 0 ? topicEnd : -1,
    sequenceAt: payloadAt + 8,
    sentAt: payloadAt + PAYLOAD_HEADER_BYTES - 8,
  }
}

function packet(header: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length: number[] = []
  let left = body.length
  do {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    left >>>= 7
  } while (left > 0)
  return Buffer.concat([Buffer.from([header, ...length]), body])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}
