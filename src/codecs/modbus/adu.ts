/** Frames on a serial line: RTU and ASCII (MODBUS over Serial Line 1.02 §2.5). */
import { GatewayError } from '#base/errors.ts'
import { computeCheck } from '#codecs/framing/checks.ts'

/** Bytes of an RTU frame at most; an ASCII frame has twice as many characters. */
export const RTU_BYTES_MAX = 256
/** The unit that all others listen to and nobody answers for. */
export const BROADCAST = 0

export interface Adu {
  unit: number
  pdu: Uint8Array
}

/** An RTU frame: unit, PDU, CRC-16 with its low byte first. */
export function encodeRtu({ unit, pdu }: Adu): Uint8Array {
  const frame = new Uint8Array(pdu.length + 3)
  frame[0] = unit
  frame.set(pdu, 1)
  const check = computeCheck('crc16-modbus', frame, 0, pdu.length + 1)
  frame[pdu.length + 1] = check & 0xff
  frame[pdu.length + 2] = check >> 8
  return frame
}

/**
 * What an RTU frame carries.
 * @throws GatewayError `decode-malformed`
 */
export function decodeRtu(frame: Uint8Array): Adu {
  if (frame.length < 4 || frame.length > RTU_BYTES_MAX) {
    throw new GatewayError('decode-malformed', `an RTU frame has 4 to ${RTU_BYTES_MAX} bytes, not ${frame.length}`, {
      offset: frame.length,
    })
  }
  if (!hasRtuCheck(frame, 0, frame.length)) {
    throw new GatewayError('decode-malformed', 'the CRC does not fit', { offset: frame.length - 2 })
  }
  return { unit: frame[0]!, pdu: frame.slice(1, -2) }
}

/** Whether bytes [start, end) end with the CRC of what is before it. */
export function hasRtuCheck(bytes: Uint8Array, start: number, end: number): boolean {
  const check = computeCheck('crc16-modbus', bytes, start, end - 2)
  return bytes[end - 2] === (check & 0xff) && bytes[end - 1] === check >> 8
}

/** An ASCII frame: `:`, hexadecimal digits, LRC, CR, LF. */
export function encodeAscii({ unit, pdu }: Adu): Uint8Array {
  const bytes = Uint8Array.from([unit, ...pdu])
  const lrc = computeCheck('sum8-negated', bytes)
  return Buffer.from(`:${Buffer.from(bytes).toString('hex').toUpperCase()}${hexByte(lrc)}\r\n`, 'latin1')
}

/**
 * What an ASCII frame carries; given from its colon on, with or without its line end.
 * @throws GatewayError `decode-malformed`
 */
export function decodeAscii(frame: Uint8Array): Adu {
  const text = Buffer.from(frame)
    .toString('latin1')
    .replace(/\r?\n?$/, '')
  if (!/^:(?:[0-9A-Fa-f]{2}){3,255}$/.test(text)) throw new GatewayError('decode-malformed', 'not an ASCII frame', { offset: 0 })
  const bytes = Buffer.from(text.slice(1), 'hex')
  if (computeCheck('sum8', bytes) !== 0) throw new GatewayError('decode-malformed', 'the LRC does not fit', { offset: text.length - 2 })
  return { unit: bytes[0]!, pdu: Uint8Array.from(bytes.subarray(1, -1)) }
}

function hexByte(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0')
}
