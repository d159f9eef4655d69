/** The fixed header: packet type, flags and remaining length (MQTT 5 §2.1), and the variable byte integer (§1.5.5). */

import { malformed } from './fault.ts'

/** The largest value of a variable byte integer, and so of a remaining length. */
export const VARINT_MAX = 268_435_455

/**
 * The length in bytes of the packet that begins at `start`, fixed header included. The body need not be there yet, so
 * that a limit on packet sizes can act on the header alone. 0: the header itself is incomplete.
 * Throws a decode error for packet type 0 and for a remaining length that goes on after its fourth byte (§2.1.4).
 */
export function frameLength(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return 0
  // [MQTT-2.1.2] Type 0 is reserved; waiting for its body would be waiting for garbage.
  if (bytes[start] < 0x10) malformed('packet type 0 is reserved', 0)
  if (start + 1 >= end) return 0
  const first = bytes[start + 1]
  if (first < 0x80) return first + 2
  let value = first & 0x7f
  let shift = 7
  for (let position = start + 2; position < start + 5; position += 1) {
    if (position >= end) return 0
    const byte = bytes[position]
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value + position + 1 - start
    shift += 7
  }
  return malformed('the remaining length is longer than four bytes', 4)
}

/**
 * The offset of the variable header in the packet that fills `start` to `end`. Throws a decode error when the packet is
 * not exactly that long, and in MQTT 5 when the remaining length takes more bytes than it needs.
 */
export function bodyOffset(bytes: Uint8Array, start: number, end: number, version: number): number {
  const total = frameLength(bytes, start, end)
  if (total === 0 || total !== end - start) malformed(`the packet's length is ${end - start} bytes, its header says ${total}`, 1)
  let offset = 2
  while (bytes[start + offset - 1] >= 0x80) offset += 1
  if (version === 5) checkShortest(bytes, start, offset)
  return offset
}

/**
 * Throws a decode error when the remaining length before the body at `offset` is longer than it needs be [MQTT-1.5.5-1].
 * MQTT 3 does not demand the shortest form, and devices that always reserve four bytes for it exist.
 */
export function checkShortest(bytes: Uint8Array, start: number, offset: number): void {
  if (offset > 2 && bytes[start + offset - 1] === 0) malformed('the remaining length is not in its shortest form', 1)
}

/** The bytes that a variable byte integer takes. `value`: 0 to {@link VARINT_MAX}. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  return value < 0x20_0000 ? 3 : 4
}

/** Writes a variable byte integer in its shortest form and returns the position after it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let at = position
  let rest = value
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  target[at++] = rest
  return at
}

/**
 * Reads a variable byte integer of an MQTT 5 packet in place. To return two numbers without an object the result is
 * `value * 4 + (length - 1)`; take it apart with `>>> 2` and `(& 3) + 1`. `origin` is where the packet begins.
 */
export function readVarint(bytes: Uint8Array, position: number, end: number, origin: number): number {
  let value = 0
  for (let index = 0; index < 4; index += 1) {
    if (position + index >= end) malformed('the packet ends inside a variable byte integer', position + index - origin)
    const byte = bytes[position + index]
    value |= (byte & 0x7f) << (7 * index)
    if (byte < 0x80) {
      // [MQTT-1.5.5-1]
      if (byte === 0 && index > 0) malformed('a variable byte integer is not in its shortest form', position - origin)
      return value * 4 + index
    }
  }
  return malformed('a variable byte integer is longer than four bytes', position + 4 - origin)
}
