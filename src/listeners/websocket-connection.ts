/** The bytes inside a WebSocket, as a connection like any other. */

import { describeError, type GatewayError, isGatewayError } from '#base/errors.ts'
import { CLOSE_CODES, closePayload, encodeFrame, type FrameEvents, OPCODES, WebSocketReader } from '#codecs/websocket/index.ts'
import type { FaultBook, OpeningFault } from './opening-faults.ts'
import type { ByteConnection, NetworkAddress, PeerCertificate, StreamTransport } from './types.ts'

/** Pongs are left out while the peer does not take what is there: only the last ping needs one (`RFC 6455 §5.5.3`). */
const PONG_PENDING_MAX = 16 * 1024

const nothing = () => {}

export class WebSocketConnection implements ByteConnection, FrameEvents {
  onData: (chunk: Buffer) => void = nothing
  onDrain: () => void = nothing
  onClose: (error?: Error) => void = nothing
  readonly #inner: ByteConnection
  readonly #faults: FaultBook
  readonly #reader: WebSocketReader
  #ended = false
  #error: Error | undefined = undefined

  constructor(inner: ByteConnection, frameBytesMax: number, faults: FaultBook) {
    this.#inner = inner
    this.#faults = faults
    this.#reader = new WebSocketReader(true, frameBytesMax)
    inner.onData = chunk => this.#take(chunk)
    inner.onDrain = () => this.onDrain()
    inner.onClose = error => this.#closed(error)
  }

  get id(): number {
    return this.#inner.id
  }

  get transport(): StreamTransport {
    return this.#inner.transport
  }

  get remote(): NetworkAddress | undefined {
    return this.#inner.remote
  }

  get local(): NetworkAddress | undefined {
    return this.#inner.local
  }

  get loopback(): boolean {
    return this.#inner.loopback
  }

  get certificate(): PeerCertificate | undefined {
    return this.#inner.certificate
  }

  get pskIdentity(): string | undefined {
    return this.#inner.pskIdentity
  }

  get pendingBytes(): number {
    return this.#inner.pendingBytes
  }

  /** One frame. The copy costs less than a second write, or one that gathers. */
  write(bytes: Uint8Array): void {
    if (!this.#ended && bytes.length > 0) this.#inner.write(encodeFrame(OPCODES.binary, bytes))
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  end(): void {
    this.#end(closePayload(CLOSE_CODES.normal))
  }

  destroy(): void {
    this.#ended = true
    this.onData = this.onDrain = nothing
    this.#inner.destroy()
  }

  data(bytes: Buffer): void {
    this.onData(bytes)
  }

  ping(payload: Buffer): void {
    if (!this.#ended && this.#inner.pendingBytes < PONG_PENDING_MAX) this.#inner.write(encodeFrame(OPCODES.pong, payload))
  }

  close(code: number | undefined): void {
    this.#end(code === undefined ? new Uint8Array() : closePayload(code))
  }

  #take(chunk: Buffer): void {
    try {
      this.#reader.read(chunk, this)
    } catch (error) {
      if (!isGatewayError(error)) throw error
      this.#fail(error)
    }
  }

  #fail(error: GatewayError): void {
    if (this.#ended) return
    const code = error.reason ?? CLOSE_CODES.protocolError
    this.#error = error
    this.#faults.note(FAULTS[code] ?? 'websocket-malformed', this.remote?.address, describeError(error))
    this.#end(closePayload(code, error.message))
  }

  /** Our Close frame, and the end of the stream behind it; what still comes is discarded. */
  #end(payload: Uint8Array): void {
    if (this.#ended) return
    this.#ended = true
    this.onData = this.onDrain = nothing
    this.#inner.write(encodeFrame(OPCODES.close, payload))
    this.#inner.end()
  }

  #closed(error: Error | undefined): void {
    this.#ended = true
    const onClose = this.onClose
    this.onData = this.onDrain = this.onClose = nothing
    onClose(this.#error ?? error)
  }
}

const FAULTS: Readonly<Record<number, OpeningFault>> = {
  [CLOSE_CODES.unsupportedData]: 'websocket-text',
  [CLOSE_CODES.tooBig]: 'websocket-frame-too-long',
}
