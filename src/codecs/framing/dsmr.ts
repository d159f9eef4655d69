import { GatewayError } from '#base/errors.ts'
import { Carry } from './carry.ts'
import { computeCheck } from './checks.ts'
import { type Deframer, type DeframerCounters, type FrameHandler, newCounters } from './deframer.ts'
import { FIELDS_MAX, type Field, type Fields, type LineParser, recogniseNumber } from './fields.ts'

const SLASH = 0x2f
const BANG = 0x21
const LF = 0x0a
/** `!`, four digits, CR, LF. */
const TAIL_BYTES_MAX = 7
/** Slashes that may be the start of a telegram; more are noise. */
const STARTS_MAX = 8

export interface DsmrOptions {
  /** Bytes of a telegram at most. */
  lengthMax: number
  /** Whether telegrams without CRC are taken, as DSMR 2.2 and 3.0 and some meters of IEC 62056-21 send them. */
  checkOptional?: boolean
}

/**
 * Telegrams of a P1 port (DSMR 5.0.2 P1 §6.2): from `/` to `!` and the CRC-16 (ARC) over both and all between. What is handed
 * out is the telegram with `/`, without `!` and CRC.
 */
export class DsmrDeframer implements Deframer {
  readonly idleMs = 0
  readonly counters: DeframerCounters = newCounters()
  readonly #onFrame: FrameHandler
  readonly #checkOptional: boolean
  readonly #carry: Carry
  #inside = false
  /** Where the `!` is that stands at the start of a line, -1 before it came. */
  #bang = -1

  constructor(options: DsmrOptions, onFrame: FrameHandler) {
    this.#onFrame = onFrame
    this.#checkOptional = options.checkOptional ?? false
    this.#carry = new Carry(options.lengthMax + TAIL_BYTES_MAX)
  }

  push(bytes: Uint8Array): void {
    this.counters.bytes += bytes.length
    for (let i = 0; i < bytes.length; i++) this.#byte(bytes, i)
  }

  idle(): void {}

  reset(): void {
    this.#drop()
  }

  #byte(bytes: Uint8Array, i: number): void {
    const carry = this.#carry
    const byte = bytes[i]!
    // A telegram that was cut off is followed by the start of the next one.
    if (byte === SLASH && (!this.#inside || this.#atLineStart())) {
      if (this.#inside) {
        this.counters.malformed++
        this.#drop()
      }
      this.#inside = true
    } else if (!this.#inside) {
      this.counters.discardedBytes++
      return
    } else if (byte === BANG && this.#bang < 0 && this.#atLineStart()) this.#bang = carry.length
    if (carry.room === 0) {
      this.counters.overlong++
      this.#drop()
      this.counters.discardedBytes++
      return
    }
    carry.add(bytes, i, i + 1)
    if (this.#bang >= 0 && byte === LF) this.#finish()
  }

  #atLineStart(): boolean {
    return this.#carry.length > 0 && this.#carry.bytes[this.#carry.length - 1] === LF
  }

  #finish(): void {
    const { bytes, length } = this.#carry
    const tail = Buffer.from(bytes.subarray(this.#bang + 1, length))
      .toString('latin1')
      .trim()
    const start = this.#startFor(tail)
    if (start === undefined) {
      this.counters.malformed++
      this.#drop()
      return
    }
    if (start > 0) this.counters.malformed++
    this.counters.discardedBytes += start
    this.counters.frames++
    const bang = this.#bang
    this.#carry.length = 0
    this.#inside = false
    this.#bang = -1
    this.#onFrame(bytes.subarray(start, bang), true)
  }

  /** Where the telegram begins that the CRC is of: a cut off one may stand before it. */
  #startFor(tail: string): number | undefined {
    const { bytes } = this.#carry
    if (tail === '') return this.#checkOptional ? 0 : undefined
    if (!/^[0-9A-Fa-f]{4}$/.test(tail)) return undefined
    const given = Number.parseInt(tail, 16)
    const end = this.#bang + 1
    let tries = 0
    for (let at = 0; at >= 0 && at < end && tries < STARTS_MAX; at = bytes.indexOf(SLASH, at + 1), tries++) {
      if (computeCheck('crc16-arc', bytes, at, end) === given) return at
    }
    return undefined
  }

  #drop(): void {
    this.counters.discardedBytes += this.#carry.length
    this.#carry.length = 0
    this.#inside = false
    this.#bang = -1
  }
}

/** A telegram with its end and CRC from its text, which begins with `/` and ends with a line's end. */
export function encodeDsmr(text: string): string {
  const check = computeCheck('crc16-arc', Buffer.from(`${text}!`, 'latin1'))
  return `${text}!${check.toString(16).toUpperCase().padStart(4, '0')}\r\n`
}

/**
 * Lines of OBIS references (IEC 62056-61): `1-0:1.8.1(000123.456*kWh)`. A field has the reference as its name and the last
 * value in brackets, without its unit; `NAME#1`, `NAME#2` are the values where there are several, and `id` is the first line's text.
 */
export class ObisParser implements LineParser {
  parse(telegram: string): Fields {
    const fields = new Map<string, Field>()
    for (const line of telegram.split(/\r?\n/)) {
      if (line.startsWith('/')) fields.set('id', { text: line.slice(1), value: line.slice(1) })
      const found = /^(\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)((?:\([^()]*\))+)/.exec(line)
      if (found === null) continue
      const values = found[2]!.slice(1, -1).split(')(')
      for (const [place, value] of values.entries()) if (values.length > 1) fields.set(`${found[1]}#${place + 1}`, obisField(value))
      fields.set(found[1]!, obisField(values.at(-1)!))
      if (fields.size > FIELDS_MAX) throw new GatewayError('decode-malformed', `more than ${FIELDS_MAX} values`, { offset: 0 })
    }
    return fields
  }
}

function obisField(text: string): Field {
  const [value] = text.split('*') as [string]
  return { text: value, value: recogniseNumber(value) ?? value }
}
