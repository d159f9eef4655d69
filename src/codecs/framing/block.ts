import { GatewayError } from '#base/errors.ts'
import { Carry } from './carry.ts'
import { type Check, checkBytes, checkSize, usualOrder, verifyCheck } from './checks.ts'
import { type Deframer, type DeframerCounters, type FrameHandler, newCounters } from './deframer.ts'

/** The longest frame of a binary framing, in bytes. */
export const BLOCK_BYTES_MAX = 64 * 1024

export interface LengthField {
  /** Where it stands in the frame, which begins with `start`. */
  at: number
  size: 1 | 2 | 4
  order: 'big' | 'little'
  /** What is added to its value to have the bytes of the whole frame. */
  adds: number
}

export interface BlockOptions {
  /** Bytes with which each frame begins; without them frames are told apart by silence and by their check. */
  start: Uint8Array
  /** Bytes with which each frame ends, after the check. */
  end: Uint8Array
  /** Bytes of the whole frame, or where it says so itself. */
  length: number | LengthField
  lengthMax: number
  check: Check
  /** Order of the check's bytes; as usual for it unless told. */
  checkOrder?: 'big' | 'little'
  /** The first byte that the check covers; it covers all from there to itself. */
  checkFrom?: number
  /** Silence that ends a frame: what is incomplete by then is none. */
  idleMs?: number
}

/**
 * Binary frames of fixed length, or with a length in them: `start … check end`. A frame is handed out whole. Where
 * bytes do not fit, the next possible start is looked for one byte further on, so that a lost byte costs one frame.
 */
export class BlockDeframer implements Deframer {
  readonly idleMs: number
  readonly counters: DeframerCounters = newCounters()
  readonly #options: BlockOptions
  readonly #onFrame: FrameHandler
  readonly #order: 'big' | 'little'
  readonly #lengthMin: number
  readonly #carry: Carry
  /** Bytes passed over since the last frame; counted as one malformed frame when the next one is found. */
  #lost = false

  /** @throws GatewayError `config-invalid` if the parts of a frame do not fit into it */
  constructor(options: BlockOptions, onFrame: FrameHandler) {
    const { start, end, length, lengthMax, check, checkFrom = 0, checkOrder, idleMs = 0 } = options
    if (!Number.isInteger(lengthMax) || lengthMax < 1 || lengthMax > BLOCK_BYTES_MAX) {
      throw new GatewayError('config-invalid', `a frame has 1 to ${BLOCK_BYTES_MAX} bytes at most, not ${lengthMax}`)
    }
    const fixed = start.length + checkSize(check) + end.length
    this.#lengthMin = typeof length === 'number' ? length : Math.max(length.at + length.size, fixed, 1)
    if (typeof length === 'number' && (length < Math.max(fixed, 1) || length > lengthMax)) {
      throw new GatewayError('config-invalid', `a frame of ${length} bytes does not hold its start, check and end`)
    }
    if (checkFrom > this.#lengthMin) throw new GatewayError('config-invalid', 'the check begins behind the frame')
    this.#options = options
    this.#order = checkOrder ?? usualOrder(check)
    this.idleMs = idleMs
    this.#onFrame = onFrame
    this.#carry = new Carry(lengthMax)
  }

  push(bytes: Uint8Array): void {
    this.counters.bytes += bytes.length
    let at = 0
    while (at < bytes.length) {
      const end = Math.min(bytes.length, at + this.#carry.room)
      this.#carry.add(bytes, at, end)
      at = end
      this.#take()
    }
  }

  idle(): void {
    if (this.#carry.length > 0) this.#discardAll()
  }

  reset(): void {
    if (this.#carry.length > 0) this.#discardAll()
    this.#lost = false
  }

  #discardAll(): void {
    this.counters.malformed++
    this.counters.discardedBytes += this.#carry.length
    this.#carry.length = 0
    this.#lost = false
  }

  /** Hands out frames until what is left is only part of one; then there is room again. */
  #take(): void {
    const carry = this.#carry
    let at = 0
    while (at < carry.length) {
      const length = this.#frameAt(at)
      if (length === undefined) break
      if (length > 0) {
        if (this.#lost) this.counters.malformed++
        this.#lost = false
        this.counters.frames++
        this.#onFrame(carry.bytes.subarray(at, at + length), true)
        at += length
        continue
      }
      this.#lost = true
      this.counters.discardedBytes++
      at++
    }
    carry.shift(at)
  }

  /** The length of the frame that begins at `at`; 0: none begins there; undefined: that cannot be told yet. */
  #frameAt(at: number): number | undefined {
    const { start, end, check, checkFrom = 0, lengthMax } = this.#options
    const { bytes, length: have } = this.#carry
    for (let i = 0; i < start.length && at + i < have; i++) if (bytes[at + i] !== start[i]) return 0
    if (at + this.#lengthMin > have) return undefined
    const length = this.#lengthAt(at)
    if (length < this.#lengthMin || length > lengthMax) return 0
    if (at + length > have) return undefined
    const checkAt = at + length - end.length - checkSize(check)
    for (let i = 0; i < end.length; i++) if (bytes[at + length - end.length + i] !== end[i]) return 0
    return verifyCheck(check, this.#order, bytes, at + checkFrom, checkAt, checkAt) ? length : 0
  }

  #lengthAt(at: number): number {
    const field = this.#options.length
    if (typeof field === 'number') return field
    let value = 0
    for (let i = 0; i < field.size; i++) {
      const byte = this.#carry.bytes[at + field.at + (field.order === 'big' ? i : field.size - 1 - i)]!
      value = value * 256 + byte
    }
    return value + field.adds
  }
}

/**
 * The frame around `content`, which is what stands between start and check (with its length field in place, whose
 * value is set here).
 * @throws GatewayError `encode-range` if the length does not fit
 */
export function encodeBlock(options: BlockOptions, content: Uint8Array): Uint8Array {
  const { start, end, length, lengthMax, check, checkFrom = 0 } = options
  const frame = new Uint8Array(start.length + content.length + checkSize(check) + end.length)
  frame.set(start, 0)
  frame.set(content, start.length)
  frame.set(end, frame.length - end.length)
  if (typeof length === 'number' ? frame.length !== length : frame.length > lengthMax) {
    throw new GatewayError('encode-range', `a frame of ${frame.length} bytes is not one of this framing`)
  }
  if (typeof length !== 'number') writeLength(frame, length)
  const checkAt = frame.length - end.length - checkSize(check)
  frame.set(checkBytes(check, options.checkOrder ?? usualOrder(check), frame, checkFrom, checkAt), checkAt)
  return frame
}

function writeLength(frame: Uint8Array, field: LengthField): void {
  let value = frame.length - field.adds
  for (let i = 0; i < field.size; i++) {
    frame[field.at + (field.order === 'little' ? i : field.size - 1 - i)] = value & 0xff
    value = Math.floor(value / 256)
  }
  if (value !== 0) throw new GatewayError('encode-range', 'the length does not fit its field')
}
