import { GatewayError } from '#base/errors.ts'
import { type CoapType, TYPE } from './codes.ts'
import type { CoapMessage, CoapOption } from './message.ts'

/**
 * Encodes a message (`RFC 7252 §3`). Options may come in any order; repeated ones keep theirs.
 * @throws GatewayError `encode-range` for a token over 8 bytes, an option number over 65535 or a value over 65804 bytes
 */
export function encodeMessage(message: CoapMessage): Uint8Array {
  const { token, payload } = message
  if (token.length > 8) throw new GatewayError('encode-range', `a CoAP token of ${token.length} bytes`)
  const options = sorted(message.options)
  let size = 4 + token.length + (payload.length > 0 ? 1 + payload.length : 0)
  let last = 0
  for (const { number, value } of options) {
    if (number > 0xffff || number < 0 || value.length > 65_804) throw new GatewayError('encode-range', `CoAP option ${number} does not fit`)
    size += 1 + extensionLength(number - last) + extensionLength(value.length) + value.length
    last = number
  }
  const bytes = Buffer.allocUnsafe(size)
  bytes[0] = 0x40 | (message.type << 4) | token.length
  bytes[1] = message.code
  bytes[2] = message.messageId >> 8
  bytes[3] = message.messageId & 0xff
  let at = copy(token, bytes, 4)
  last = 0
  for (const { number, value } of options) {
    at = encodeOptionHead(bytes, at, number - last, value.length)
    at = copy(value, bytes, at)
    last = number
  }
  if (payload.length > 0) {
    bytes[at++] = 0xff
    bytes.set(payload, at)
  }
  return bytes
}

/** An Empty message: ACK, RST, or a CON that serves as ping (`RFC 7252 §4.1, §4.3`). */
export function encodeEmpty(type: CoapType, messageId: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4)
  bytes[0] = 0x40 | (type << 4)
  bytes[1] = 0
  bytes[2] = messageId >> 8
  bytes[3] = messageId & 0xff
  return bytes
}

/** Gives an encoded message another type and message id, in place: all else in it stays as it is. */
export function restamp(bytes: Uint8Array, type: CoapType, messageId: number): void {
  bytes[0] = (bytes[0] & 0xcf) | (type << 4)
  bytes[2] = messageId >> 8
  bytes[3] = messageId & 0xff
}

/** The empty acknowledgement of a message. */
export function encodeAck(messageId: number): Uint8Array {
  return encodeEmpty(TYPE.ACK, messageId)
}

/** The rejection of a message. */
export function encodeReset(messageId: number): Uint8Array {
  return encodeEmpty(TYPE.RST, messageId)
}

function sorted(options: readonly CoapOption[]): readonly CoapOption[] {
  for (let i = 1; i < options.length; i++) {
    if (options[i].number < options[i - 1].number) return [...options].sort((a, b) => a.number - b.number)
  }
  return options
}

function extensionLength(value: number): number {
  return value < 13 ? 0 : value < 269 ? 1 : 2
}

function encodeOptionHead(bytes: Uint8Array, at: number, delta: number, length: number): number {
  const deltaNibble = delta < 13 ? delta : delta < 269 ? 13 : 14
  const lengthNibble = length < 13 ? length : length < 269 ? 13 : 14
  bytes[at++] = (deltaNibble << 4) | lengthNibble
  at = encodeExtension(bytes, at, delta)
  return encodeExtension(bytes, at, length)
}

function encodeExtension(bytes: Uint8Array, at: number, value: number): number {
  if (value < 13) return at
  if (value < 269) {
    bytes[at++] = value - 13
    return at
  }
  bytes[at++] = (value - 269) >> 8
  bytes[at++] = (value - 269) & 0xff
  return at
}

function copy(from: Uint8Array, to: Uint8Array, at: number): number {
  // Tokens and most option values are a few bytes: a loop beats the call of `set`.
  if (from.length > 48) to.set(from, at)
  else for (let i = 0; i < from.length; i++) to[at + i] = from[i]
  return at + from.length
}
