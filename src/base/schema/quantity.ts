/** Sizes in bytes and durations in milliseconds. */

import type { KeyOptions, PresenceOf, Reading, ScalarSchema, Written } from './model.ts'
import { readFault } from './model.ts'
import { quote, showWritten } from './quote.ts'
import { rangeText, readRange, scalar } from './scalar.ts'

const BYTES = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const
const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Units as people write them elsewhere. */
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/^s(ec(ond)?s?)?$/i, 's'],
  [/^min(ute)?s?$/i, 'm'],
  [/^(hr?|hour)s?$/i, 'h'],
  [/^d(ays?)?$/i, 'd'],
  [/^m(illi)?sec(ond)?s?$/i, 'ms'],
  [/^by?tes?$/i, 'B'],
]

type Units = { readonly [unit: string]: number }

interface QuantityOptions {
  /** As it would be written: `"64KiB"`, `"30s"`. */
  readonly default?: string
  readonly required?: boolean
  readonly min?: string
  readonly max?: string
}

/** A size: `"64KiB"`, `"2GB"`, or a number of bytes. The value is in bytes. */
export function size<const O extends KeyOptions & QuantityOptions>(options: O): ScalarSchema<number, PresenceOf<O>> {
  const min = bound(options.min, BYTES, 0)
  const max = bound(options.max, BYTES, Number.MAX_SAFE_INTEGER)
  return scalar(
    {
      typeName: 'size',
      textual: false,
      json: {
        oneOf: [
          { type: 'string', pattern: '^[0-9]+ ?(B|KB|MB|GB|KiB|MiB|GiB)?$' },
          { type: 'integer', minimum: 0 },
        ],
      },
      unit: 'bytes',
      range: rangeText(min, max, showSize),
      read(written) {
        const bytes = readSize(written)
        return bytes.ok ? readRange(bytes.value, min, max, showWritten(written), showSize) : bytes
      },
    },
    options,
  )
}

/** A duration: `"5ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. The value is in milliseconds. */
export function duration<const O extends KeyOptions & QuantityOptions>(options: O): ScalarSchema<number, PresenceOf<O>> {
  const min = bound(options.min, MILLISECONDS, 0)
  const max = bound(options.max, MILLISECONDS, Number.MAX_SAFE_INTEGER)
  return scalar(
    {
      typeName: 'duration',
      textual: false,
      json: { type: 'string', pattern: '^[0-9]+ ?(ms|s|m|h|d)$' },
      range: rangeText(min, max, showDuration),
      read(written) {
        const time = readDuration(written)
        return time.ok ? readRange(time.value, min, max, showWritten(written), showDuration) : time
      },
    },
    options,
  )
}

/** Bytes from a written size. */
export function readSize(written: Written): Reading<number> {
  if (written.type === 'integer') return { ok: true, value: written.value }
  const example = 'a number and one of B, KB, MB, GB, KiB, MiB, GiB, such as "64KiB"'
  if (written.type !== 'string') return readFault(`must be a size, not ${showWritten(written)}`, example)
  const split = /^(\d+) ?(.*)$/s.exec(written.value)
  if (split === null) return readFault(`${quote(written.value)} is not a size`, example)
  const unit = split[2] === '' ? 'B' : split[2] === 'kB' ? 'KB' : split[2]
  return readQuantity(split[1], unit, BYTES, `${quote(written.value)} is not a size`, example)
}

/** Milliseconds from a written duration. */
export function readDuration(written: Written): Reading<number> {
  const example = 'a number and one of ms, s, m, h, d, such as "30s"'
  if (written.type === 'integer') {
    return readFault(`must be a duration with its unit, not ${written.value}`, `in quotes: "${written.value}s" for seconds`)
  }
  if (written.type !== 'string') return readFault(`must be a duration, not ${showWritten(written)}`, example)
  const split = /^(\d+) ?(.+)$/s.exec(written.value)
  if (split === null) return readFault(`${quote(written.value)} is not a duration`, example)
  return readQuantity(split[1], split[2], MILLISECONDS, `${quote(written.value)} is not a duration`, example)
}

/** `1048576` → `1MiB`: the largest binary unit that divides it. */
export function showSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes !== 0 && bytes % BYTES[unit] === 0) return `${bytes / BYTES[unit]}${unit}`
  }
  return `${bytes}B`
}

/** `300000` → `5m`: the largest unit that divides it. */
export function showDuration(ms: number): string {
  if (ms === 0) return '0s'
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms % MILLISECONDS[unit] === 0) return `${ms / MILLISECONDS[unit]}${unit}`
  }
  return `${ms}ms`
}

function readQuantity(digits: string, unit: string, units: Units, wrong: string, example: string): Reading<number> {
  if (Object.hasOwn(units, unit)) return { ok: true, value: Number(digits) * units[unit] }
  const known = Object.keys(units)
  const spelled =
    known.find(each => each.toLowerCase() === unit.toLowerCase()) ??
    known.find(each => each === `${unit.toUpperCase()}B`) ??
    SPELLINGS.find(([pattern, each]) => known.includes(each) && pattern.test(unit))?.[1]
  return readFault(wrong, spelled === undefined ? example : `did you mean "${digits}${spelled}"?`)
}

function bound(text: string | undefined, units: Units, otherwise: number): number {
  if (text === undefined) return otherwise
  const split = /^(\d+)([A-Za-z]+)$/.exec(text)
  if (split === null || !Object.hasOwn(units, split[2])) throw new TypeError(`a schema has the bound ${text}`)
  return Number(split[1]) * units[split[2]]
}
