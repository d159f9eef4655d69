import { type CoapType, isRequestCode, TYPE } from './codes.ts'
import { type CoapFault, type CoapMessage, type CoapOption, type Decoded, NO_BYTES, NO_OPTIONS } from './message.ts'

const TOO_SHORT: Decoded = { outcome: 'ignored', reason: 'too-short' }
const WRONG_VERSION: Decoded = { outcome: 'ignored', reason: 'version' }

/**
 * Decodes one datagram (`RFC 7252 §3`). A datagram holds exactly one message, so truncation is a format error.
 * Never throws. Token, option values and payload are views into `bytes`.
 */
export function decodeMessage(bytes: Uint8Array): Decoded {
  if (bytes.length < 4) return TOO_SHORT
  const first = bytes[0]
  if (first >> 6 !== 1) return WRONG_VERSION
  const type = ((first >> 4) & 3) as CoapType
  const tokenLength = first & 15
  const code = bytes[1]
  const messageId = (bytes[2] << 8) | bytes[3]
  const malformed = (reason: CoapFault, offset: number): Decoded => ({ outcome: 'malformed', reason, offset, type, code, messageId })

  if (tokenLength > 8) return malformed('token-length', 0)
  if (code === 0) {
    if (bytes.length > 4 || tokenLength > 0) return malformed('empty-with-content', 4)
    return { outcome: 'message', message: { type, code, messageId, token: NO_BYTES, options: NO_OPTIONS, payload: NO_BYTES } }
  }
  if (isReservedClass(code >> 5)) return malformed('code-reserved', 1)
  if (type === TYPE.RST || (type === TYPE.ACK && isRequestCode(code))) return malformed('type-reserved', 0)
  const optionsStart = 4 + tokenLength
  if (bytes.length < optionsStart) return malformed('token-truncated', bytes.length)
  const token = tokenLength === 0 ? NO_BYTES : bytes.subarray(4, optionsStart)
  const options: CoapOption[] = []
  const end = decodeOptions(bytes, optionsStart, options)
  if (typeof end !== 'number') return malformed(end.reason, end.offset)
  if (end === bytes.length - 1) return malformed('payload-missing', end)
  const payload = end < bytes.length ? bytes.subarray(end + 1) : NO_BYTES
  const message: CoapMessage = { type, code, messageId, token, options, payload }
  return { outcome: 'message', message }
}

/** Classes 1, 3, 6 and 7 are reserved over UDP (`RFC 7252 §3`; 7 is signalling over TCP, `RFC 8323`). */
function isReservedClass(group: number): boolean {
  return group === 1 || group === 3 || group > 5
}

/** Reads options from `at` into `into`; returns where they end: the payload marker, or the end of the datagram. */
function decodeOptions(bytes: Uint8Array, at: number, into: CoapOption[]): number | { reason: CoapFault; offset: number } {
  let number = 0
  while (at < bytes.length) {
    const head = bytes[at]
    if (head === 0xff) return at
    const start = at++
    let delta = head >> 4
    let length = head & 15
    if (delta === 15 || length === 15) return { reason: 'option-reserved', offset: start }
    // Beyond 12 the nibble announces one or two bytes that follow: first the delta's, then the length's (`§3.1`).
    const extended = (delta > 12 ? delta - 12 : 0) + (length > 12 ? length - 12 : 0)
    if (at + extended > bytes.length) return { reason: 'option-truncated', offset: start }
    if (delta === 13) delta = 13 + bytes[at++]
    else if (delta === 14) delta = 269 + ((bytes[at++] << 8) | bytes[at++])
    if (length === 13) length = 13 + bytes[at++]
    else if (length === 14) length = 269 + ((bytes[at++] << 8) | bytes[at++])
    number += delta
    if (number > 0xffff) return { reason: 'option-number', offset: start }
    if (at + length > bytes.length) return { reason: 'option-truncated', offset: start }
    into.push({ number, value: length === 0 ? NO_BYTES : bytes.subarray(at, at + length) })
    at += length
  }
  return at
}
