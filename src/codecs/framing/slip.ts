import { type Check, checkBytes, checkSize, usualOrder, verifyCheck } from './checks.ts'
import { type Deframer, type DeframerCounters, type FrameHandler, newCounters } from './deframer.ts'

/** SLIP's characters (`RFC 1055`). */
const END = 0xc0
const ESC = 0xdb
const ESC_END = 0xdc
const ESC_ESC = 0xdd

export interface StuffedOptions {
  /** Bytes of a frame at most, its check not counted. */
  lengthMax: number
  /** The check at the frame's end; it is verified and taken off. */
  check?: Check
  checkOrder?: 'big' | 'little'
}

/** What SLIP and COBS share: a frame gathers between two delimiters, is unstuffed, checked, and handed out without its check. */
abstract class StuffedDeframer implements Deframer {
  readonly idleMs = 0
  readonly counters: DeframerCounters = newCounters()
  protected readonly frame: Uint8Array
  protected length = 0
  protected broken = false
  readonly #onFrame: FrameHandler
  readonly #check: Check
  readonly #order: 'big' | 'little'
  #overlong = false
  #consumed = 0
  /** Before the first delimiter it may be the tail of a frame: then only the check could tell. */
  #inside = false

  constructor(options: StuffedOptions, onFrame: FrameHandler) {
    const { lengthMax, check = 'none', checkOrder } = options
    this.#check = check
    this.#order = checkOrder ?? usualOrder(check)
    this.frame = new Uint8Array(lengthMax + checkSize(check))
    this.#onFrame = onFrame
  }

  abstract push(bytes: Uint8Array): void

  idle(): void {}

  reset(): void {
    this.counters.discardedBytes += this.#consumed
    this.begin()
    this.#inside = false
  }

  protected add(byte: number): void {
    if (this.length < this.frame.length) this.frame[this.length++] = byte
    else this.#overlong = true
  }

  protected count(bytes: number): void {
    this.#consumed += bytes
  }

  protected begin(): void {
    this.length = 0
    this.broken = false
    this.#overlong = false
    this.#consumed = 0
    this.#inside = true
  }

  /** A delimiter came. */
  protected finish(): void {
    const length = this.length - checkSize(this.#check)
    const empty = this.length === 0 && !this.broken && !this.#overlong
    if (!empty) this.#judge(length)
    this.begin()
  }

  #judge(length: number): void {
    const { counters } = this
    const whole = length > 0 && !this.broken && verifyCheck(this.#check, this.#order, this.frame, 0, length, length)
    // A first piece without a check that could vouch for it may be half a frame.
    if (!this.#overlong && whole && (this.#inside || this.#check !== 'none')) {
      counters.frames++
      this.#onFrame(this.frame.subarray(0, length), true)
      return
    }
    counters.discardedBytes += this.#consumed
    if (this.#overlong) counters.overlong++
    else if (this.#inside) counters.malformed++
  }
}

/** Frames of SLIP (`RFC 1055`), with or without a check at their end. */
export class SlipDeframer extends StuffedDeframer {
  #escaped = false

  push(bytes: Uint8Array): void {
    this.counters.bytes += bytes.length
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!
      if (byte === END) {
        if (this.#escaped) this.broken = true
        this.#escaped = false
        this.finish()
        continue
      }
      this.count(1)
      if (this.#escaped) {
        this.#escaped = false
        if (byte === ESC_END) this.add(END)
        else if (byte === ESC_ESC) this.add(ESC)
        else this.broken = true
      } else if (byte === ESC) this.#escaped = true
      else this.add(byte)
    }
  }

  override reset(): void {
    this.#escaped = false
    super.reset()
  }
}

/** Frames of COBS (Cheshire and Baker, 1999), each ended by a zero. */
export class CobsDeframer extends StuffedDeframer {
  /** Bytes left of the present run, and whether a zero follows it. */
  #left = 0
  #zero = false

  push(bytes: Uint8Array): void {
    this.counters.bytes += bytes.length
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!
      if (byte === 0) {
        if (this.#left > 0) this.broken = true
        this.#left = 0
        this.#zero = false
        this.finish()
        continue
      }
      this.count(1)
      if (this.#left > 0) {
        this.#left--
        this.add(byte)
        continue
      }
      if (this.#zero) this.add(0)
      this.#left = byte - 1
      this.#zero = byte < 0xff
    }
  }

  override reset(): void {
    this.#left = 0
    this.#zero = false
    super.reset()
  }
}

function withCheck(content: Uint8Array, { check = 'none', checkOrder }: StuffedOptions): Uint8Array {
  return Buffer.concat([content, checkBytes(check, checkOrder ?? usualOrder(check), content)])
}

/** A SLIP frame with a delimiter on both sides, which also ends what noise has begun. */
export function encodeSlip(content: Uint8Array, options: StuffedOptions): Uint8Array {
  const out: number[] = [END]
  for (const byte of withCheck(content, options)) {
    if (byte === END) out.push(ESC, ESC_END)
    else if (byte === ESC) out.push(ESC, ESC_ESC)
    else out.push(byte)
  }
  out.push(END)
  return Uint8Array.from(out)
}

/** A COBS frame with the zero that ends it. */
export function encodeCobs(content: Uint8Array, options: StuffedOptions): Uint8Array {
  const out: number[] = [0]
  let code = 0
  const close = () => {
    out[code] = out.length - code
    code = out.length
    out.push(0)
  }
  const bytes = withCheck(content, options)
  for (const [index, byte] of bytes.entries()) {
    if (byte === 0) close()
    else {
      out.push(byte)
      if (out.length - code === 0xff && index < bytes.length - 1) close()
    }
  }
  out[code] = out.length - code
  out.push(0)
  return Uint8Array.from(out)
}
