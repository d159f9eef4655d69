/** Paths and queries between URIs and options (`RFC 7252 §6.4, §6.5`). */
import type { CoapOption } from './message.ts'
import { stringOption } from './option-values.ts'
import { OPTION } from './options.ts'

const ESCAPE = /%[0-9a-fA-F]{2}/

/**
 * Resolves percent-escapes. Options carry plain text (`RFC 7252 §6.4` decodes them), but several client libraries copy the
 * URI's text as it is, so `%2F` in an option is read as what was meant. A `%` that begins no escape stays.
 * Undefined where the result is not UTF-8.
 */
export function percentDecode(text: string): string | undefined {
  if (!ESCAPE.test(text)) return text
  try {
    return text.replace(/(?:%[0-9a-fA-F]{2})+/g, escapes => decodeURIComponent(escapes))
  } catch {
    return undefined
  }
}

/** Splits `name=value`; without `=` the value is undefined. */
export function splitQuery(part: string): [name: string, value: string | undefined] {
  const equals = part.indexOf('=')
  return equals < 0 ? [part, undefined] : [part.slice(0, equals), part.slice(equals + 1)]
}

/** Uri-Path options of plain (not percent-encoded) segments. */
export function pathOptions(segments: readonly string[]): CoapOption[] {
  return segments.map(segment => stringOption(OPTION.UriPath, segment))
}

/** Uri-Query options of plain parts such as `rt=temperature`. */
export function queryOptions(parts: readonly string[]): CoapOption[] {
  return parts.map(part => stringOption(OPTION.UriQuery, part))
}
