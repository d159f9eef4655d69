/** Bodies of block-wise transfers while they last (`RFC 7959`): what comes in block by block, and what is fetched so. */
import type { Clock } from '#base/clock.ts'
import { type Block, blockSize, CODE } from '#codecs/coap/index.ts'
import type { EndpointCounters, EndpointLimits } from './endpoint-types.ts'

/** A body that a peer fetches block by block. */
export interface OutgoingBody {
  readonly code: number
  readonly body: Uint8Array
  readonly etag: Uint8Array
  readonly contentFormat: number | undefined
  readonly maxAge: number | undefined
  /** Told once, when the last block was asked for or the body was forgotten. */
  readonly over?: () => void
}

interface Kept extends OutgoingBody {
  touchedMs: number
}

/** Bodies being fetched, by transfer key. Full: the one that was longest untouched goes. */
export class OutgoingBodies {
  readonly #bodies = new Map<string, Kept>()
  readonly #clock: Clock
  readonly #limits: EndpointLimits
  readonly #counters: EndpointCounters
  #bytes = 0

  constructor(clock: Clock, limits: EndpointLimits, counters: EndpointCounters) {
    this.#clock = clock
    this.#limits = limits
    this.#counters = counters
  }

  get bytes(): number {
    return this.#bytes
  }

  put(key: string, body: OutgoingBody): void {
    this.delete(key)
    this.#bodies.set(key, { ...body, touchedMs: this.#clock.monotonic() })
    this.#bytes += body.body.length
    for (const oldest of this.#bodies.keys()) {
      if (this.#bytes <= this.#limits.transferBytesMax || oldest === key) break
      this.#counters.transfersDropped++
      this.delete(oldest)
    }
  }

  /** The body of a key, which counts as touched. */
  get(key: string): OutgoingBody | undefined {
    const body = this.#bodies.get(key)
    if (body === undefined) return undefined
    body.touchedMs = this.#clock.monotonic()
    this.#bodies.delete(key)
    this.#bodies.set(key, body)
    return body
  }

  /** How long nobody asked for a block of it; Infinity: there is no such body. */
  idleMs(key: string): number {
    const body = this.#bodies.get(key)
    return body === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonic() - body.touchedMs
  }

  delete(key: string): void {
    const body = this.#bodies.get(key)
    if (body === undefined) return
    this.#bodies.delete(key)
    this.#bytes -= body.body.length
    body.over?.()
  }

  /** Forgets what was not touched for a while. */
  sweep(): void {
    const beforeMs = this.#clock.monotonic() - this.#limits.transferIdleMs
    for (const [key, body] of this.#bodies) {
      if (body.touchedMs > beforeMs) break
      this.delete(key)
    }
  }
}

interface Assembly {
  chunks: Uint8Array[]
  length: number
  lastLength: number
  touchedMs: number
}

/** What became of a Block1: its answer when the body is refused or goes on, or the whole body. */
export type BlockOutcome = { code: number; sizeMax?: number } | { body: Uint8Array }

/** Bodies that come in block by block, in order, by transfer key. Full: newcomers are refused with 5.03. */
export class IncomingBodies {
  readonly #assemblies = new Map<string, Assembly>()
  readonly #clock: Clock
  readonly #limits: EndpointLimits
  #bytes = 0

  constructor(clock: Clock, limits: EndpointLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Takes one block (`RFC 7959 §2.5`). `announced`: the Size1 option. */
  accept(key: string, block: Block, payload: Uint8Array, announced: number | undefined): BlockOutcome {
    const size = blockSize(block.szx)
    if (block.more ? payload.length !== size : payload.length > size) return this.#refuse(key, CODE.BadRequest)
    const offset = block.num * size
    if (Math.max(offset + payload.length, announced ?? 0) > this.#limits.bodyBytesMax) {
      this.delete(key)
      return { code: CODE.RequestEntityTooLarge, sizeMax: this.#limits.bodyBytesMax }
    }
    if (block.num === 0) this.delete(key)
    const assembly = this.#assemblies.get(key)
    const length = assembly?.length ?? 0
    if (offset !== length) {
      // The block before, sent again with another message id because its 2.31 was lost.
      if (assembly !== undefined && block.more && offset + assembly.lastLength === length) return { code: CODE.Continue }
      return this.#refuse(key, CODE.RequestEntityIncomplete)
    }
    if (!block.more) {
      this.delete(key)
      return { body: assembly === undefined ? payload : Buffer.concat([...assembly.chunks, payload], length + payload.length) }
    }
    if (this.#bytes + payload.length > this.#limits.transferBytesMax) return this.#refuse(key, CODE.ServiceUnavailable)
    this.#append(key, assembly, payload)
    return { code: CODE.Continue }
  }

  delete(key: string): void {
    const assembly = this.#assemblies.get(key)
    if (assembly === undefined) return
    this.#assemblies.delete(key)
    this.#bytes -= assembly.length
  }

  sweep(): void {
    const beforeMs = this.#clock.monotonic() - this.#limits.transferIdleMs
    for (const [key, assembly] of this.#assemblies) {
      if (assembly.touchedMs > beforeMs) break
      this.delete(key)
    }
  }

  #append(key: string, known: Assembly | undefined, payload: Uint8Array): void {
    const assembly = known ?? { chunks: [], length: 0, lastLength: 0, touchedMs: 0 }
    assembly.chunks.push(payload)
    assembly.length += payload.length
    assembly.lastLength = payload.length
    assembly.touchedMs = this.#clock.monotonic()
    this.#bytes += payload.length
    // In order of the last touch, so that the sweep looks at the idle ones only.
    this.#assemblies.delete(key)
    this.#assemblies.set(key, assembly)
  }

  #refuse(key: string, code: number): BlockOutcome {
    this.delete(key)
    return { code }
  }
}
