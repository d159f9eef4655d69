/**
 * A message and a queue entry as bytes. A row of a queue holds the entry and, when the message has no row of its
 * own, the message behind it. The payload comes last and has no length of its own: it is the rest.
 */
import { isUtf8 } from 'node:buffer'
import { Entry, Message, type MessageProperties, type Qos, type TimeQuality } from '#broker/ports.ts'
import { type ByteReader, type ByteWriter, malformed } from './bytes.ts'

/** First byte of every message record. */
export const RECORD_VERSION = 1

const QUALITIES: readonly TimeQuality[] = ['synced', 'restamped', 'unsynced']

const RETAIN = 0x04
const QUALITY_SHIFT = 3
const HAS_EXPIRY = 0x20
const HAS_PUBLISHER = 0x40
const HAS_PROPERTIES = 0x80

const HAS_FORMAT = 0x01
const FORMAT_TEXT = 0x02
const HAS_CONTENT_TYPE = 0x04
const HAS_RESPONSE_TOPIC = 0x08
const HAS_CORRELATION = 0x10
const HAS_USER = 0x20

const ENTRY_RETAIN = 0x04
const ENTRY_IDENTIFIERS = 0x08

export function encodeMessage(writer: ByteWriter, message: Message): void {
  const { topic, publisher, properties, expiresAtMs } = message
  const length = message.payloadEnd - message.payloadStart
  writer.reserve(64 + 3 * (topic.length + publisher.length) + length)
  let flags = message.qos | (QUALITIES.indexOf(message.timeQuality) << QUALITY_SHIFT)
  if (message.retain) flags |= RETAIN
  if (expiresAtMs !== 0) flags |= HAS_EXPIRY
  if (publisher !== '') flags |= HAS_PUBLISHER
  if (properties !== undefined) flags |= HAS_PROPERTIES
  writer.u8(RECORD_VERSION)
  writer.u8(flags)
  writer.f64(message.timeMs)
  writer.f64(message.takenAtMs)
  if (expiresAtMs !== 0) writer.f64(expiresAtMs)
  writer.string(topic)
  if (publisher !== '') writer.string(publisher)
  if (properties !== undefined) encodeProperties(writer, properties)
  writer.reserve(length)
  writer.raw(message.bytes, message.payloadStart, message.payloadEnd)
}

function encodeProperties(writer: ByteWriter, properties: MessageProperties): void {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties
  let mask = 0
  if (payloadFormatIndicator !== undefined) mask |= HAS_FORMAT | (payloadFormatIndicator ? FORMAT_TEXT : 0)
  if (contentType !== undefined) mask |= HAS_CONTENT_TYPE
  if (responseTopic !== undefined) mask |= HAS_RESPONSE_TOPIC
  if (correlationData !== undefined) mask |= HAS_CORRELATION
  if (userProperties !== undefined) mask |= HAS_USER
  writer.reserve(32)
  writer.u8(mask)
  if (contentType !== undefined) encodeString(writer, contentType)
  if (responseTopic !== undefined) encodeString(writer, responseTopic)
  if (correlationData !== undefined) {
    writer.reserve(4 + correlationData.length)
    writer.block(correlationData)
  }
  if (userProperties === undefined) return
  writer.reserve(4)
  writer.u32(userProperties.length)
  for (const [name, value] of userProperties) {
    encodeString(writer, name)
    encodeString(writer, value)
  }
}

function encodeString(writer: ByteWriter, value: string): void {
  writer.reserve(4 + 3 * value.length)
  writer.string(value)
}

/**
 * The message between the reader's position and its end. Its payload is a range of the reader's bytes.
 * @throws GatewayError `decode-malformed`
 */
export function decodeMessage(reader: ByteReader): Message {
  const version = reader.u8()
  if (version !== RECORD_VERSION) throw malformed(`has unknown version ${version}`, reader.position - 1)
  const flags = reader.u8()
  const qos = flags & 0x03
  const quality = QUALITIES[(flags >> QUALITY_SHIFT) & 0x03]
  if (qos > 2 || quality === undefined) throw malformed('has impossible flags', reader.position - 1)
  const timeMs = reader.f64()
  const takenAtMs = reader.f64()
  const expiresAtMs = flags & HAS_EXPIRY ? reader.f64() : 0
  if (!Number.isFinite(timeMs) || !Number.isFinite(takenAtMs) || !Number.isFinite(expiresAtMs)) throw malformed('has an impossible time', 2)
  const topic = decodeString(reader)
  const publisher = flags & HAS_PUBLISHER ? decodeString(reader) : ''
  const properties = flags & HAS_PROPERTIES ? decodeProperties(reader) : undefined
  const message = new Message(topic, reader.bytes, reader.position, reader.end, qos as Qos, (flags & RETAIN) !== 0, properties)
  message.publisher = publisher
  message.expiresAtMs = expiresAtMs
  message.timeMs = timeMs
  message.timeQuality = quality
  message.takenAtMs = takenAtMs
  reader.position = reader.end
  return message
}

function decodeProperties(reader: ByteReader): MessageProperties {
  const mask = reader.u8()
  const properties: MessageProperties = {}
  if (mask & HAS_FORMAT) properties.payloadFormatIndicator = mask & FORMAT_TEXT ? 1 : 0
  if (mask & HAS_CONTENT_TYPE) properties.contentType = decodeString(reader)
  if (mask & HAS_RESPONSE_TOPIC) properties.responseTopic = decodeString(reader)
  if (mask & HAS_CORRELATION) properties.correlationData = reader.block()
  if (!(mask & HAS_USER)) return properties
  const count = reader.u32()
  if (count > reader.end - reader.position) throw malformed('counts more properties than fit', reader.position - 4)
  const pairs: [string, string][] = []
  for (let index = 0; index < count; index++) pairs.push([decodeString(reader), decodeString(reader)])
  properties.userProperties = pairs
  return properties
}

function decodeString(reader: ByteReader): string {
  const bytes = reader.block()
  if (!isUtf8(bytes)) throw malformed('holds text that is not UTF-8', reader.position - bytes.length)
  return bytes.toString('utf8')
}

/** What a queue's row says about the entry itself. */
export function encodeEntry(writer: ByteWriter, entry: Entry): void {
  const { identifiers } = entry
  writer.reserve(8 + 4 * (identifiers?.length ?? 0))
  writer.u8(entry.qos | (entry.retain ? ENTRY_RETAIN : 0) | (identifiers === undefined ? 0 : ENTRY_IDENTIFIERS))
  if (identifiers === undefined) return
  writer.u32(identifiers.length)
  for (const identifier of identifiers) writer.u32(identifier)
}

/**
 * The entry at the reader's position; `message` is given when it has a row of its own, else it follows.
 * @throws GatewayError `decode-malformed`
 */
export function decodeEntry(reader: ByteReader, seq: number, message: Message | undefined): Entry {
  const flags = reader.u8()
  const qos = flags & 0x03
  if (qos > 2) throw malformed('has an impossible QoS', reader.position - 1)
  let identifiers: number[] | undefined
  if (flags & ENTRY_IDENTIFIERS) {
    const count = reader.u32()
    if (count * 4 > reader.end - reader.position) throw malformed('counts more identifiers than fit', reader.position - 4)
    identifiers = []
    for (let index = 0; index < count; index++) identifiers.push(reader.u32())
  }
  return new Entry(seq, message ?? decodeMessage(reader), qos as Qos, (flags & ENTRY_RETAIN) !== 0, identifiers)
}
