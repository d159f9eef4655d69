import { GatewayError } from '#base/errors.ts'
import { type Field, type Fields, recogniseNumber } from '#codecs/framing/index.ts'
import { type PointConfig, RESERVED_POINTS, type SerialDeviceConfig, VALUE_PLACE } from './config-keys.ts'

export type PointValue = string | number | boolean | null

/** One value of a device, ready to be published. */
export interface Reading {
  /** The level that it fills in `serial/{name}/{point}`. */
  readonly point: string
  /** As `format = "text"` publishes it. */
  readonly text: string
  readonly value: PointValue
  readonly unit: string | undefined
  /** False: the field was there, and is not what the point says it is. */
  readonly good: boolean
}

interface Point extends PointConfig {
  readonly name: string
  readonly field: string
}

/** The points of a device: which fields of a line they come from, and what becomes of them. */
export class Points {
  readonly #points: readonly Point[]
  readonly #byName: ReadonlyMap<string, Point>

  constructor(config: SerialDeviceConfig['points']) {
    this.#points = Object.entries(config).map(([name, point]) => ({ ...point, name, field: point.from ?? name }))
    this.#byName = new Map(this.#points.map(point => [point.name, point]))
  }

  /** The readings of one line. Without configured points each field is one, under its own name. */
  read(fields: Fields): Reading[] {
    if (this.#points.length === 0) return readAll(fields)
    const readings: Reading[] = []
    for (const point of this.#points) {
      const field = fields.get(point.field)
      if (field !== undefined) readings.push(readPoint(point, field))
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
  return name.replace(/[+#/]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

function readPoint(point: Point, field: Field): Reading {
  const { name, unit } = point
  const value = convert(point, field)
  if (value === undefined) return { point: name, text: field.text, value: null, unit, good: false }
  const untouched = value === field.value || point.type === 'text' || (point.type === 'number' && !isScaled(point))
  return { point: name, text: untouched ? field.text : String(value), value, unit, good: true }
}

/** The point's value, or undefined if the field has none of its type. */
function convert(point: Point, field: Field): PointValue | undefined {
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
    case 'auto':
      return isScaled(point) ? scale(point, field) : field.value
  }
}

function isScaled(point: PointConfig): boolean {
  return point.scale !== 1 || point.offset !== 0
}

function scale(point: Point, field: Field): number | undefined {
  const raw = typeof field.value === 'number' ? field.value : recogniseNumber(field.text)
  return raw === undefined ? undefined : tidy(raw * point.scale + point.offset)
}

/** Fifteen digits are what a double holds of a decimal number: 3 × 0.1 is 0.3. */
function tidy(value: number): number | undefined {
  return Number.isFinite(value) ? Number(value.toPrecision(15)) : undefined
}

function toBoolean(text: string): boolean | undefined {
  if (/^(1|true|on|yes)$/i.test(text)) return true
  return /^(0|false|off|no)$/i.test(text) ? false : undefined
}

/** A payload as it stands in the line. It may not hold a control character: a line of its own could be smuggled in. */
function writeText(point: Point, payload: string): string {
  const text = payload.trim()
  const unfit = (what: string) => new GatewayError('encode-range', `${JSON.stringify(text.slice(0, 64))} is not ${what}`)
  if (/[\0-\x1f\x7f]/.test(text)) throw unfit('a value: it holds control characters')
  if (point.type === 'boolean') {
    const value = toBoolean(text)
    if (value === undefined) throw unfit('true or false')
    return /^[01]$/.test(text) ? text : String(value)
  }
  if (point.type === 'text' || (point.type === 'auto' && !isScaled(point))) return text
  const value = recogniseNumber(text)
  if (value === undefined) throw unfit('a number')
  if (!isScaled(point)) return point.type === 'integer' ? String(Math.round(value)) : text
  const raw = tidy((value - point.offset) / point.scale)
  if (raw === undefined) throw unfit('a number of this point')
  return String(point.type === 'integer' ? Math.round(raw) : raw)
}
