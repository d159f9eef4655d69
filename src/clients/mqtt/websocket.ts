/** MQTT inside a WebSocket, on a stream (`RFC 6455`, `MQTT 5 §6`). */
import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError, isGatewayError } from '#base/errors.ts'
import {
  CLOSE_CODES,
  closePayload,
  encodeFrame,
  type FrameEvents,
  HEAD_BYTES_MAX,
  headLength,
  OPCODES,
  upgradeFault,
  upgradeRequest,
  WebSocketReader,
} from '#codecs/websocket/index.ts'
import { formatEndpoint } from './endpoint.ts'
import { timeoutFault } from './faults.ts'
import type { OpenStream, Stream, StreamEvents, Target } from './stream.ts'

/** A frame of a server may hold many packets; nothing of it is kept. */
const FRAME_BYTES_MAX = 2 ** 40
/** Masks must not be predictable (`RFC 6455 §5.3`); drawn for many frames at once. */
const KEYS_BYTES = 1024

export class WebSocketStream implements Stream, FrameEvents {
  readonly #target: Target
  readonly #events: StreamEvents
  readonly #clock: Clock
  readonly #inner: Stream
  readonly #nonce: Uint8Array
  readonly #reader = new WebSocketReader(false, FRAME_BYTES_MAX)
  #head: Buffer | undefined = Buffer.alloc(0)
  #timer: Timer | undefined = undefined
  #error: GatewayError | undefined = undefined
  #keys: Buffer = Buffer.alloc(0)
  #keyAt = 0
  #ended = false

  /** `open` opens the stream beneath. */
  constructor(target: Target, events: StreamEvents, clock: Clock, open: OpenStream) {
    this.#target = target
    this.#events = events
    this.#clock = clock
    this.#nonce = clock.randomBytes(16)
    const beneath: StreamEvents = {
      opened: () => this.#ask(),
      data: chunk => this.#take(chunk),
      drained: () => {
        if (this.#head === undefined) events.drained()
      },
      closed: error => {
        clock.clearTimer(this.#timer)
        events.closed(this.#error ?? error)
      },
    }
    this.#inner = open(target, beneath, clock)
  }

  get pendingBytes(): number {
    return this.#inner.pendingBytes
  }

  get peer(): string | undefined {
    return this.#inner.peer
  }

  write(bytes: Uint8Array): void {
    if (!this.#ended && bytes.length > 0) this.#inner.write(encodeFrame(OPCODES.binary, bytes, this.#nextKey()))
  }

  end(): void {
    this.#end(closePayload(CLOSE_CODES.normal))
  }

  destroy(): void {
    this.#ended = true
    this.#inner.destroy()
  }

  data(bytes: Buffer): void {
    if (!this.#ended) this.#events.data(bytes)
  }

  ping(payload: Buffer): void {
    if (!this.#ended) this.#inner.write(encodeFrame(OPCODES.pong, payload, this.#nextKey()))
  }

  close(code: number | undefined, reason: string): void {
    if (code !== undefined && code !== CLOSE_CODES.normal) {
      const said = reason === '' ? '' : `: ${reason}`
      this.#error ??= this.#fault('connection-lost', `closed the WebSocket with code ${code}${said}`)
    }
    this.#end(code === undefined ? new Uint8Array() : closePayload(code))
  }

  #ask(): void {
    const { endpoint, openTimeoutMs } = this.#target
    this.#timer = this.#clock.setTimer(openTimeoutMs, () => {
      this.#error = timeoutFault(endpoint, 'complete the WebSocket handshake', openTimeoutMs)
      this.destroy()
    })
    const request = upgradeRequest({ host: formatEndpoint(endpoint), path: endpoint.path ?? '/mqtt', nonce: this.#nonce })
    this.#inner.write(Buffer.from(request))
  }

  #take(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    const rest = this.#head === undefined ? bytes : this.#upgrade(this.#head, bytes)
    if (rest === undefined || rest.length === 0) return
    try {
      this.#reader.read(rest, this)
    } catch (error) {
      if (!isGatewayError(error)) throw error
      this.#error ??= this.#fault('connection-lost', `broke the rules of WebSocket: ${error.message}`)
      this.#end(closePayload(error.reason ?? CLOSE_CODES.protocolError))
    }
  }

  /** The answer to our request; returns what came behind it, undefined while it is not whole, or wrong. */
  #upgrade(before: Buffer, chunk: Buffer): Buffer | undefined {
    const head = Buffer.concat([before, chunk])
    const length = headLength(head)
    this.#head = head
    if (length === undefined && head.length < HEAD_BYTES_MAX) return undefined
    const fault = length === undefined ? 'does not speak HTTP on this port' : upgradeFault(head.toString('latin1', 0, length), this.#nonce)
    if (fault !== undefined || length === undefined) {
      const hint = fault?.includes('404') ? 'look at the path in the URL' : 'does this port speak MQTT over WebSocket?'
      this.#error = this.#fault('refused', fault ?? '', hint)
      this.destroy()
      return undefined
    }
    this.#clock.clearTimer(this.#timer)
    this.#head = undefined
    this.#events.opened()
    return head.subarray(length)
  }

  #fault(code: 'refused' | 'connection-lost', message: string, hint?: string): GatewayError {
    return new GatewayError(code, `${formatEndpoint(this.#target.endpoint)} ${message}`, {
      retryable: true,
      ...(hint !== undefined && { hint }),
    })
  }

  #end(payload: Uint8Array): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#head === undefined) this.#inner.write(encodeFrame(OPCODES.close, payload, this.#nextKey()))
    this.#inner.end()
  }

  #nextKey(): number {
    if (this.#keyAt >= this.#keys.length) {
      this.#keys = Buffer.from(this.#clock.randomBytes(KEYS_BYTES))
      this.#keyAt = 0
    }
    const key = this.#keys.readInt32BE(this.#keyAt)
    this.#keyAt += 4
    return key
  }
}
