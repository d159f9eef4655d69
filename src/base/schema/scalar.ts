/** Text, numbers, switches, and words from a list. */

import type { JsonSchema, KeyOptions, Place, PresenceOf, Reading, ScalarSchema, Written } from './model.ts'
import { presenceOf, readFault, readOk, writtenFrom } from './model.ts'
import { suggest } from './nearest.ts'
import { alternatives, quote, showWritten } from './quote.ts'

/** What a name in the configuration looks like: listeners, bridges, zones. */
export const NAME = /^[a-z][a-z0-9-]*$/
export const NAME_TEXT = 'small letters, digits and "-", beginning with a letter'

interface ScalarParts<T> {
  typeName: string
  textual: boolean
  json: JsonSchema
  unit?: string | undefined
  range?: string | undefined
  refersTo?: string | undefined
  read(written: Written, place: Place): Reading<T>
}

type ScalarOptions<D> = KeyOptions & { readonly default?: D; readonly required?: boolean }

/**
 * A scalar of a feature's own: `parts.read` turns what was written into the value. Throws if the default does
 * not read, which is a mistake in the schema.
 */
export function scalar<T, const O extends ScalarOptions<string | number | boolean>>(
  parts: ScalarParts<T>,
  options: O,
): ScalarSchema<T, PresenceOf<O>> {
  if (options.default !== undefined) {
    const reading = parts.read(writtenFrom(options.default), { folder: '/' })
    if (!reading.ok) throw new TypeError(`the default of a ${parts.typeName} key is wrong: ${reading.message}`)
  }
  const { description, deprecated, example } = options
  return { kind: 'scalar', presence: presenceOf(options), default: options.default, description, deprecated, example, ...parts }
}

/** The text of a written value, or the fault that it is none. */
export function readText(written: Written): Reading<string> {
  if (written.type === 'string') return readOk(written.value)
  return readFault(`must be text, not ${showWritten(written)}`, `in quotes: "${written.value}"`)
}

export interface StringOptions {
  readonly default?: string
  readonly required?: boolean
  /** What the whole text must match; `patternText` says the same in words. */
  readonly pattern?: RegExp
  readonly patternText?: string
  /** The fewest and most characters (UTF-16 units); 1 and 65535 unless told. */
  readonly minLength?: number
  readonly maxLength?: number
  /** A check that no pattern can express: what is wrong and what to write, or undefined if all is well. */
  readonly test?: (text: string) => { readonly message: string; readonly hint?: string } | undefined
  /** The word on the reference page, `text` unless told. */
  readonly typeName?: string
}

/** Text. May not be empty or hold control characters unless `pattern` or `minLength: 0` allow it. */
export function string<const O extends KeyOptions & StringOptions>(options: O): ScalarSchema<string, PresenceOf<O>> {
  const { pattern, patternText, minLength = 1, maxLength = 65_535, test, typeName = 'text' } = options
  const json: JsonSchema = { type: 'string', ...(minLength > 0 && { minLength }), ...(pattern && { pattern: pattern.source }) }
  return scalar(
    {
      typeName,
      textual: true,
      json,
      range: patternText,
      read(written) {
        const text = readText(written)
        if (!text.ok) return text
        if (text.value.length < minLength) {
          return readFault(text.value === '' ? 'must not be empty' : `must have at least ${minLength} characters`)
        }
        if (text.value.length > maxLength) return readFault(`must have at most ${maxLength} characters`)
        if (pattern === undefined && /[\0-\x08\x0b-\x1f\x7f]/.test(text.value)) return readFault('must not hold control characters')
        if (pattern !== undefined && !pattern.test(text.value)) {
          return readFault(`${quote(text.value)} is not a valid value`, patternText)
        }
        const found = test?.(text.value)
        return found ? readFault(found.message, found.hint) : text
      },
    },
    options,
  )
}

/** The name of an entry of a map at the top of the configuration, say of a zone: must exist there. */
export function reference<const O extends KeyOptions & { readonly required?: boolean; readonly default?: string }>(
  target: string,
  options: O,
): ScalarSchema<string, PresenceOf<O>> {
  const { read, json } = string({ description: '', pattern: NAME, patternText: NAME_TEXT })
  return scalar({ typeName: 'name', textual: true, json, range: `a name of [${target}.NAME]`, refersTo: target, read }, options)
}

export interface NumberOptions {
  readonly default?: number
  readonly required?: boolean
  readonly min?: number
  readonly max?: number
  /** What is counted: `messages`, `levels`. */
  readonly unit?: string
}

/** A whole number, from 0 to 2^53 − 1 unless told. */
export function integer<const O extends KeyOptions & NumberOptions>(options: O): ScalarSchema<number, PresenceOf<O>> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options
  const json: JsonSchema = { type: 'integer', minimum: min, ...(max < Number.MAX_SAFE_INTEGER && { maximum: max }) }
  return scalar(
    {
      typeName: 'integer',
      textual: false,
      json,
      unit: options.unit,
      range: rangeText(min, max),
      read(written) {
        if (written.type !== 'integer') {
          return readFault(`must be a whole number, not ${showWritten(written)}`, unquoteHint(written, /^[+-]?\d+$/))
        }
        return readRange(written.value, min, max, String(written.value))
      },
    },
    options,
  )
}

/** A number, with or without fraction; never infinite. */
export function number<const O extends KeyOptions & NumberOptions>(options: O): ScalarSchema<number, PresenceOf<O>> {
  const { min = -Number.MAX_VALUE, max = Number.MAX_VALUE } = options
  const bounds = { ...(min > -Number.MAX_VALUE && { minimum: min }), ...(max < Number.MAX_VALUE && { maximum: max }) }
  return scalar(
    {
      typeName: 'number',
      textual: false,
      json: { type: 'number', ...bounds },
      unit: options.unit,
      range: rangeText(min, max),
      read(written) {
        if ((written.type !== 'integer' && written.type !== 'float') || !Number.isFinite(written.value)) {
          return readFault(`must be a number, not ${showWritten(written)}`, unquoteHint(written, /^[+-]?\d+(\.\d+)?$/))
        }
        return readRange(written.value, min, max, String(written.value))
      },
    },
    options,
  )
}

/** `true` or `false`. */
export function boolean<const O extends KeyOptions & { readonly default?: boolean; readonly required?: boolean }>(
  options: O,
): ScalarSchema<boolean, PresenceOf<O>> {
  return scalar(
    {
      typeName: 'boolean',
      textual: false,
      json: { type: 'boolean' },
      range: '`true`, `false`',
      read(written) {
        if (written.type === 'boolean') return readOk(written.value)
        return readFault(`must be true or false, not ${showWritten(written)}`, unquoteHint(written, /^(true|false)$/))
      },
    },
    options,
  )
}

/**
 * One word of a list. `planned` are words that people may expect and this version does not have: they get a
 * fault of their own.
 */
export function enumeration<
  const V extends readonly string[],
  const O extends KeyOptions & { readonly default?: V[number]; readonly required?: boolean; readonly planned?: readonly string[] },
>(values: V, options: O): ScalarSchema<V[number], PresenceOf<O>> {
  return scalar<V[number], O>(
    {
      typeName: 'text',
      textual: true,
      json: { type: 'string', enum: values },
      range: values.map(value => `\`"${value}"\``).join(', '),
      read(written) {
        const text = readText(written)
        if (!text.ok) return text
        if (values.includes(text.value)) return readOk(text.value)
        if (options.planned?.includes(text.value)) {
          return readFault(`${quote(text.value)} is not available in this version`, `available: ${values.join(', ')}`)
        }
        const likely = suggest(text.value, values)
        return readFault(`must be ${alternatives(values)}, not ${quote(text.value)}`, likely?.startsWith('did') ? likely : undefined)
      },
    },
    options,
  )
}

/** `value` if it lies in the range, else the fault; `shown` is the value as the message names it. */
export function readRange(
  value: number,
  min: number,
  max: number,
  shown: string,
  show: (value: number) => string = String,
): Reading<number> {
  if (value >= min && value <= max && (Number.isSafeInteger(value) || !Number.isInteger(value))) return readOk(value)
  if (value < min && max >= Number.MAX_SAFE_INTEGER) return readFault(`must be at least ${show(min)}, not ${shown}`)
  if (min === -Number.MAX_VALUE || max >= Number.MAX_SAFE_INTEGER) {
    return readFault(`must be at most ${show(Math.min(max, Number.MAX_SAFE_INTEGER))}, not ${shown}`)
  }
  return readFault(`must be from ${show(min)} to ${show(max)}, not ${shown}`)
}

/** The range as the reference page shows it, or undefined if there is none worth showing. */
export function rangeText(min: number, max: number, show: (value: number) => string = String): string | undefined {
  const open = max >= Number.MAX_SAFE_INTEGER
  if (min <= -Number.MAX_SAFE_INTEGER) return open ? undefined : `at most ${show(max)}`
  if (open) return min === 0 ? undefined : `at least ${show(min)}`
  return `${show(min)} to ${show(max)}`
}

function unquoteHint(written: Written, looksRight: RegExp): string | undefined {
  return written.type === 'string' && looksRight.test(written.value) ? `without quotes: ${written.value}` : undefined
}
