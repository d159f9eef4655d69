/** Checksums of serial frames, by the names that configurations use. */

export const CHECKS = [
  'none',
  'crc16-modbus',
  'crc16-ccitt',
  'crc16-xmodem',
  'crc16-kermit',
  'crc16-x25',
  'crc16-arc',
  'crc32',
  'sum8',
  'sum8-negated',
  'sum16',
  'xor8',
] as const

/**
 * - `crc16-modbus`: polynomial 0x8005 reflected, start 0xFFFF; `crc16-arc` the same with start 0 (DSMR).
 * - `crc16-ccitt`: polynomial 0x1021, start 0xFFFF; `crc16-xmodem` with start 0; `crc16-kermit` reflected with start 0;
 *   `crc16-x25` reflected, start and final inversion 0xFFFF.
 * - `crc32`: as Ethernet and zip.
 * - `sum8`, `sum16`: all bytes added; `sum8-negated`: what makes the sum of all bytes and the check 0; `xor8`: all bytes xored.
 */
export type Check = (typeof CHECKS)[number]

/** Bytes that a check takes. */
export function checkSize(check: Check): number {
  if (check === 'none') return 0
  if (check === 'crc32') return 4
  return check.endsWith('8') || check === 'sum8-negated' ? 1 : 2
}

/** The order in which a check's bytes are usually sent: those of reflected CRCs with the low byte first. */
export function usualOrder(check: Check): 'big' | 'little' {
  return check === 'crc16-modbus' || check === 'crc16-arc' || check === 'crc16-kermit' || check === 'crc16-x25' || check === 'crc32'
    ? 'little'
    : 'big'
}

/** The check of bytes in [start, end) as an unsigned number; 0 for `none`. */
export function computeCheck(check: Check, bytes: Uint8Array, start = 0, end = bytes.length): number {
  switch (check) {
    case 'none':
      return 0
    case 'crc16-modbus':
      return reflected16(TABLE_A001, bytes, start, end, 0xffff)
    case 'crc16-arc':
      return reflected16(TABLE_A001, bytes, start, end, 0)
    case 'crc16-kermit':
      return reflected16(TABLE_8408, bytes, start, end, 0)
    case 'crc16-x25':
      return reflected16(TABLE_8408, bytes, start, end, 0xffff) ^ 0xffff
    case 'crc16-ccitt':
      return straight16(bytes, start, end, 0xffff)
    case 'crc16-xmodem':
      return straight16(bytes, start, end, 0)
    case 'crc32':
      return crc32(bytes, start, end)
    case 'sum8':
      return sum(bytes, start, end) & 0xff
    case 'sum8-negated':
      return -sum(bytes, start, end) & 0xff
    case 'sum16':
      return sum(bytes, start, end) & 0xffff
    case 'xor8':
      return xor(bytes, start, end)
  }
}

/** The check's bytes as they are sent. */
export function checkBytes(check: Check, order: 'big' | 'little', bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  const size = checkSize(check)
  let value = computeCheck(check, bytes, start, end)
  const out = new Uint8Array(size)
  for (let i = 0; i < size; i++) {
    out[order === 'little' ? i : size - 1 - i] = value & 0xff
    value >>>= 8
  }
  return out
}

/** Whether the check at `at` fits the bytes in [start, end). */
export function verifyCheck(check: Check, order: 'big' | 'little', bytes: Uint8Array, start: number, end: number, at: number): boolean {
  const wanted = checkBytes(check, order, bytes, start, end)
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}

const TABLE_A001 = reflectedTable(0xa001)
const TABLE_8408 = reflectedTable(0x8408)
const TABLE_1021 = straightTable(0x1021)
const TABLE_32 = reflectedTable(0xedb88320)

function reflectedTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    return value
  })
}

function straightTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index << 8
    for (let bit = 0; bit < 8; bit++) value = (value & 0x8000 ? (value << 1) ^ polynomial : value << 1) & 0xffff
    return value
  })
}

function reflected16(table: Uint32Array, bytes: Uint8Array, start: number, end: number, seed: number): number {
  let value = seed
  for (let i = start; i < end; i++) value = (value >>> 8) ^ table[(value ^ bytes[i]!) & 0xff]!
  return value
}

function straight16(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let value = seed
  for (let i = start; i < end; i++) value = ((value << 8) & 0xffff) ^ TABLE_1021[((value >>> 8) ^ bytes[i]!) & 0xff]!
  return value
}

function crc32(bytes: Uint8Array, start: number, end: number): number {
  let value = 0xffffffff
  for (let i = start; i < end; i++) value = (value >>> 8) ^ TABLE_32[(value ^ bytes[i]!) & 0xff]!
  return (value ^ 0xffffffff) >>> 0
}

function sum(bytes: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let i = start; i < end; i++) value += bytes[i]!
  return value
}

function xor(bytes: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let i = start; i < end; i++) value ^= bytes[i]!
  return value
}
