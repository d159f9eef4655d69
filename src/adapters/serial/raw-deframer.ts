import { type Deframer, type DeframerCounters, type FrameHandler, newCounters } from '#codecs/framing/index.ts'

/** Silence after which gathered bytes are published when nothing else is said. */
const RAW_IDLE_MS = 20

export interface RawOptions {
  lengthMax: number
  /** 0: {@link RAW_IDLE_MS}. */
  idleMs: number
}

/** Bytes as they come: a piece ends after silence, or when it is as long as allowed. */
export class RawDeframer implements Deframer {
  readonly idleMs: number
  readonly counters: DeframerCounters = newCounters()
  readonly #piece: Uint8Array
  readonly #onFrame: FrameHandler
  #length = 0

  constructor(options: RawOptions, onFrame: FrameHandler) {
    this.idleMs = options.idleMs === 0 ? RAW_IDLE_MS : options.idleMs
    this.#piece = new Uint8Array(options.lengthMax)
    this.#onFrame = onFrame
  }

  push(bytes: Uint8Array): void {
    this.counters.bytes += bytes.length
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + this.#piece.length - this.#length)
      this.#piece.set(bytes.subarray(at, end), this.#length)
      this.#length += end - at
      at = end
      if (this.#length === this.#piece.length) this.#flush(false)
    }
  }

  idle(): void {
    this.#flush(true)
  }

  /** What has gathered was received all the same. */
  reset(): void {
    this.#flush(false)
  }

  #flush(final: boolean): void {
    if (this.#length === 0) return
    this.counters.frames++
    const length = this.#length
    this.#length = 0
    this.#onFrame(this.#piece.subarray(0, length), final)
  }
}
