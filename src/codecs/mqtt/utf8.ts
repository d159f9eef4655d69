/** UTF-8 encoded strings (MQTT 5 §1.5.4): validated on the bytes, in place, before a string is made of them. */

import { malformed } from './fault.ts'

interface NativeSlices {
  latin1Slice(this: Uint8Array, start: number, end: number): string
  utf8Slice(this: Uint8Array, start: number, end: number): string
}

// Node's own slices work on any Uint8Array and cost less than Buffer#toString or a TextDecoder, which would also drop a
// leading U+FEFF, against [MQTT-1.5.4-3].
const { latin1Slice, utf8Slice } = Buffer.prototype as unknown as NativeSlices

/** {@link scanUtf8} found nothing but ASCII. */
export const ASCII = -1
/** {@link scanUtf8} found well-formed UTF-8 beyond ASCII. */
export const WELL_FORMED = -2

/**
 * Validates `start` to `end`: {@link ASCII}, {@link WELL_FORMED}, or the position of the first byte that breaks the
 * rules: U+0000 [MQTT-1.5.4-2], surrogates [MQTT-1.5.4-1], overlong forms, more than U+10FFFF, truncated sequences.
 */
export function scanUtf8(bytes: Uint8Array, start: number, end: number): number {
  let position = start
  while (position < end) {
    const byte = bytes[position]
    if (byte === 0) return position
    if (byte >= 0x80) return scanMultibyte(bytes, position, end)
    position += 1
  }
  return ASCII
}

function scanMultibyte(bytes: Uint8Array, start: number, end: number): number {
  let position = start
  while (position < end) {
    const length = sequenceLength(bytes, position, end)
    if (length === 0) return position
    position += length
  }
  return WELL_FORMED
}

/** The length of the sequence at `position`, 0 when it is ill-formed (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, position: number, end: number): number {
  const lead = bytes[position]
  if (lead < 0x80) return lead === 0 ? 0 : 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (position + length > end) return 0
  const second = bytes[position + 1]
  // The second byte's range excludes overlong forms (E0, F0), surrogates (ED) and what is beyond U+10FFFF (F4).
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < lowest || second > highest) return 0
  for (let index = 2; index < length; index += 1) {
    if ((bytes[position + index] & 0xc0) !== 0x80) return 0
  }
  return length
}

/** The string in `start` to `end`, validated. Throws a decode error; its offset counts from `origin`. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number, origin: number): string {
  const scan = scanUtf8(bytes, start, end)
  if (scan >= 0) malformed('a string is not well-formed UTF-8 or holds U+0000', scan - origin)
  return sliceUtf8(bytes, start, end, scan === ASCII)
}

/** The string in bytes that are known to be valid; `ascii` when they are known to be nothing else. */
export function sliceUtf8(bytes: Uint8Array, start: number, end: number, ascii: boolean): string {
  return ascii ? latin1Slice.call(bytes, start, end) : utf8Slice.call(bytes, start, end)
}
