import { GatewayError } from '#base/errors.ts'
import { computeCheck } from './checks.ts'
import { type Deframer, type DeframerCounters, type FrameHandler, newCounters } from './deframer.ts'
import { type Field, type Fields, type LineParser, textField } from './fields.ts'
import { LineDeframer } from './lines.ts'

/** NMEA 0183 allows 82 characters; receivers of several systems send more. */
export const NMEA_BYTES_MAX = 256

const STAR = 0x2a

export interface NmeaOptions {
  lengthMax?: number
  /** Whether a sentence without checksum is taken; the standard leaves it optional for some. */
  checkOptional?: boolean
}

/** Sentences of NMEA 0183: `$…*hh` and `!…*hh`. What is handed out is what lies between the start character and the star. */
export class NmeaDeframer implements Deframer {
  readonly idleMs = 0
  readonly #lines: LineDeframer
  readonly #onFrame: FrameHandler
  readonly #checkOptional: boolean
  readonly #own: DeframerCounters = newCounters()

  constructor(options: NmeaOptions, onFrame: FrameHandler) {
    this.#onFrame = onFrame
    this.#checkOptional = options.checkOptional ?? false
    this.#lines = new LineDeframer({ delimiter: Uint8Array.of(0x0a), lengthMax: options.lengthMax ?? NMEA_BYTES_MAX }, (line, final) =>
      this.#take(line, final),
    )
  }

  get counters(): DeframerCounters {
    const { bytes, overlong, discardedBytes } = this.#lines.counters
    return { ...this.#own, bytes, overlong, discardedBytes: discardedBytes + this.#own.discardedBytes }
  }

  push(bytes: Uint8Array): void {
    this.#lines.push(bytes)
  }

  idle(): void {}

  reset(): void {
    this.#lines.reset()
  }

  #take(line: Uint8Array, final: boolean): void {
    // After the port was opened, or after noise, the start may lie anywhere in the line.
    const start = Math.max(line.lastIndexOf(0x24), line.lastIndexOf(0x21))
    const star = line.lastIndexOf(STAR)
    const hasCheck = star > start && star === line.length - 3
    const end = hasCheck ? star : line.length
    const given = hasCheck ? Number.parseInt(Buffer.from(line.subarray(star + 1)).toString('latin1'), 16) : Number.NaN
    const fits = hasCheck ? given === computeCheck('xor8', line, start + 1, end) : this.#checkOptional && star < 0
    if (start < 0 || !fits || end <= start + 1) {
      this.#own.malformed++
      this.#own.discardedBytes += line.length
      return
    }
    this.#own.discardedBytes += start
    this.#own.frames++
    this.#onFrame(line.subarray(start + 1, end), final)
  }
}

/** A sentence from what stands between its start character and its star. */
export function encodeNmea(content: string, start: '$' | '!' = '$'): string {
  const check = computeCheck('xor8', Buffer.from(content, 'latin1'))
  return `${start}${content}*${check.toString(16).toUpperCase().padStart(2, '0')}\r\n`
}

/**
 * Takes sentences apart. Fields are named by sentence and place, `GGA.1` the first after the address; the talker's two
 * letters are left out, those of proprietary sentences (`PUBX`) kept. Known sentences have words too: `GGA.latitude` in
 * degrees, `RMC.speed` in knots. Empty fields are left out, so that "no fix" is not a value.
 */
export class NmeaParser implements LineParser {
  parse(line: string): Fields {
    const parts = line.split(',')
    const address = parts[0]!
    if (!/^[A-Z][A-Z0-9]{2,9}$/.test(address)) throw new GatewayError('decode-malformed', 'no NMEA address', { offset: 0 })
    const sentence = address.startsWith('P') ? address : address.slice(2)
    const fields = new Map<string, Field>()
    for (let place = 1; place < parts.length; place++) {
      if (parts[place] !== '') fields.set(`${sentence}.${place}`, textField(parts[place]!))
    }
    for (const [name, place, kind] of WORDS[sentence] ?? []) {
      const field = KINDS[kind](parts[place] ?? '', parts[place + 1] ?? '')
      if (field !== undefined) fields.set(`${sentence}.${name}`, field)
    }
    return fields
  }
}

type Kind = 'plain' | 'degrees' | 'signed' | 'time' | 'date'
type Word = readonly [name: string, place: number, kind: Kind]

/** NMEA 0183 v4.10: what the fields of the common sentences mean. */
const WORDS: Readonly<Record<string, readonly Word[]>> = {
  GGA: [
    ['time', 1, 'time'],
    ['latitude', 2, 'degrees'],
    ['longitude', 4, 'degrees'],
    ['quality', 6, 'plain'],
    ['satellites', 7, 'plain'],
    ['hdop', 8, 'plain'],
    ['altitude', 9, 'plain'],
    ['geoid', 11, 'plain'],
  ],
  RMC: [
    ['time', 1, 'time'],
    ['status', 2, 'plain'],
    ['latitude', 3, 'degrees'],
    ['longitude', 5, 'degrees'],
    ['speed', 7, 'plain'],
    ['course', 8, 'plain'],
    ['date', 9, 'date'],
    ['variation', 10, 'signed'],
  ],
  GLL: [
    ['latitude', 1, 'degrees'],
    ['longitude', 3, 'degrees'],
    ['time', 5, 'time'],
    ['status', 6, 'plain'],
  ],
  GSA: [
    ['mode', 2, 'plain'],
    ['pdop', 15, 'plain'],
    ['hdop', 16, 'plain'],
    ['vdop', 17, 'plain'],
  ],
  VTG: [
    ['course', 1, 'plain'],
    ['knots', 5, 'plain'],
    ['kmh', 7, 'plain'],
  ],
  GSV: [['in-view', 3, 'plain']],
  MWV: [
    ['angle', 1, 'plain'],
    ['reference', 2, 'plain'],
    ['speed', 3, 'plain'],
    ['unit', 4, 'plain'],
    ['status', 5, 'plain'],
  ],
  HDT: [['heading', 1, 'plain']],
  DBT: [['metres', 3, 'plain']],
  DPT: [['depth', 1, 'plain']],
  MTW: [['temperature', 1, 'plain']],
}

const KINDS: Readonly<Record<Kind, (text: string, next: string) => Field | undefined>> = {
  plain: text => (text === '' ? undefined : textField(text)),
  degrees,
  signed: (text, next) => signedField(text, next),
  time: text => matched(/^(\d\d)(\d\d)(\d\d(?:\.\d+)?)$/, text, ([, h, m, s]) => `${h}:${m}:${s}`),
  date: text => matched(/^(\d\d)(\d\d)(\d\d)$/, text, ([, day, month, year]) => `20${year}-${month}-${day}`),
}

function matched(pattern: RegExp, text: string, show: (found: RegExpExecArray) => string): Field | undefined {
  const found = pattern.exec(text)
  if (found === null) return undefined
  const shown = show(found)
  return { text: shown, value: shown }
}

/** `ddmm.mmmm,N` in degrees with seven decimals, which is a centimetre. */
function degrees(text: string, hemisphere: string): Field | undefined {
  const found = /^(\d{1,3})(\d\d(?:\.\d+)?)$/.exec(text)
  if (found === null || !/^[NSEW]$/.test(hemisphere)) return undefined
  const value = Number(found[1]) + Number(found[2]) / 60
  const signed = Number((/[SW]/.test(hemisphere) ? -value : value).toFixed(7))
  return { text: String(signed), value: signed }
}

function signedField(text: string, direction: string): Field | undefined {
  const value = Number(text)
  if (text === '' || !Number.isFinite(value)) return undefined
  const signed = direction === 'W' ? -value : value
  return { text: String(signed), value: signed }
}
