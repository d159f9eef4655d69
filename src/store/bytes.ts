import { GatewayError } from '#base/errors.ts'

/** Writes numbers, strings and bytes, little-endian, into a buffer that grows and is used again. */
export class ByteWriter {
  bytes: Buffer
  position = 0
  #view: DataView

  constructor(capacity = 65_536) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
    this.#view = new DataView(this.bytes.buffer)
  }

  /** Makes room for `count` bytes; the methods below do not look. */
  reserve(count: number): void {
    if (this.position + count <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.position + count))
    this.bytes.copy(grown, 0, 0, this.position)
    this.bytes = grown
    this.#view = new DataView(grown.buffer)
  }

  u8(value: number): void {
    this.bytes[this.position++] = value
  }

  u32(value: number): void {
    this.#view.setUint32(this.position, value, true)
    this.position += 4
  }

  f64(value: number): void {
    this.#view.setFloat64(this.position, value, true)
    this.position += 8
  }

  /** Overwrites the u32 at `position`. */
  patchU32(position: number, value: number): void {
    this.#view.setUint32(position, value, true)
  }

  /** A string as length and UTF-8; needs 4 + 3 × length bytes of room. */
  string(value: string): void {
    const start = this.position + 4
    const bytes = this.bytes
    const { length } = value
    let end = start
    if (length <= SHORT_STRING) {
      let index = 0
      for (; index < length; index++) {
        const unit = value.charCodeAt(index)
        if (unit > 0x7f) break
        bytes[end++] = unit
      }
      if (index < length) end = start + bytes.write(value, start, 'utf8')
    } else end = start + bytes.write(value, start, 'utf8')
    this.#view.setUint32(this.position, end - start, true)
    this.position = end
  }

  /** The bytes of `from` between `start` and `end`, without their length. */
  raw(from: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length <= SHORT_COPY) {
      const { bytes } = this
      for (let index = start, to = this.position; index < end; index++) bytes[to++] = from[index]!
    } else Buffer.prototype.copy.call(from, this.bytes, this.position, start, end)
    this.position += length
  }

  /** A byte string with its length. */
  block(value: Uint8Array): void {
    this.u32(value.length)
    this.raw(value, 0, value.length)
  }

  /** What was written, in an ArrayBuffer of its own; the writer starts anew. */
  take(): ArrayBuffer {
    const taken = new ArrayBuffer(this.position)
    new Uint8Array(taken).set(this.bytes.subarray(0, this.position))
    this.clear()
    return taken
  }

  /** Starts anew; a buffer that has grown large is not kept. */
  clear(): void {
    this.position = 0
    if (this.bytes.length <= KEPT_BYTES) return
    this.bytes = Buffer.allocUnsafeSlow(65_536)
    this.#view = new DataView(this.bytes.buffer)
  }
}

const SHORT_STRING = 64
const SHORT_COPY = 48
const KEPT_BYTES = 1 << 20

/** Reads what {@link ByteWriter} wrote. Every method throws `decode-malformed` where the bytes end too early. */
export class ByteReader {
  readonly bytes: Buffer
  position: number
  readonly end: number
  #view: DataView

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = start
    this.end = end
  }

  u8(): number {
    return this.bytes[this.#step(1)]!
  }

  u32(): number {
    return this.#view.getUint32(this.#step(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#step(8), true)
  }

  string(): string {
    const length = this.u32()
    const start = this.#step(length)
    return this.bytes.toString('utf8', start, start + length)
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Buffer {
    const start = this.#step(length)
    return this.bytes.subarray(start, start + length)
  }

  block(): Buffer {
    return this.raw(this.u32())
  }

  #step(length: number): number {
    const start = this.position
    if (length > this.end - start) throw malformed('ends too early', start)
    this.position = start + length
    return start
  }
}

export function malformed(what: string, offset: number): GatewayError {
  return new GatewayError('decode-malformed', `record ${what}`, { offset })
}
