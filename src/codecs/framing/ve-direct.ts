import { Carry } from './carry.ts'
import { type Deframer, type DeframerCounters, type FrameHandler, newCounters } from './deframer.ts'
import { type Field, type Fields, type LineParser, textField } from './fields.ts'

const LF = 0x0a
const TAB = 0x09
const COLON = 0x3a
const LAST_LABEL = Buffer.from('\r\nChecksum\t')

export interface VeDirectOptions {
  lengthMax: number
}

/**
 * Blocks of Victron's VE.Direct in text mode (VE.Direct protocol 3.3x): lines `\r\nLABEL\tVALUE` up to `Checksum` and one byte that makes the
 * sum of all bytes 0. Messages of its hex mode (`:…\n`) in between are passed over. What is handed out is the block without its checksum line.
 */
export class VeDirectDeframer implements Deframer {
  readonly idleMs = 0
  readonly counters: DeframerCounters = newCounters()
  readonly #onFrame: FrameHandler
  readonly #carry: Carry
  #sum = 0
  #hex = false
  /** The next byte is the checksum. */
  #last = false
  /** The first block after an opening is most likely half a one. */
  #first = true

  constructor(options: VeDirectOptions, onFrame: FrameHandler) {
    this.#onFrame = onFrame
    this.#carry = new Carry(options.lengthMax)
  }

  push(bytes: Uint8Array): void {
    this.counters.bytes += bytes.length
    for (let i = 0; i < bytes.length; i++) this.#byte(bytes, i)
  }

  idle(): void {}

  reset(): void {
    this.#begin(true)
    this.#first = true
    this.#hex = false
  }

  #byte(bytes: Uint8Array, i: number): void {
    const carry = this.#carry
    const byte = bytes[i]!
    if (this.#hex) {
      this.#hex = byte !== LF
      return
    }
    if (byte === COLON && !this.#last) {
      this.#hex = true
      return
    }
    this.#sum = (this.#sum + byte) & 0xff
    if (this.#last) return this.#finish()
    if (carry.room === 0) {
      this.counters.overlong++
      this.#begin(true)
    }
    carry.add(bytes, i, i + 1)
    this.#last = byte === TAB && this.#endsWithLastLabel()
  }

  #endsWithLastLabel(): boolean {
    const { bytes, length } = this.#carry
    const start = length - LAST_LABEL.length
    if (start < 0) return false
    for (let i = 0; i < LAST_LABEL.length; i++) if (bytes[start + i] !== LAST_LABEL[i]) return false
    return true
  }

  #finish(): void {
    const { bytes, length } = this.#carry
    const fits = this.#sum === 0
    if (fits) {
      this.counters.frames++
      this.#onFrame(bytes.subarray(0, length - LAST_LABEL.length), true)
    } else if (!this.#first) this.counters.malformed++
    this.#first = false
    this.#begin(!fits)
  }

  #begin(lost: boolean): void {
    if (lost) this.counters.discardedBytes += this.#carry.length
    this.#carry.length = 0
    this.#sum = 0
    this.#last = false
  }
}

/** A block with its checksum, from labels and values. */
export function encodeVeDirect(lines: readonly (readonly [label: string, value: string])[]): Uint8Array {
  const text = Buffer.concat([Buffer.from(lines.map(([label, value]) => `\r\n${label}\t${value}`).join(''), 'latin1'), LAST_LABEL])
  const sum = text.reduce((total, byte) => total + byte, 0)
  return Buffer.concat([text, Uint8Array.of(-sum & 0xff)])
}

/** Lines of a label, a tab, and a value. */
export class LabelParser implements LineParser {
  parse(block: string): Fields {
    const fields = new Map<string, Field>()
    for (const line of block.split(/\r?\n/)) {
      const tab = line.indexOf('\t')
      if (tab > 0) fields.set(line.slice(0, tab), textField(line.slice(tab + 1)))
    }
    return fields
  }
}
