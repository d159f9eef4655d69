/** Cuts the bytes of a connection into packets; a packet that comes in parts is kept until it is whole. */
import { GatewayError } from '#base/errors.ts'
import { frameLength, REASON_CODES } from '#codecs/mqtt/index.ts'

export class Incoming {
  #parts: Buffer[] | undefined
  #have = 0
  /** Length of the packet that is coming, 0 while its header is incomplete. */
  #want = 0

  /** Joins a new chunk to what is kept; undefined: a packet is still not whole. */
  join(chunk: Buffer): Buffer | undefined {
    if (this.#parts === undefined) return chunk
    this.#parts.push(chunk)
    this.#have += chunk.length
    if (this.#have < this.#want) return undefined
    const joined = Buffer.concat(this.#parts, this.#have)
    this.#parts = undefined
    return joined
  }

  /**
   * The end of the packet at `at`, or 0 when it is not whole: what there is of it is then kept for `join`.
   * @throws GatewayError `decode-malformed` for a bad header, or a packet longer than `lengthMax` (reason 0x95)
   */
  packetEnd(bytes: Buffer, at: number, lengthMax: number): number {
    const length = frameLength(bytes, at, bytes.length)
    if (length > lengthMax) {
      throw new GatewayError('decode-malformed', `a packet of ${length} bytes is larger than the ${lengthMax} that are allowed`, {
        reason: REASON_CODES.packetTooLarge,
        offset: 1,
      })
    }
    if (length > 0 && at + length <= bytes.length) return at + length
    this.keep(bytes, at, length)
    return 0
  }

  /** Keeps the bytes from `at` on for the next `join`. */
  keep(bytes: Buffer, at: number, want: number): void {
    // A copy when it is a small rest of a large chunk, so that an idle connection does not hold on to that.
    const rest = bytes.subarray(at)
    this.#parts = [rest.length * 2 < bytes.length ? Buffer.from(rest) : rest]
    this.#have = rest.length
    this.#want = want
  }
}
