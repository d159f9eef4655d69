/** What becomes of a value between the device and the topic, and back. */
import type { PointConfig } from './config-keys.ts'

/** Scale, offset and decimals; undefined if the outcome is no number. */
export function scaled(point: PointConfig, raw: number): number | undefined {
  const value = tidy(raw * point.scale + point.offset)
  return value === undefined || point.decimals === undefined ? value : Number(value.toFixed(point.decimals))
}

/** The way back. */
export function unscaled(point: PointConfig, value: number): number | undefined {
  return tidy((value - point.offset) / point.scale)
}

/** Fifteen digits are what a double holds of a decimal number: 3 × 0.1 is 0.3. */
function tidy(value: number): number | undefined {
  return Number.isFinite(value) ? Number(value.toPrecision(15)) : undefined
}

export function toBoolean(text: string): boolean | undefined {
  if (/^(1|true|on|yes)$/i.test(text)) return true
  return /^(0|false|off|no)$/i.test(text) ? false : undefined
}

/** The word of `values` for a value as it was read. */
export function wordOf(point: PointConfig, raw: string): string | undefined {
  return point.values[raw]
}

/** The value for a word of `values`; what is no such word is a value itself. */
export function wordValue(point: PointConfig, text: string): string {
  for (const [raw, word] of Object.entries(point.values)) if (word === text) return raw
  return text
}

/** The bits of a point's field as a mask. */
export function maskOf(point: PointConfig): bigint {
  return ((1n << BigInt(point.bits)) - 1n) << BigInt(point.bit ?? 0)
}

/** The field of bits in a whole number, or undefined if the text is none. */
export function extractBits(point: PointConfig, text: string): number | undefined {
  if (!/^-?\d{1,20}$/.test(text)) return undefined
  return Number((BigInt.asUintN(64, BigInt(text)) & maskOf(point)) >> BigInt(point.bit ?? 0))
}

/** The words of the bits that are set; a bit without word has its number. Undefined if the text is no whole number. */
export function flagText(point: PointConfig, text: string): string | undefined {
  if (!/^-?\d{1,20}$/.test(text)) return undefined
  const value = BigInt.asUintN(64, BigInt(text))
  const words: string[] = []
  for (let bit = 0; bit < 64; bit++) if ((value >> BigInt(bit)) & 1n) words.push(point.flags[String(bit)] ?? String(bit))
  return words.join(',')
}
