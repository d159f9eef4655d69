/** A Modbus device in memory: what simulators and tests answer with. */
import { isGatewayError } from '#base/errors.ts'
import { type ModbusRequest, type ModbusTable, packBits } from './pdu.ts'
import { decodeRequest } from './request.ts'
import { encodeException, encodeResponse } from './response.ts'

/** What the device has: registers and bits by table and address; undefined: no such address. */
export interface ModbusMemory {
  read(table: ModbusTable, address: number): number | undefined
  /** False: it cannot be written. */
  write(table: 'coil' | 'holding', address: number, value: number): boolean
}

const ILLEGAL_ADDRESS = 2

class Refusal {
  readonly code: number

  constructor(code: number) {
    this.code = code
  }
}

/** The PDU that answers a request's PDU: a response or an exception. */
export function answerRequest(memory: ModbusMemory, pdu: Uint8Array): Uint8Array {
  let request: ModbusRequest
  try {
    request = decodeRequest(pdu)
  } catch (error) {
    if (!isGatewayError(error)) throw error
    return encodeException(pdu[0] ?? 0, error.reason ?? 3)
  }
  const outcome = perform(memory, request)
  return outcome instanceof Refusal ? encodeException(pdu[0]!, outcome.code) : encodeResponse(request, outcome)
}

const NOTHING = new Uint8Array(0)

function perform(memory: ModbusMemory, request: ModbusRequest): Uint8Array | Refusal {
  const { address } = request
  switch (request.kind) {
    case 'read-bits': {
      const values = readAll(memory, request.table, address, request.count)
      return values === undefined ? new Refusal(ILLEGAL_ADDRESS) : packBits(values.map(value => value !== 0))
    }
    case 'read-registers': {
      const values = readAll(memory, request.table, address, request.count)
      return values === undefined ? new Refusal(ILLEGAL_ADDRESS) : registers(values)
    }
    case 'write-coil':
      return writeAll(memory, 'coil', address, [request.value ? 1 : 0])
    case 'write-register':
      return writeAll(memory, 'holding', address, [request.value])
    case 'write-coils':
      return writeAll(memory, 'coil', address, request.values.map(Number))
    case 'write-registers':
      return writeAll(memory, 'holding', address, wordsOf(request.bytes))
    case 'mask-register': {
      const value = memory.read('holding', address)
      if (value === undefined) return new Refusal(ILLEGAL_ADDRESS)
      return writeAll(memory, 'holding', address, [(value & request.and) | (request.or & ~request.and & 0xffff)])
    }
    case 'read-write-registers': {
      const written = writeAll(memory, 'holding', request.writeAddress, wordsOf(request.bytes))
      if (written instanceof Refusal) return written
      const values = readAll(memory, 'holding', address, request.count)
      return values === undefined ? new Refusal(ILLEGAL_ADDRESS) : registers(values)
    }
  }
}

function readAll(memory: ModbusMemory, table: ModbusTable, address: number, count: number): number[] | undefined {
  const values: number[] = []
  for (let i = 0; i < count; i++) {
    const value = address + i > 0xffff ? undefined : memory.read(table, address + i)
    if (value === undefined) return undefined
    values.push(value)
  }
  return values
}

function writeAll(memory: ModbusMemory, table: 'coil' | 'holding', address: number, values: readonly number[]): Uint8Array | Refusal {
  for (const [index, value] of values.entries()) if (!memory.write(table, address + index, value)) return new Refusal(ILLEGAL_ADDRESS)
  return NOTHING
}

function registers(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap(value => [(value >> 8) & 0xff, value & 0xff]))
}

function wordsOf(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.length / 2 }, (_, index) => (bytes[index * 2]! << 8) | bytes[index * 2 + 1]!)
}
