/** Values in bytes: Modbus registers and binary frames alike. */
import { GatewayError } from '#base/errors.ts'

export const BINARY_TYPES = [
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int24',
  'uint24',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float32',
  'float64',
  'bcd16',
  'bcd32',
  'string',
  'hex',
] as const
export type BinaryType = (typeof BINARY_TYPES)[number]

/**
 * The order of a value's bytes on the line; A is the most significant of four. ABCD: big-endian; DCBA: little-endian; BADC: bytes swapped
 * in each register; CDAB: registers swapped. Values of two bytes know only AB and BA, those of eight follow the same four patterns.
 */
export const BYTE_ORDERS = ['ABCD', 'DCBA', 'BADC', 'CDAB'] as const
export type ByteOrder = (typeof BYTE_ORDERS)[number]

const SIZES: Readonly<Record<Exclude<BinaryType, 'string' | 'hex'>, number>> = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int24: 3,
  uint24: 3,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float32: 4,
  float64: 8,
  bcd16: 2,
  bcd32: 4,
}

/** Bytes of a value of a type; of text what `length` says. */
export function binarySize(type: BinaryType, length = 1): number {
  return type === 'string' || type === 'hex' ? length : SIZES[type]
}

/** Whether a word names a type of values in bytes. */
export function isBinaryType(type: string): type is BinaryType {
  return (BINARY_TYPES as readonly string[]).includes(type)
}

/**
 * The value at the start of `bytes`, which has just its bytes. 64-bit integers that a double cannot hold are bigints; a
 * float that is no number and a BCD with a digit above 9 are undefined. Text ends at its first NUL and loses spaces at its end.
 */
export function decodeBinary(type: BinaryType, order: ByteOrder, bytes: Uint8Array): number | bigint | string | undefined {
  const view = Buffer.from(arrange(type, order, bytes))
  switch (type) {
    case 'int8':
    case 'int16':
    case 'int24':
    case 'int32':
      return view.readIntBE(0, view.length)
    case 'uint8':
    case 'uint16':
    case 'uint24':
    case 'uint32':
      return view.readUIntBE(0, view.length)
    case 'int64':
      return small(view.readBigInt64BE())
    case 'uint64':
      return small(view.readBigUInt64BE())
    case 'float32':
      return finite(shortest(view.readFloatBE()))
    case 'float64':
      return finite(view.readDoubleBE())
    case 'bcd16':
    case 'bcd32': {
      const digits = view.toString('hex')
      return /^\d+$/.test(digits) ? Number(digits) : undefined
    }
    case 'string': {
      const text = view.toString('latin1')
      const end = text.indexOf('\0')
      return (end < 0 ? text : text.slice(0, end)).trimEnd()
    }
    case 'hex':
      return view.toString('hex')
  }
}

/**
 * The bytes of a value; text is filled up with NULs to `length`.
 * @throws GatewayError `encode-range` if the type does not hold it
 */
export function encodeBinary(type: BinaryType, order: ByteOrder, value: number | bigint | string, length = 1): Uint8Array {
  const view = Buffer.alloc(binarySize(type, length))
  try {
    fill(view, type, value)
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw new GatewayError('encode-range', `${value} does not fit ${type}`, { cause })
  }
  return arrange(type, order, view)
}

function fill(view: Buffer, type: BinaryType, value: number | bigint | string): void {
  const unfit = () => new GatewayError('encode-range', `${JSON.stringify(String(value))} does not fit ${type}`)
  switch (type) {
    case 'string':
    case 'hex': {
      const bytes = Buffer.from(String(value), type === 'hex' ? 'hex' : 'latin1')
      if (bytes.length > view.length) throw unfit()
      view.set(bytes)
      return
    }
    case 'bcd16':
    case 'bcd32': {
      const digits = String(value).padStart(view.length * 2, '0')
      if (!/^\d+$/.test(digits) || digits.length > view.length * 2) throw unfit()
      view.set(Buffer.from(digits, 'hex'))
      return
    }
    case 'float32':
      if (!Number.isFinite(Math.fround(Number(value)))) throw unfit()
      view.writeFloatBE(Number(value))
      return
    case 'float64':
      if (!Number.isFinite(Number(value))) throw unfit()
      view.writeDoubleBE(Number(value))
      return
    case 'int64':
      view.writeBigInt64BE(whole(value, unfit))
      return
    case 'uint64':
      view.writeBigUInt64BE(whole(value, unfit))
      return
    default: {
      const number = Number(whole(value, unfit))
      if (type.startsWith('u')) view.writeUIntBE(number, 0, view.length)
      else view.writeIntBE(number, 0, view.length)
    }
  }
}

function whole(value: number | bigint | string, unfit: () => GatewayError): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'string' || !Number.isInteger(value)) throw unfit()
  return BigInt(value)
}

/** The shortest decimal that is the same single-precision number: 230.1, not 230.10000610351562. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits))
    if (Math.fround(candidate) === value) return candidate
  }
  return value
}

function small(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}

/** Bytes to big-endian and back: each order is its own inverse. */
function arrange(type: BinaryType, order: ByteOrder, bytes: Uint8Array): Uint8Array {
  if (order === 'ABCD') return bytes
  const out = bytes.slice()
  if (type === 'string' || type === 'hex') {
    if (order === 'BADC' || order === 'DCBA') swapPairs(out)
    return out
  }
  if (order === 'DCBA') return out.reverse()
  // Three bytes fill no registers.
  if (out.length % 2 !== 0) return out
  if (order === 'BADC') return swapPairs(out)
  // CDAB leaves a single register as it is.
  if (out.length > 2) swapPairs(out.reverse())
  return out
}

function swapPairs(bytes: Uint8Array): Uint8Array {
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    const first = bytes[i]!
    bytes[i] = bytes[i + 1]!
    bytes[i + 1] = first
  }
  return bytes
}
