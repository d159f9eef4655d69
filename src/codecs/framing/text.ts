import { GatewayError } from '#base/errors.ts'

/** Character encodings of lines. */
export const LINE_ENCODINGS = ['utf8', 'latin1', 'ascii'] as const
export type LineEncoding = (typeof LINE_ENCODINGS)[number]

/**
 * The text of a frame.
 * @throws GatewayError `decode-malformed` at the first byte that the encoding does not have; noise on a line shows so
 */
export function decodeText(bytes: Uint8Array, encoding: LineEncoding): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (encoding === 'latin1') return buffer.toString('latin1')
  const offset = firstNonAscii(bytes)
  if (offset < 0) return buffer.toString('latin1')
  if (encoding === 'ascii') throw new GatewayError('decode-malformed', `byte 0x${hex(bytes[offset]!)} is not ASCII`, { offset })
  return decodeUtf8(buffer, offset)
}

/**
 * The bytes of a text.
 * @throws GatewayError `encode-range` for a character that the encoding does not have
 */
export function encodeText(text: string, encoding: LineEncoding): Uint8Array {
  if (encoding === 'utf8') return Buffer.from(text, 'utf8')
  const highest = encoding === 'ascii' ? 0x7f : 0xff
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > highest) throw new GatewayError('encode-range', `character ${i} is not in ${encoding}`)
  }
  return Buffer.from(text, 'latin1')
}

function firstNonAscii(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 0x7f) return i
  return -1
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(buffer: Buffer, from: number): string {
  try {
    return strictUtf8.decode(buffer)
  } catch (cause) {
    // The replacement character's place tells where the fault is; what stands before it is well formed.
    const lossy = buffer.toString('utf8')
    let at = lossy.indexOf('\ufffd')
    while (at >= 0) {
      const offset = Buffer.byteLength(lossy.slice(0, at))
      if (!(buffer[offset] === 0xef && buffer[offset + 1] === 0xbf && buffer[offset + 2] === 0xbd)) {
        throw new GatewayError('decode-malformed', `byte 0x${hex(buffer[offset]!)} is not UTF-8`, { offset, cause })
      }
      at = lossy.indexOf('\ufffd', at + 1)
    }
    throw new GatewayError('decode-malformed', 'not UTF-8', { offset: from, cause })
  }
}
