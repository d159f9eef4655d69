import { GatewayError } from '#base/errors.ts'
import { FIELDS_MAX, type Field, type Fields, type LineParser } from './fields.ts'

/** How deep values are looked for; what lies deeper is malformed. */
export const JSON_DEPTH_MAX = 16

/**
 * Lines that hold a JSON object. Each member is a field; those of nested objects and arrays are named by their
 * path with dots: `{"a":{"b":[7]}}` has `a.b.0`.
 */
export class JsonParser implements LineParser {
  parse(line: string): Fields {
    let parsed: unknown
    try {
      parsed = LONG_DIGITS.test(line) ? JSON.parse(line, keepSource) : JSON.parse(line)
    } catch (cause) {
      throw new GatewayError('decode-malformed', 'not JSON', { offset: syntaxOffset(cause, line), cause })
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      throw new GatewayError('decode-malformed', 'not a JSON object', { offset: 0 })
    }
    const fields = new Map<string, Field>()
    collect(fields, '', parsed, 1)
    return fields
  }
}

/** More digits than a double can hold: their text is kept beside the number. */
const LONG_DIGITS = /\d{16}/

class SourcedNumber implements Field {
  readonly text: string
  readonly value: number

  constructor(text: string, value: number) {
    this.text = text
    this.value = value
  }
}

function keepSource(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined && LONG_DIGITS.test(context.source)
    ? new SourcedNumber(context.source, value)
    : value
}

function collect(fields: Map<string, Field>, prefix: string, container: object, depth: number): void {
  if (depth > JSON_DEPTH_MAX) throw new GatewayError('decode-malformed', `nested deeper than ${JSON_DEPTH_MAX} levels`, { offset: 0 })
  for (const [name, value] of Object.entries(container)) {
    const path = prefix === '' ? name : `${prefix}.${name}`
    if (value instanceof SourcedNumber) fields.set(path, value)
    else if (typeof value === 'object' && value !== null) collect(fields, path, value, depth + 1)
    else fields.set(path, { text: String(value), value })
    if (fields.size > FIELDS_MAX) throw new GatewayError('decode-malformed', `more than ${FIELDS_MAX} values`, { offset: 0 })
  }
}

/** V8 names the position of most syntax errors in the message; where it does not, the text ended too early. */
function syntaxOffset(error: unknown, line: string): number {
  const found = error instanceof Error ? /at position (\d+)/.exec(error.message) : null
  return found ? Number(found[1]) : line.length
}
