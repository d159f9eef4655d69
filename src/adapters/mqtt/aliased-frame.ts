/** Writes a shared MQTT 5 PUBLISH with a topic alias: what is the same for all recipients is copied, not encoded again. */
import { readVarint, varintLength, writeVarint } from '#codecs/mqtt/index.ts'
import type { Frame } from './frames.ts'
import type { Output } from './output.ts'

const TOPIC_ALIAS = 0x23
const ALIAS_BYTES = 3

/** A packet with an alias is at most this much longer than the same without. */
export const ALIAS_GROWTH_BYTES = ALIAS_BYTES + 2

/**
 * Puts `frame` with `alias` into the output; the topic itself only where `withTopic`, which sets the alias. `header` is
 * the first byte, `packetId` 0 at QoS 0.
 */
export function putAliased(output: Output, frame: Frame, alias: number, withTopic: boolean, header: number, packetId: number): void {
  const { bytes, start, end, idAt } = frame
  let topicAt = start + 1
  while (bytes[topicAt++] >= 0x80);
  const topicBytes = 2 + ((bytes[topicAt] << 8) | bytes[topicAt + 1])
  const idBytes = idAt === 0 ? 0 : 2
  const propertiesAt = topicAt + topicBytes + idBytes
  const read = readVarint(bytes, propertiesAt, end, start)
  const restAt = propertiesAt + (read & 3) + 1
  const propertyBytes = (read >>> 2) + ALIAS_BYTES
  const remaining = (withTopic ? topicBytes : 2) + idBytes + varintLength(propertyBytes) + ALIAS_BYTES + (end - restAt)
  let at = output.reserve(1 + varintLength(remaining) + remaining)
  const { buffer } = output
  buffer[at++] = header
  at = writeVarint(buffer, at, remaining)
  if (withTopic) {
    buffer.set(bytes.subarray(topicAt, topicAt + topicBytes), at)
    at += topicBytes
  } else {
    buffer[at++] = 0
    buffer[at++] = 0
  }
  if (idBytes > 0) {
    buffer[at++] = packetId >>> 8
    buffer[at++] = packetId
  }
  at = writeVarint(buffer, at, propertyBytes)
  buffer[at++] = TOPIC_ALIAS
  buffer[at++] = alias >>> 8
  buffer[at++] = alias
  buffer.set(bytes.subarray(restAt, end), at)
}
