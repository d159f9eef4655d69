import { GatewayError } from '#base/errors.ts'
import { frameLength } from '#codecs/mqtt/index.ts'

const NOTHING = new Uint8Array(0)

/** Cuts a byte stream into packets; what is incomplete waits, at most one packet of `packetBytesMax` and a chunk. */
export class FrameReader {
  readonly #packetBytesMax: number
  /** Room for the packet that is incomplete, and how much of it is there. */
  #room = NOTHING
  #kept = 0

  constructor(packetBytesMax: number) {
    this.#packetBytesMax = packetBytesMax
  }

  /**
   * Calls `take` for each packet that `chunk` completes, until it returns false. The bytes that `take` gets are
   * valid during the call only.
   * @throws GatewayError `decode-malformed`, also for a packet above the limit (reason 0x95)
   */
  read(chunk: Uint8Array, take: (bytes: Uint8Array, start: number, end: number) => boolean): void {
    const bytes = this.#kept === 0 ? chunk : this.#append(chunk)
    const end = bytes.length
    let start = 0
    while (start < end) {
      const length = frameLength(bytes, start, end)
      if (length > this.#packetBytesMax) throw tooLong(length, this.#packetBytesMax)
      if (length === 0 || start + length > end) break
      start += length
      if (!take(bytes, start - length, start)) return
    }
    this.#keep(bytes, start, end)
  }

  #append(chunk: Uint8Array): Uint8Array {
    const length = this.#kept + chunk.length
    if (length > this.#room.length) {
      const larger = new Uint8Array(length)
      larger.set(this.#room.subarray(0, this.#kept))
      this.#room = larger
    }
    this.#room.set(chunk, this.#kept)
    return this.#room.subarray(0, length)
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    this.#kept = end - start
    if (start === end) {
      this.#room = NOTHING
      return
    }
    // Room for the whole packet at once, so that a long one is copied once.
    const length = Math.max(frameLength(bytes, start, end), this.#kept)
    const room = length > this.#room.length ? new Uint8Array(length) : this.#room
    room.set(bytes.subarray(start, end))
    this.#room = room
  }
}

function tooLong(length: number, max: number): GatewayError {
  return new GatewayError('decode-malformed', `a packet of ${length} bytes is above the limit of ${max}`, { reason: 0x95, offset: 1 })
}
