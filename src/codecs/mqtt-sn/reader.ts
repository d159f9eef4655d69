/** Reads the fields of one packet in place. */
import { GatewayError } from '#base/errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class Reader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  get remaining(): number {
    return this.#bytes.length - this.at
  }

  byte(): number {
    if (this.remaining < 1) return this.fail('the packet ends within a field')
    return this.#bytes[this.at++]!
  }

  word(): number {
    if (this.remaining < 2) return this.fail('the packet ends within a field')
    const value = (this.#bytes[this.at]! << 8) | this.#bytes[this.at + 1]!
    this.at += 2
    return value
  }

  /** All that is left, as a view. */
  rest(): Uint8Array {
    const rest = this.#bytes.subarray(this.at)
    this.at = this.#bytes.length
    return rest
  }

  /** All that is left as text. */
  text(): string {
    return this.#decode(this.#bytes.length)
  }

  /** `count` octets as text. */
  fixedText(count: number): string {
    if (this.remaining < count) return this.fail('the packet ends within a field')
    return this.#decode(this.at + count)
  }

  /** @throws GatewayError `decode-malformed` if anything is left */
  end(): void {
    if (this.remaining > 0) this.fail('the packet is longer than its fields')
  }

  fail(message: string): never {
    throw new GatewayError('decode-malformed', message, { offset: this.at })
  }

  #decode(end: number): string {
    const start = this.at
    this.at = end
    try {
      return utf8.decode(this.#bytes.subarray(start, end))
    } catch {
      this.at = start
      return this.fail('a text is not UTF-8')
    }
  }
}
