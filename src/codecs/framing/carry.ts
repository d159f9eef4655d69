/** The bytes of a stream that no frame has taken yet, in one buffer that grows up to its maximum. */
export class Carry {
  bytes: Uint8Array
  length = 0
  readonly #max: number

  constructor(max: number) {
    this.#max = max
    this.bytes = new Uint8Array(Math.min(max, 256))
  }

  /** How much more it takes. */
  get room(): number {
    return this.#max - this.length
  }

  /** Adds bytes in [start, end); there must be room. */
  add(source: Uint8Array, start: number, end: number): void {
    const wanted = this.length + end - start
    if (wanted > this.bytes.length) {
      const larger = new Uint8Array(Math.min(this.#max, Math.max(wanted, this.bytes.length * 2)))
      larger.set(this.bytes.subarray(0, this.length))
      this.bytes = larger
    }
    this.bytes.set(source.subarray(start, end), this.length)
    this.length = wanted
  }

  /** Takes away the first `count` bytes. */
  shift(count: number): void {
    if (count < this.length) this.bytes.copyWithin(0, count, this.length)
    this.length -= count
  }
}
