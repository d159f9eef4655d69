import { GatewayError } from '#base/errors.ts'
import {
  bitAt,
  FUNCTION,
  functionOf,
  type ModbusRequest,
  packBits,
  READ_BITS_MAX,
  READ_REGISTERS_MAX,
  READ_WRITE_REGISTERS_MAX,
  WRITE_BITS_MAX,
  WRITE_REGISTERS_MAX,
} from './pdu.ts'

/**
 * The PDU of a request.
 * @throws GatewayError `encode-range` for an address or count that the protocol does not have
 */
export function encodeRequest(request: ModbusRequest): Uint8Array {
  const code = functionOf(request)
  switch (request.kind) {
    case 'read-bits':
      return head(code, request.address, checkedCount(request.address, request.count, READ_BITS_MAX))
    case 'read-registers':
      return head(code, request.address, checkedCount(request.address, request.count, READ_REGISTERS_MAX))
    case 'write-coil':
      return head(code, request.address, request.value ? 0xff00 : 0)
    case 'write-register':
      return head(code, request.address, request.value)
    case 'write-coils': {
      const { address, values } = request
      const bytes = packBits(values)
      return Buffer.concat([head(code, address, checkedCount(address, values.length, WRITE_BITS_MAX)), Uint8Array.of(bytes.length), bytes])
    }
    case 'write-registers': {
      const { address, bytes } = request
      const count = checkedCount(address, bytes.length / 2, WRITE_REGISTERS_MAX)
      return Buffer.concat([head(code, address, count), Uint8Array.of(bytes.length), bytes])
    }
    case 'mask-register':
      return Buffer.concat([head(code, request.address, request.and), word(request.or)])
    case 'read-write-registers': {
      const { address, count, writeAddress, bytes } = request
      const write = head(0, writeAddress, checkedCount(writeAddress, bytes.length / 2, READ_WRITE_REGISTERS_MAX)).subarray(1)
      const read = head(code, address, checkedCount(address, count, READ_REGISTERS_MAX))
      return Buffer.concat([read, write, Uint8Array.of(bytes.length), bytes])
    }
  }
}

/**
 * The request that a PDU is, as a server reads it.
 * @throws GatewayError `decode-malformed`, `decode-unsupported` for a function that is not known here
 */
export function decodeRequest(pdu: Uint8Array): ModbusRequest {
  const code = pdu[0]
  switch (code) {
    case FUNCTION.readCoils:
    case FUNCTION.readDiscreteInputs: {
      exact(pdu, 5)
      const table = code === FUNCTION.readCoils ? 'coil' : 'discrete'
      return { kind: 'read-bits', table, address: at(pdu, 1), count: count(pdu, 3, READ_BITS_MAX) }
    }
    case FUNCTION.readHoldingRegisters:
    case FUNCTION.readInputRegisters: {
      exact(pdu, 5)
      const table = code === FUNCTION.readHoldingRegisters ? 'holding' : 'input'
      return { kind: 'read-registers', table, address: at(pdu, 1), count: count(pdu, 3, READ_REGISTERS_MAX) }
    }
    case FUNCTION.writeSingleCoil: {
      exact(pdu, 5)
      const value = at(pdu, 3)
      if (value !== 0 && value !== 0xff00) throw malformed('a coil is set to 0x0000 or 0xFF00', 3)
      return { kind: 'write-coil', address: at(pdu, 1), value: value !== 0 }
    }
    case FUNCTION.writeSingleRegister:
      exact(pdu, 5)
      return { kind: 'write-register', address: at(pdu, 1), value: at(pdu, 3) }
    case FUNCTION.writeMultipleCoils: {
      const values = count(pdu, 3, WRITE_BITS_MAX)
      const bytes = counted(pdu, 5, (values + 7) >> 3)
      return { kind: 'write-coils', address: at(pdu, 1), values: Array.from({ length: values }, (_, index) => bitAt(bytes, index)) }
    }
    case FUNCTION.writeMultipleRegisters: {
      const bytes = counted(pdu, 5, count(pdu, 3, WRITE_REGISTERS_MAX) * 2)
      return { kind: 'write-registers', address: at(pdu, 1), bytes }
    }
    case FUNCTION.maskWriteRegister:
      exact(pdu, 7)
      return { kind: 'mask-register', address: at(pdu, 1), and: at(pdu, 3), or: at(pdu, 5) }
    case FUNCTION.readWriteMultipleRegisters: {
      const bytes = counted(pdu, 9, count(pdu, 7, READ_WRITE_REGISTERS_MAX) * 2)
      const read = count(pdu, 3, READ_REGISTERS_MAX)
      return { kind: 'read-write-registers', address: at(pdu, 1), count: read, writeAddress: at(pdu, 5), bytes }
    }
    default:
      throw new GatewayError('decode-unsupported', `function ${code ?? 'missing'}`, { offset: 0, reason: 1 })
  }
}

function head(code: number, address: number, value: number): Uint8Array {
  if (!isWord(address)) throw new GatewayError('encode-range', `address ${address} is not from 0 to 65535`)
  if (!isWord(value)) throw new GatewayError('encode-range', `${value} is not from 0 to 65535`)
  return Uint8Array.of(code, address >> 8, address & 0xff, value >> 8, value & 0xff)
}

function word(value: number): Uint8Array {
  if (!isWord(value)) throw new GatewayError('encode-range', `${value} is not from 0 to 65535`)
  return Uint8Array.of(value >> 8, value & 0xff)
}

function isWord(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff
}

function checkedCount(address: number, value: number, max: number): number {
  if (!Number.isInteger(value) || value < 1 || value > max || address + value > 0x10000) {
    throw new GatewayError('encode-range', `${value} from address ${address} on is not possible in one request (1 to ${max})`)
  }
  return value
}

function at(pdu: Uint8Array, offset: number): number {
  if (offset + 2 > pdu.length) throw malformed('truncated', pdu.length)
  return (pdu[offset]! << 8) | pdu[offset + 1]!
}

function count(pdu: Uint8Array, offset: number, max: number): number {
  const value = at(pdu, offset)
  if (value < 1 || value > max) throw malformed(`a count of ${value}`, offset)
  return value
}

function counted(pdu: Uint8Array, offset: number, length: number): Uint8Array {
  if (pdu[offset] !== length) throw malformed('the byte count does not fit the quantity', offset)
  exact(pdu, offset + 1 + length)
  return pdu.slice(offset + 1)
}

function exact(pdu: Uint8Array, length: number): void {
  if (pdu.length !== length) throw malformed(`${pdu.length} bytes where ${length} are expected`, Math.min(pdu.length, length))
}

function malformed(message: string, offset: number): GatewayError {
  return new GatewayError('decode-malformed', message, { offset, reason: 3 })
}
