/** Writes one packet into a buffer of exactly its size. Values are checked by the size functions, before anything is allocated. */

import { unencodable } from './fault.ts'
import { VARINT_MAX, varintLength, writeVarint } from './frame.ts'

export class PacketWriter {
  readonly bytes: Buffer
  position = 0

  /** Writes into `size` new bytes. */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  /** Begins a packet with this first byte and remaining length; throws `encode-range` when it is too long for MQTT. */
  static packet(header: number, remainingLength: number): PacketWriter {
    if (remainingLength > VARINT_MAX) unencodable(`a remaining length of ${remainingLength} is more than MQTT allows`)
    const writer = new PacketWriter(1 + varintLength(remainingLength) + remainingLength)
    writer.uint8(header)
    writer.varint(remainingLength)
    return writer
  }

  uint8(value: number): void {
    this.bytes[this.position++] = value
  }

  uint16(value: number): void {
    this.bytes[this.position++] = value >>> 8
    this.bytes[this.position++] = value
  }

  uint32(value: number): void {
    this.uint16(value >>> 16)
    this.uint16(value & 0xffff)
  }

  varint(value: number): void {
    this.position = writeVarint(this.bytes, this.position, value)
  }

  raw(value: Uint8Array): void {
    this.bytes.set(value, this.position)
    this.position += value.length
  }

  /** A two-byte length and the bytes. */
  binary(value: Uint8Array): void {
    this.uint16(value.length)
    this.raw(value)
  }

  /** A two-byte length and the string in UTF-8. */
  text(value: string): void {
    const length = this.bytes.write(value, this.position + 2, 'utf8')
    this.uint16(length)
    this.position += length
  }

  /** The packet. That the sizes and the writing agree is this codec's own affair. */
  finish(): Buffer {
    if (this.position !== this.bytes.length) throw new Error(`wrote ${this.position} of ${this.bytes.length} bytes`)
    return this.bytes
  }
}

/** The size of a string on the wire, its two-byte length included; throws `encode-range` when it has no encoding. */
export function textSize(value: string, what: string): number {
  const length = Buffer.byteLength(value, 'utf8')
  if (length > 0xffff) unencodable(`${what} is ${length} bytes long, more than 65535`)
  // [MQTT-1.5.4-1]: a lone surrogate has no UTF-8; as many bytes as characters means ASCII.
  if (length !== value.length && !value.isWellFormed()) unencodable(`${what} holds a lone surrogate`)
  // [MQTT-1.5.4-2]
  if (value.includes('\0')) unencodable(`${what} holds U+0000`)
  return 2 + length
}

/** The size of binary data on the wire, its two-byte length included; throws `encode-range` when it is too long. */
export function binarySize(value: Uint8Array, what: string): number {
  if (value.length > 0xffff) unencodable(`${what} is ${value.length} bytes long, more than 65535`)
  return 2 + value.length
}

/** Throws `encode-range` unless `value` is an integer from `lowest` to `highest`. */
export function requireInteger(value: unknown, lowest: number, highest: number, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < lowest || value > highest) {
    unencodable(`${what} is ${String(value)}, not an integer from ${lowest} to ${highest}`)
  }
  return value
}

/** Throws `encode-range` unless `packetId` is 1 to 65535 [MQTT-2.2.1-3] [MQTT-2.2.1-4]. */
export function requirePacketId(packetId: number | undefined): number {
  return requireInteger(packetId, 1, 0xffff, 'the packet identifier')
}
