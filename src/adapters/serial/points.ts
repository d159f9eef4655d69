import { GatewayError } from '#base/errors.ts'
import { topicLevel } from '#base/topic-filter.ts'
import { type Field, type Fields, isBinaryType, recogniseNumber } from '#codecs/framing/index.ts'
import { type PointConfig, RESERVED_POINTS, type SpeechConfig, VALUE_PLACE } from './config-keys.ts'
import { extractBits, flagText, maskOf, scaled, toBoolean, unscaled, wordOf, wordValue } from './value.ts'

export type PointValue = string | number | boolean | null

/** One value of a device, ready to be published. */
export interface Reading {
  /** The level, or unit and point, that it fills below `serial/{name}/`. */
  readonly point: string
  /** As `format = "text"` publishes it. */
  readonly text: string
  readonly value: PointValue
  readonly unit: string | undefined
  /** False: the field was there, and is not what the point says it is; or there is no value, as `error` says. */
  readonly good: boolean
  readonly error?: string
  /** What is published as it is instead of text. */
  readonly bytes?: Uint8Array
}

interface Point extends PointConfig {
  readonly name: string
  readonly field: string
}

/** The points of a device: which fields of a line they come from, and what becomes of them. */
export class Points {
  readonly #points: readonly Point[]
  readonly #byName: ReadonlyMap<string, Point>

  constructor(config: SpeechConfig['points']) {
    this.#points = Object.entries(config).map(([name, point]) => ({ ...point, name, field: point.from ?? name }))
    this.#byName = new Map(this.#points.map(point => [point.name, point]))
  }

  /** The readings of one line. Without configured points each field is one, under its own name. */
  read(fields: Fields): Reading[] {
    if (this.#points.length === 0) return readAll(fields)
    const readings: Reading[] = []
    for (const point of this.#points) {
      if (point.type === 'command') continue
      const field = fields.get(point.field)
      if (field !== undefined) readings.push(readPoint(point.name, point, field))
    }
    return readings
  }

  /**
   * The line that writes `payload` to a point, without its end.
   * @throws GatewayError `not-found` if the point cannot be written, `encode-range` if the payload is not a value of it
   */
  writeLine(name: string, payload: string): string {
    const point = this.#byName.get(name)
    if (point?.set === undefined) throw new GatewayError('not-found', `point "${name}" cannot be written`)
    return point.set.replaceAll(VALUE_PLACE, () => writeText(point, payload))
  }
}

function readAll(fields: Fields): Reading[] {
  const readings: Reading[] = []
  for (const [name, field] of fields) {
    const point = levelOf(name)
    if (point === undefined) continue
    readings.push({ point, text: field.text, value: field.value, unit: undefined, good: true })
  }
  return readings
}

/** A field's name as one level of a topic, or undefined if it cannot be one. */
function levelOf(name: string): string | undefined {
  if (name === '' || name.length > 128 || name.startsWith('$') || RESERVED_POINTS.includes(name)) return undefined
  return topicLevel(name)
}

/** The reading of a point from its field. */
export function readPoint(name: string, point: PointConfig, field: Field): Reading {
  const { unit } = point
  const value = convert(point, field)
  if (value === undefined) return { point: name, text: field.text, value: null, unit, good: false }
  const untouched = value === field.value || point.type === 'text' || (point.type === 'number' && !isScaled(point))
  // `007` is no way to write a whole number.
  const asItStood = untouched && typeof value !== 'boolean' && !(point.type === 'integer' && /^[-+]?0\d|^\+/.test(field.text))
  return { point: name, text: asItStood ? field.text : String(value), value, unit, good: true }
}

/** The point's value, or undefined if the field has none of its type. */
function convert(point: PointConfig, field: Field): PointValue | undefined {
  if (point.invalid.length > 0 && point.invalid.includes(Number(field.value))) return undefined
  if (point.bit !== undefined) return fromBits(point, field)
  const word = wordOf(point, field.text)
  if (word !== undefined) return word
  if (Object.keys(point.flags).length > 0) return field.value === null ? undefined : flagText(point, field.text)
  switch (point.type) {
    case 'text':
      return field.text
    case 'boolean':
      return toBoolean(field.text)
    case 'number':
      return scale(point, field)
    case 'integer': {
      const value = scale(point, field)
      return value === undefined ? undefined : Math.round(value)
    }
    default:
      if (isScaled(point)) return scale(point, field)
      return field.value === null && isBinaryType(point.type) ? undefined : field.value
  }
}

function fromBits(point: PointConfig, field: Field): PointValue | undefined {
  const raw = extractBits(point, field.text)
  if (raw === undefined) return undefined
  const word = wordOf(point, String(raw))
  if (word !== undefined) return word
  if (point.bits === 1) return raw === 1
  return isScaled(point) ? scaled(point, raw) : raw
}

function isScaled(point: PointConfig): boolean {
  return point.scale !== 1 || point.offset !== 0 || point.decimals !== undefined
}

function scale(point: PointConfig, field: Field): number | undefined {
  const raw = typeof field.value === 'number' ? field.value : recogniseNumber(field.text)
  return raw === undefined ? undefined : scaled(point, raw)
}

/** A payload as it stands in the line. It may not hold a control character: a line of its own could be smuggled in. */
function writeText(point: PointConfig, payload: string): string {
  const text = wordValue(point, payload.trim())
  const unfit = (what: string) => new GatewayError('encode-range', `${JSON.stringify(text.slice(0, 64))} is not ${what}`)
  if (/[\0-\x1f\x7f]/.test(text)) throw unfit('a value: it holds control characters')
  if (point.type === 'boolean') {
    const value = toBoolean(text)
    if (value === undefined) throw unfit('true or false')
    return /^[01]$/.test(text) ? text : String(value)
  }
  const limited = point.min !== undefined || point.max !== undefined
  if (point.type === 'text' || (point.type === 'auto' && !isScaled(point) && !limited)) return text
  const value = recogniseNumber(text)
  if (value === undefined) throw unfit('a number')
  assertInRange(point, value)
  if (!isScaled(point)) return point.type === 'integer' ? String(Math.round(value)) : text
  const raw = unscaled(point, value)
  if (raw === undefined) throw unfit('a number of this point')
  return String(point.type === 'integer' ? Math.round(raw) : raw)
}

/** @throws GatewayError `encode-range` if the value lies outside `min` and `max` */
export function assertInRange(point: PointConfig, value: number): void {
  const { min = -Infinity, max = Infinity } = point
  if (value < min || value > max) throw new GatewayError('encode-range', `${value} is not from ${min} to ${max}`)
}

/**
 * The number, text or switch to be encoded into the registers of a point for a payload; `current` is what its register holds,
 * for a field of bits.
 * @throws GatewayError `encode-range`
 */
export function rawOf(point: PointConfig, payload: string, current = 0): number | bigint | string {
  const text = wordValue(point, payload.trim())
  if (point.type === 'string' || point.type === 'hex') return text
  const toggled = toBoolean(text)
  if (point.bit !== undefined) {
    const field = point.bits === 1 && toggled !== undefined ? Number(toggled) : recogniseNumber(text)
    if (field === undefined || !Number.isInteger(field) || field < 0 || field >= 2 ** point.bits) {
      throw new GatewayError('encode-range', `${JSON.stringify(text.slice(0, 64))} does not fit ${point.bits} bits`)
    }
    const mask = maskOf(point)
    return Number((BigInt(current) & ~mask) | (BigInt(field) << BigInt(point.bit)))
  }
  if (!isScaled(point) && /^-?\d{16,20}$/.test(text) && /64$/.test(point.type)) return BigInt(text)
  const value = recogniseNumber(text) ?? (toggled === undefined ? undefined : Number(toggled))
  if (value === undefined) throw new GatewayError('encode-range', `${JSON.stringify(text.slice(0, 64))} is not a number`)
  assertInRange(point, value)
  const raw = unscaled(point, value)
  if (raw === undefined) throw new GatewayError('encode-range', `${value} is not a number of this point`)
  return point.type.startsWith('float') ? raw : Math.round(raw)
}
