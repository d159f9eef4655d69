import { GatewayError } from '#base/errors.ts'
import { type Deframer, type DeframerCounters, type FrameHandler, newCounters } from './deframer.ts'

/** The longest delimiter and the longest line that can be asked for, in bytes. */
export const DELIMITER_BYTES_MAX = 16
export const LINE_BYTES_MAX = 1024 * 1024

const CR = 0x0d
const LF = 0x0a

export interface LineOptions {
  /** The bytes that end a line: 1–16. Where it is a single LF, a CR before it belongs to it. */
  delimiter: Uint8Array
  /** Bytes of a line at most, its delimiter not counted: 1 B–1 MiB. Longer ones are dropped as a whole. */
  lengthMax: number
  /** After this much silence what has gathered counts as a line, in ms; 0: only the delimiter ends one. */
  idleMs?: number
  /** Drop what comes before the first delimiter after the start and after each `reset`: it may be the tail of a line. */
  skipFirst?: boolean
}

/**
 * Takes a line-oriented stream apart. Empty lines are not frames. A line that is too long is dropped and counted,
 * and the next one begins after its delimiter.
 */
export class LineDeframer implements Deframer {
  readonly idleMs: number
  readonly counters: DeframerCounters = newCounters()
  readonly #onFrame: FrameHandler
  readonly #delimiter: Uint8Array
  readonly #last: number
  readonly #stripCr: boolean
  readonly #lengthMax: number
  readonly #capacity: number
  readonly #skipFirst: boolean
  /** The start of a line whose end has not come; of an over-long line, only as much as can hold part of the delimiter. */
  #carry: Uint8Array
  #length = 0
  /** Bytes of the present line that are no longer in the carry. */
  #lost = 0
  #overlong = false
  #skipping: boolean

  /** @throws GatewayError `config-invalid` for a delimiter or length out of range */
  constructor(options: LineOptions, onFrame: FrameHandler) {
    const { delimiter, lengthMax, idleMs = 0, skipFirst = false } = options
    if (delimiter.length < 1 || delimiter.length > DELIMITER_BYTES_MAX) {
      throw new GatewayError('config-invalid', `a delimiter has 1 to ${DELIMITER_BYTES_MAX} bytes, not ${delimiter.length}`)
    }
    if (!Number.isInteger(lengthMax) || lengthMax < 1 || lengthMax > LINE_BYTES_MAX) {
      throw new GatewayError('config-invalid', `a line has 1 to ${LINE_BYTES_MAX} bytes at most, not ${lengthMax}`)
    }
    this.idleMs = idleMs
    this.#onFrame = onFrame
    this.#delimiter = delimiter.slice()
    this.#last = delimiter[delimiter.length - 1]!
    this.#stripCr = delimiter.length === 1 && this.#last === LF
    this.#lengthMax = lengthMax
    this.#capacity = lengthMax + delimiter.length + 1
    this.#skipFirst = skipFirst
    this.#skipping = skipFirst
    this.#carry = new Uint8Array(Math.min(this.#capacity, 256))
  }

  push(bytes: Uint8Array): void {
    this.counters.bytes += bytes.length
    let start = 0
    for (let at = bytes.indexOf(this.#last); at >= 0; at = bytes.indexOf(this.#last, at + 1)) {
      if (!this.#delimiterEndsAt(bytes, start, at)) continue
      this.#finish(bytes, start, at + 1)
      start = at + 1
    }
    if (start < bytes.length) this.#keep(bytes, start, bytes.length)
  }

  idle(): void {
    if (this.#length === 0 && this.#lost === 0) return
    if (this.#overlong || this.#skipping) this.#drop(this.#length)
    else this.#emit(this.#carry, 0, this.#length, this.#length, false)
    this.#begin()
  }

  reset(): void {
    this.counters.discardedBytes += this.#length + this.#lost
    this.#begin()
    this.#skipping = this.#skipFirst
  }

  #begin(): void {
    this.#length = 0
    this.#lost = 0
    this.#overlong = false
    this.#skipping = false
  }

  /** Whether the delimiter's bytes end at `at`, some of them possibly in the carry, none before this line's start. */
  #delimiterEndsAt(bytes: Uint8Array, start: number, at: number): boolean {
    const delimiter = this.#delimiter
    for (let back = 1; back < delimiter.length; back++) {
      const position = at - back
      const wanted = delimiter[delimiter.length - 1 - back]
      if (position >= start) {
        if (bytes[position] !== wanted) return false
      } else {
        const inCarry = this.#length + position - start
        if (inCarry < 0 || this.#carry[inCarry] !== wanted) return false
      }
    }
    return true
  }

  /** A delimiter ends at `end`: hands out what lies before it. */
  #finish(bytes: Uint8Array, start: number, end: number): void {
    if (this.#length === 0 && !this.#overlong && !this.#skipping) {
      this.#emit(bytes, start, end - this.#delimiter.length, end - start, true)
      return
    }
    this.#keep(bytes, start, end)
    if (this.#overlong || this.#skipping) this.#drop(this.#length)
    else this.#emit(this.#carry, 0, this.#length - this.#delimiter.length, this.#length, true)
    this.#begin()
  }

  #emit(bytes: Uint8Array, start: number, contentEnd: number, consumed: number, final: boolean): void {
    let end = contentEnd
    if (this.#stripCr && end > start && bytes[end - 1] === CR) end--
    if (end - start > this.#lengthMax) {
      this.counters.overlong++
      this.counters.discardedBytes += consumed
    } else if (end > start) {
      this.counters.frames++
      this.#onFrame(bytes.subarray(start, end), final)
    }
  }

  #drop(kept: number): void {
    if (this.#overlong && !this.#skipping) this.counters.overlong++
    this.counters.discardedBytes += this.#lost + kept
  }

  /** Adds bytes to the carry; once that cannot be a line any more, only a possible start of the delimiter is kept. */
  #keep(bytes: Uint8Array, start: number, end: number): void {
    const total = this.#length + end - start
    if (total <= this.#capacity && !this.#overlong) {
      if (total > this.#carry.length) this.#grow(total)
      this.#carry.set(bytes.subarray(start, end), this.#length)
      this.#length = total
      return
    }
    this.#overlong = true
    const tail = Math.min(this.#delimiter.length - 1, total)
    const fromChunk = Math.min(tail, end - start)
    const fromCarry = tail - fromChunk
    if (fromCarry > 0) this.#carry.copyWithin(0, this.#length - fromCarry, this.#length)
    this.#carry.set(bytes.subarray(end - fromChunk, end), fromCarry)
    this.#length = tail
    this.#lost += total - tail
  }

  #grow(wanted: number): void {
    const larger = new Uint8Array(Math.min(this.#capacity, Math.max(wanted, this.#carry.length * 2)))
    larger.set(this.#carry.subarray(0, this.#length))
    this.#carry = larger
  }
}
