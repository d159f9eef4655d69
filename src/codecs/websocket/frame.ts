/** Frames of WebSocket (`RFC 6455 §5`): their headers, and the codes of a Close. */

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** Close codes that either side sends (`RFC 6455 §7.4.1`). */
export const CLOSE_CODES = { normal: 1000, protocolError: 1002, unsupportedData: 1003, invalidPayload: 1007, tooBig: 1009 } as const

/** The most that a control frame carries (`RFC 6455 §5.5`). */
export const CONTROL_BYTES_MAX = 125

const FIN = 0x80
const MASKED = 0x80

/** Bytes of the header of a frame with so much payload. */
export function headerLength(payloadBytes: number, masked: boolean): number {
  return (payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10) + (masked ? 4 : 0)
}

/** Writes the header of a final frame to `target` and returns where it ends. With a `key` (32 bits) the frame counts as masked. */
export function putHeader(target: Buffer, at: number, opcode: number, payloadBytes: number, key?: number): number {
  const mask = key === undefined ? 0 : MASKED
  target[at] = FIN | opcode
  let end = at + 2
  if (payloadBytes < 126) target[at + 1] = mask | payloadBytes
  else if (payloadBytes < 65_536) {
    target[at + 1] = mask | 126
    end = target.writeUInt16BE(payloadBytes, end)
  } else {
    target[at + 1] = mask | 127
    end = target.writeUInt32BE(Math.floor(payloadBytes / 2 ** 32), end)
    end = target.writeUInt32BE(payloadBytes % 2 ** 32, end)
  }
  return key === undefined ? end : target.writeInt32BE(key, end)
}

/** A whole frame with a copy of the payload; masked with `key` if there is one. */
export function encodeFrame(opcode: number, payload: Uint8Array, key?: number): Buffer {
  const frame = Buffer.allocUnsafe(headerLength(payload.length, key !== undefined) + payload.length)
  const start = putHeader(frame, 0, opcode, payload.length, key)
  frame.set(payload, start)
  if (key !== undefined) applyMask(frame, start, frame.length, start, key)
  return frame
}

/** The payload of a Close frame; a long reason is cut. */
export function closePayload(code: number, reason = ''): Buffer {
  const text = Buffer.from(reason)
  const cut =
    text.length > CONTROL_BYTES_MAX - 2 ? Buffer.from(text.toString('utf8', 0, CONTROL_BYTES_MAX - 5).replace(/\ufffd$/, '')) : text
  const payload = Buffer.allocUnsafe(2 + cut.length)
  payload.writeUInt16BE(code, 0)
  payload.set(cut, 2)
  return payload
}

/** Below this a loop over bytes is faster than one over words with what that needs around it. */
const WORDS_FROM = 256

/**
 * Masks or unmasks bytes [from, to) and puts them at `out`, which is not behind `from`. `key` goes with the byte at `from`.
 */
export function applyMask(bytes: Buffer, from: number, to: number, out: number, key: number): void {
  const count = to - from
  if (count >= WORDS_FROM) {
    if (out !== from) bytes.copyWithin(out, from, to)
    maskWords(bytes, out, out + count, key)
  } else maskBytes(bytes, from, to, out, key)
}

function maskBytes(bytes: Buffer, from: number, to: number, out: number, key: number): void {
  const first = key >>> 24
  const second = (key >>> 16) & 0xff
  const third = (key >>> 8) & 0xff
  const fourth = key & 0xff
  const whole = to - ((to - from) & 3)
  let i = from
  let o = out
  for (; i < whole; i += 4, o += 4) {
    bytes[o] = bytes[i] ^ first
    bytes[o + 1] = bytes[i + 1] ^ second
    bytes[o + 2] = bytes[i + 2] ^ third
    bytes[o + 3] = bytes[i + 3] ^ fourth
  }
  if (i < to) bytes[o] = bytes[i] ^ first
  if (i + 1 < to) bytes[o + 1] = bytes[i + 1] ^ second
  if (i + 2 < to) bytes[o + 2] = bytes[i + 2] ^ third
}

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

function maskWords(bytes: Buffer, from: number, to: number, key: number): void {
  const aligned = from + (-(bytes.byteOffset + from) & 3)
  maskBytes(bytes, from, aligned, from, key)
  const turned = rotateKey(key, aligned - from)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, (to - aligned) >> 2)
  const word = LITTLE_ENDIAN ? swapped(turned) : turned
  for (let i = 0; i < words.length; i++) words[i] ^= word
  maskBytes(bytes, aligned + words.length * 4, to, aligned + words.length * 4, turned)
}

function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}

/** The key as it goes on after `count` bytes. */
export function rotateKey(key: number, count: number): number {
  const bits = (count & 3) * 8
  return bits === 0 ? key : (key << bits) | (key >>> (32 - bits))
}
