/** A cursor over one packet's body. Every read is checked against the packet's end and fails with its offset in the packet. */

import { decodeProperties } from './decode-properties.ts'
import { fault, malformed, protocolError } from './fault.ts'
import { bodyOffset, readVarint } from './frame.ts'
import type { MqttVersion } from './packet.ts'
import type { Properties, PropertyOwner } from './properties.ts'
import { checkTopicBytes, filterFault } from './topic.ts'
import { decodeUtf8, sliceUtf8 } from './utf8.ts'

export class PacketReader {
  readonly bytes: Uint8Array
  readonly origin: number
  readonly end: number
  /** The first byte of the packet: type and flags. */
  readonly header: number
  /** Absolute position of the next byte. */
  position: number

  /** Opens the packet that fills `start` to `end`; throws a decode error when its length does not fit. */
  constructor(bytes: Uint8Array, start: number, end: number, version: MqttVersion) {
    this.bytes = bytes
    this.origin = start
    this.end = end
    this.position = start + bodyOffset(bytes, start, end, version)
    this.header = bytes[start]
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.end - this.position
  }

  /** Offset in the packet of the next byte, or of the one `back` bytes before it. */
  offset(back = 0): number {
    return this.position - this.origin - back
  }

  /** Throws a decode error at the next byte, or `back` bytes before it. */
  fail(reason: number, message: string, back = 0): never {
    return fault(reason, message, this.offset(back))
  }

  uint8(what: string): number {
    this.need(1, what)
    return this.bytes[this.position++]
  }

  uint16(what: string): number {
    this.need(2, what)
    const value = (this.bytes[this.position] << 8) | this.bytes[this.position + 1]
    this.position += 2
    return value
  }

  varint(): number {
    const read = readVarint(this.bytes, this.position, this.end, this.origin)
    this.position += (read & 3) + 1
    return read >>> 2
  }

  /** A packet identifier; 0 is not one [MQTT-2.2.1-3] [MQTT-2.2.1-4]. */
  packetId(): number {
    const packetId = this.uint16('the packet identifier')
    if (packetId === 0) protocolError('the packet identifier is 0', this.offset(2))
    return packetId
  }

  /** Binary data with a two-byte length (MQTT 5 §1.5.6), as a view. */
  binary(what: string): Uint8Array {
    const length = this.uint16(what)
    this.need(length, what)
    this.position += length
    return this.bytes.subarray(this.position - length, this.position)
  }

  /** A UTF-8 encoded string (MQTT 5 §1.5.4). */
  text(what: string): string {
    const length = this.uint16(what)
    this.need(length, what)
    const value = decodeUtf8(this.bytes, this.position, this.position + length, this.origin)
    this.position += length
    return value
  }

  topicName(what: string): string {
    const length = this.uint16(what)
    this.need(length, what)
    const start = this.position
    const ascii = checkTopicBytes(this.bytes, start, start + length, this.origin)
    this.position += length
    return sliceUtf8(this.bytes, start, this.position, ascii)
  }

  topicFilter(): string {
    const offset = this.offset()
    const filter = this.text('a topic filter')
    const wrong = filterFault(filter)
    if (wrong !== undefined) malformed(wrong, offset)
    return filter
  }

  /** Property length and properties; undefined when there are none. */
  properties(owner: PropertyOwner): Properties | undefined {
    const length = this.varint()
    if (length === 0) return undefined
    this.need(length, 'the properties')
    const start = this.position
    this.position += length
    return decodeProperties(this.bytes, start, this.position, owner, this.origin)
  }

  /** All that is left, as a view. */
  rest(): Uint8Array {
    const rest = this.bytes.subarray(this.position, this.end)
    this.position = this.end
    return rest
  }

  /** Throws when the packet goes on after its last field. */
  finish(): void {
    if (this.position < this.end) malformed(`${this.remaining} bytes after the end of the packet's content`, this.offset())
  }

  private need(length: number, what: string): void {
    if (this.position + length > this.end) malformed(`the packet ends inside ${what}`, this.offset())
  }
}
