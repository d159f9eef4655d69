/** Option value formats (`RFC 7252 §3.2`) and how options are found in a message. */
import { type CoapOption, NO_BYTES } from './message.ts'

const SINGLE_BYTES: readonly Uint8Array[] = Array.from({ length: 256 }, (_, value) => (value === 0 ? NO_BYTES : Uint8Array.of(value)))

/** A number in network byte order without leading zeros; 0 is the empty value. `value`: 0 to 2^32 − 1. */
export function encodeUint(value: number): Uint8Array {
  if (value < 0x100) return SINGLE_BYTES[value]
  if (value < 0x10000) return Uint8Array.of(value >> 8, value & 0xff)
  if (value < 0x1000000) return Uint8Array.of(value >> 16, (value >> 8) & 0xff, value & 0xff)
  return Uint8Array.of(value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff)
}

/** Reads a number; leading zeros are accepted. `value` of at most 6 bytes. */
export function decodeUint(value: Uint8Array): number {
  let result = 0
  for (let i = 0; i < value.length; i++) result = result * 256 + value[i]
  return result
}

export function uintOption(number: number, value: number): CoapOption {
  return { number, value: encodeUint(value) }
}

export function stringOption(number: number, value: string): CoapOption {
  return { number, value: Buffer.from(value, 'utf8') }
}

/** The first option of a number. */
export function findOption(options: readonly CoapOption[], number: number): Uint8Array | undefined {
  for (let i = 0; i < options.length; i++) if (options[i].number === number) return options[i].value
  return undefined
}

/** All options of a number, in their order. */
export function findOptions(options: readonly CoapOption[], number: number): Uint8Array[] {
  const found: Uint8Array[] = []
  for (const option of options) if (option.number === number) found.push(option.value)
  return found
}

/** The number in the first option of its kind. */
export function findUint(options: readonly CoapOption[], number: number): number | undefined {
  const value = findOption(options, number)
  return value === undefined ? undefined : decodeUint(value)
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads UTF-8 (`RFC 7252 §3.2` string); undefined where it is not well formed. */
export function decodeString(value: Uint8Array): string | undefined {
  if (value.length < 64) {
    // Path segments and query parts are short and nearly always ASCII.
    let text = ''
    let at = 0
    while (at < value.length && value[at] < 0x80) text += String.fromCharCode(value[at++])
    if (at === value.length) return text
  }
  try {
    return strictUtf8.decode(value)
  } catch {
    return undefined
  }
}
