/** How the values of log fields are shown: bounded, without control characters, whatever they are. */
import { GatewayError } from '#base/errors.ts'

/** Longer texts are cut: a log line is no place for a payload. */
const TEXT_CHARS_MAX = 1000
const DEPTH_MAX = 4
const ENTRIES_MAX = 50

/** Controls, and what turns the direction of text or breaks lines: a client's name must not write to the terminal. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Text that fits on a line of a terminal. */
export function safeText(text: string): string {
  const cut = text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}… (${text.length} characters)` : text
  return cut.replace(UNSAFE, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * A value that `JSON.stringify` takes without fail: errors as message, code and hint, bytes as hexadecimal
 * digits, what is too deep or too long cut. `stacks`: errors show where they came from.
 */
export function plainValue(value: unknown, stacks: boolean, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > TEXT_CHARS_MAX ? `${value.slice(0, TEXT_CHARS_MAX)}… (${value.length} characters)` : value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'boolean':
    case 'undefined':
      return value
    case 'object':
      return value === null ? null : plainObject(value, stacks, depth)
    default:
      return String(value)
  }
}

function plainObject(value: object, stacks: boolean, depth: number): unknown {
  if (depth >= DEPTH_MAX) return '…'
  if (value instanceof Error) return plainError(value, stacks, depth)
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, TEXT_CHARS_MAX / 2)).toString('hex')
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString()
  if (value instanceof Map) return plainObject(Object.fromEntries(value), stacks, depth)
  if (Array.isArray(value) || value instanceof Set)
    return [...value].slice(0, ENTRIES_MAX).map(entry => plainValue(entry, stacks, depth + 1))
  const entries = Object.entries(value).slice(0, ENTRIES_MAX)
  return Object.fromEntries(entries.map(([key, entry]) => [key, plainValue(entry, stacks, depth + 1)]))
}

function plainError(error: Error, stacks: boolean, depth: number): Record<string, unknown> {
  const { message, cause } = error
  const code = 'code' in error ? error.code : undefined
  const shown: Record<string, unknown> = { message: plainValue(message === '' ? error.name : message, stacks, depth) }
  if (typeof code === 'string' || typeof code === 'number') shown['code'] = code
  if (error instanceof GatewayError && error.hint !== undefined) shown['hint'] = error.hint
  if (cause !== undefined && !(cause instanceof Error && message.includes(cause.message)))
    shown['cause'] = plainValue(cause, stacks, depth + 1)
  if (stacks) shown['stack'] = error.stack
  return shown
}
