/** Cuts what a socket gives into packets, in place: only a packet that is split between two reads is copied. */

export interface PacketSink {
  /**
   * One whole packet.
   * @param header its first byte
   * @param bytes,view the memory that it lies in, valid during the call
   * @param start,end where the variable header begins and the packet ends
   */
  packet(header: number, bytes: Uint8Array, view: DataView, start: number, end: number): void
}

/** Far above what any scenario sends. */
const PACKET_BYTES_MAX = 16 << 20

export class Framing {
  #rest = new Uint8Array(0)
  #restView = new DataView(this.#rest.buffer)
  #restLength = 0

  /** Hands every packet that ends in the first `length` bytes to `sink`. @throws on a remaining length that MQTT does not know */
  push(bytes: Uint8Array, view: DataView, length: number, sink: PacketSink): void {
    let at = this.#restLength > 0 ? this.#complete(bytes, length, sink) : 0
    while (at + 2 <= length) {
      let start = at + 2
      let remaining = bytes[at + 1]!
      if (remaining > 127) {
        const whole = longLength(bytes, at, length)
        if (whole === undefined) break
        remaining = whole.remaining
        start = whole.start
      }
      const end = start + remaining
      if (end > length) break
      sink.packet(bytes[at]!, bytes, view, start, end)
      at = end
    }
    if (at < length) this.#keep(bytes.subarray(at, length))
  }

  /** Fills up the packet that the last read left unfinished; returns how many bytes of this one went into it. */
  #complete(bytes: Uint8Array, length: number, sink: PacketSink): number {
    let at = 0
    for (;;) {
      const known = this.#restLength < 2 ? undefined : longLength(this.#rest, 0, this.#restLength)
      const wanted = known === undefined ? this.#restLength + 1 : known.start + known.remaining
      if (known !== undefined && wanted <= this.#restLength) {
        this.#restLength = 0
        sink.packet(this.#rest[0]!, this.#rest, this.#restView, known.start, wanted)
        return at
      }
      if (at === length) return at
      const taken = Math.min(wanted - this.#restLength, length - at)
      this.#keep(bytes.subarray(at, at + taken))
      at += taken
    }
  }

  #keep(bytes: Uint8Array): void {
    const length = this.#restLength + bytes.length
    if (length > this.#rest.length) {
      const grown = new Uint8Array(Math.max(length * 2, 256))
      grown.set(this.#rest.subarray(0, this.#restLength))
      this.#rest = grown
      this.#restView = new DataView(grown.buffer)
    }
    this.#rest.set(bytes, this.#restLength)
    this.#restLength = length
  }
}

/** Remaining length of the packet at `at` (MQTT 3.1.1 §2.2.3); `undefined` when it is not whole yet. */
function longLength(bytes: Uint8Array, at: number, length: number): { remaining: number; start: number } | undefined {
  let remaining = 0
  for (let index = 1; index <= 4; index++) {
    if (at + index >= length) return undefined
    const byte = bytes[at + index]!
    remaining |= (byte & 0x7f) << (7 * (index - 1))
    if (byte < 0x80) {
      if (remaining > PACKET_BYTES_MAX) throw new Error(`the server sent a packet of ${remaining} bytes`)
      return { remaining, start: at + index + 1 }
    }
  }
  throw new Error('the server sent a malformed remaining length')
}
