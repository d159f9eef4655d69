/**
 * A message that is kept for long, small: one string of Latin-1 characters, a byte each, without its topic. An object
 * with a payload of its own costs several times as much.
 */
import { MESSAGE_OVERHEAD_BYTES, Message, type Qos, type TimeQuality } from './message.ts'

/** As a string where it is small and plain, else as it is. */
export type KeptMessage = string | Message

/** Larger payloads are kept outside of the JavaScript heap. */
const PACKED_PAYLOAD_BYTES_MAX = 2048
const PUBLISHER_BYTES_MAX = 255
const FIXED_BYTES = 26
const QUALITIES: readonly TimeQuality[] = ['synced', 'restamped', 'unsynced']
const RETAIN = 4
const QUALITY_SHIFT = 3

const scratch = Buffer.alloc(FIXED_BYTES + PUBLISHER_BYTES_MAX + PACKED_PAYLOAD_BYTES_MAX)

/** What a message is kept as. It shares no buffer with anything else afterwards. */
export function pack(message: Message): KeptMessage {
  const { publisher, payloadStart, payloadEnd, qos, retain, properties } = message
  const length = payloadEnd - payloadStart
  const publisherBytes = Buffer.byteLength(publisher)
  if (properties !== undefined || length > PACKED_PAYLOAD_BYTES_MAX || publisherBytes > PUBLISHER_BYTES_MAX) {
    message.settle()
    return message
  }
  scratch[0] = qos | (retain ? RETAIN : 0) | (QUALITIES.indexOf(message.timeQuality) << QUALITY_SHIFT)
  scratch[1] = publisherBytes
  scratch.writeDoubleLE(message.timeMs, 2)
  scratch.writeDoubleLE(message.takenAtMs, 10)
  scratch.writeDoubleLE(message.expiresAtMs, 18)
  scratch.write(publisher, FIXED_BYTES)
  scratch.set(message.bytes.subarray(payloadStart, payloadEnd), FIXED_BYTES + publisherBytes)
  return scratch.toString('latin1', 0, FIXED_BYTES + publisherBytes + length)
}

export function unpack(topic: string, kept: KeptMessage): Message {
  if (typeof kept !== 'string') return kept
  const bytes = Buffer.from(kept, 'latin1')
  const flags = bytes[0]
  const payloadStart = FIXED_BYTES + bytes[1]
  const message = new Message(topic, bytes, payloadStart, bytes.length, (flags & 3) as Qos, (flags & RETAIN) !== 0)
  message.publisher = bytes.toString('utf8', FIXED_BYTES, payloadStart)
  message.timeQuality = QUALITIES[flags >> QUALITY_SHIFT]
  message.timeMs = bytes.readDoubleLE(2)
  message.takenAtMs = bytes.readDoubleLE(10)
  message.expiresAtMs = bytes.readDoubleLE(18)
  return message
}

/** {@link Message.size} of the message on that topic. */
export function keptSize(topic: string, kept: KeptMessage): number {
  if (typeof kept !== 'string') return kept.size
  return kept.length - FIXED_BYTES - kept.charCodeAt(1) + topic.length + MESSAGE_OVERHEAD_BYTES
}

/** When it expires, running time; 0: never. */
export function keptExpiry(kept: KeptMessage): number {
  if (typeof kept !== 'string') return kept.expiresAtMs
  for (let i = 0; i < 8; i++) scratch[i] = kept.charCodeAt(18 + i)
  return scratch.readDoubleLE(0)
}
