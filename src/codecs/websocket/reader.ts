/**
 * Takes WebSocket frames apart, in place: what several frames of one chunk carry is moved together while it is unmasked, so
 * that its owner gets one run of bytes. Nothing is kept of data frames, whatever their length: MQTT packets have borders of
 * their own [MQTT-6.0.0-2].
 */
import { GatewayError } from '#base/errors.ts'
import { applyMask, CLOSE_CODES, CONTROL_BYTES_MAX, OPCODES, rotateKey } from './frame.ts'

/** What a reader tells. Calls come synchronously, in the order of the stream. */
export interface FrameEvents {
  /** Payload of binary messages; a part of the chunk, which belongs to the receiver now. */
  data(bytes: Buffer): void
  /** To be answered with a Pong of the same payload (`RFC 6455 §5.5.3`). */
  ping(payload: Buffer): void
  /** The peer says its last word; `code` is undefined when it gave none. Nothing is read after it. */
  close(code: number | undefined, reason: string): void
}

const HEADER_BYTES_MAX = 14

export class WebSocketReader {
  readonly #masked: boolean
  readonly #frameBytesMax: number
  #opcode = -1
  #final = true
  /** A message has begun whose last frame is to come. */
  #fragmented = false
  /** Payload of the present frame that is to come. */
  #left = 0
  #key = 0
  /** The beginning of a header, or of a control frame's payload, whose rest is in the next chunk. */
  #kept: Buffer | undefined
  #closed = false

  /** `masked`: whether the peer is the client, which must mask (`RFC 6455 §5.1`). */
  constructor(masked: boolean, frameBytesMax: number) {
    this.#masked = masked
    this.#frameBytesMax = frameBytesMax
  }

  /**
   * Reads a chunk and changes it.
   * @throws GatewayError `decode-malformed`; its `reason` is the code to close with, `offset` counts from the chunk's begin
   */
  read(chunk: Buffer, events: FrameEvents): void {
    let bytes = chunk
    if (this.#kept !== undefined) {
      bytes = Buffer.concat([this.#kept, chunk])
      this.#kept = undefined
    }
    const end = bytes.length
    let at = 0
    // Payload that is ready stands in [start, out).
    let start = 0
    let out = 0
    try {
      while (at < end && !this.#closed) {
        if (this.#opcode < 0) {
          const header = this.#header(bytes, at)
          if (header === 0) {
            this.#kept = Buffer.from(bytes.subarray(at))
            return
          }
          at += header
        }
        if (this.#opcode >= OPCODES.close) {
          if (end - at < this.#left) {
            this.#kept = Buffer.from(bytes.subarray(at))
            return
          }
          const payload = bytes.subarray(at, at + this.#left)
          if (this.#key !== 0) applyMask(bytes, at, at + this.#left, at, this.#key)
          at += this.#left
          if (this.#opcode === OPCODES.close && out > start) {
            events.data(bytes.subarray(start, out))
            start = out
          }
          this.#control(payload, events)
          this.#opcode = -1
          continue
        }
        const count = Math.min(this.#left, end - at)
        if (out === start) start = out = at
        if (this.#key !== 0) {
          applyMask(bytes, at, at + count, out, this.#key)
          this.#key = rotateKey(this.#key, count)
        } else if (out !== at) bytes.copyWithin(out, at, at + count)
        out += count
        at += count
        this.#left -= count
        if (this.#left === 0) this.#opcode = -1
      }
    } finally {
      // Also before a fault is thrown: what came before it is whole.
      if (out > start) events.data(bytes.subarray(start, out))
    }
  }

  /** Length of the header at `at`, 0 when it is not whole. */
  #header(bytes: Buffer, at: number): number {
    const have = bytes.length - at
    if (have < 2) return 0
    const first = bytes[at]
    const second = bytes[at + 1]
    this.#judge(first, second, at)
    const short = second & 0x7f
    const length = short < 126 ? 2 : short === 126 ? 4 : 10
    const whole = length + (this.#masked ? 4 : 0)
    if (have < whole) return have >= HEADER_BYTES_MAX ? fault('a header is too long', at) : 0
    let payload = short
    if (short === 126) {
      payload = bytes.readUInt16BE(at + 2)
      if (payload < 126) fault('a length is written longer than it needs to be', at)
    } else if (short === 127) {
      payload = bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6)
      if (payload < 65_536) fault('a length is written longer than it needs to be', at)
    }
    if (payload > this.#frameBytesMax) {
      fault(`a frame of ${payload} bytes is longer than the ${this.#frameBytesMax} that are allowed`, at, CLOSE_CODES.tooBig)
    }
    this.#opcode = first & 0x0f
    this.#final = (first & 0x80) !== 0
    if (this.#opcode < OPCODES.close) this.#fragmented = !this.#final
    this.#left = payload
    this.#key = this.#masked ? bytes.readInt32BE(at + whole - 4) : 0
    if (payload === 0 && this.#opcode < OPCODES.close) this.#opcode = -1
    return whole
  }

  #judge(first: number, second: number, at: number): void {
    if ((first & 0x70) !== 0) fault('a reserved bit is set and no extension was agreed on', at)
    if (((second & 0x80) !== 0) !== this.#masked) fault(this.#masked ? 'a frame is not masked' : 'a frame of a server is masked', at)
    const opcode = first & 0x0f
    if (opcode >= OPCODES.close) {
      if (opcode > OPCODES.pong) fault(`there is no opcode ${opcode}`, at)
      if ((first & 0x80) === 0) fault('a control frame is fragmented', at)
      if ((second & 0x7f) > CONTROL_BYTES_MAX) fault('a control frame is too long', at)
    } else if (opcode === OPCODES.continuation) {
      if (!this.#fragmented) fault('a continuation has nothing to continue', at)
    } else {
      if (opcode > OPCODES.binary) fault(`there is no opcode ${opcode}`, at)
      if (this.#fragmented) fault('a message begins within another', at)
      // [MQTT-6.0.0-1]
      if (opcode === OPCODES.text) fault('MQTT comes in binary frames, not in text', at, CLOSE_CODES.unsupportedData)
    }
  }

  #control(payload: Buffer, events: FrameEvents): void {
    if (this.#opcode === OPCODES.ping) return events.ping(payload)
    if (this.#opcode === OPCODES.pong) return
    this.#closed = true
    if (payload.length === 0) return events.close(undefined, '')
    const code = payload.length === 1 ? 0 : payload.readUInt16BE(0)
    if (!isCloseCode(code)) fault('a Close frame has no valid code', 0)
    events.close(code, closeReason(payload.subarray(2)))
  }
}

/** Codes that may stand in a Close frame (`RFC 6455 §7.4`). */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
}

function closeReason(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return fault('the reason of a Close frame is not UTF-8', 2, CLOSE_CODES.invalidPayload)
  }
}

function fault(message: string, offset: number, reason: number = CLOSE_CODES.protocolError): never {
  throw new GatewayError('decode-malformed', message, { reason, offset })
}
