/** Requests and responses of Modbus (Modbus Application Protocol 1.1b3) without their addressing and check. */

/** Registers and bits that one request can ask for or write (§6.1–6.12). */
export const READ_BITS_MAX = 2000
export const READ_REGISTERS_MAX = 125
export const WRITE_BITS_MAX = 1968
export const WRITE_REGISTERS_MAX = 123
export const READ_WRITE_REGISTERS_MAX = 121

export const FUNCTION = {
  readCoils: 1,
  readDiscreteInputs: 2,
  readHoldingRegisters: 3,
  readInputRegisters: 4,
  writeSingleCoil: 5,
  writeSingleRegister: 6,
  writeMultipleCoils: 15,
  writeMultipleRegisters: 16,
  maskWriteRegister: 22,
  readWriteMultipleRegisters: 23,
} as const

/** The four tables of a device (§4.3). */
export type ModbusTable = 'coil' | 'discrete' | 'holding' | 'input'

export type ModbusRequest =
  | { kind: 'read-bits'; table: 'coil' | 'discrete'; address: number; count: number }
  | { kind: 'read-registers'; table: 'holding' | 'input'; address: number; count: number }
  | { kind: 'write-coil'; address: number; value: boolean }
  | { kind: 'write-register'; address: number; value: number }
  | { kind: 'write-coils'; address: number; values: readonly boolean[] }
  | { kind: 'write-registers'; address: number; bytes: Uint8Array }
  | { kind: 'mask-register'; address: number; and: number; or: number }
  | { kind: 'read-write-registers'; address: number; count: number; writeAddress: number; bytes: Uint8Array }

/** The function code of a request. */
export function functionOf(request: ModbusRequest): number {
  switch (request.kind) {
    case 'read-bits':
      return request.table === 'coil' ? FUNCTION.readCoils : FUNCTION.readDiscreteInputs
    case 'read-registers':
      return request.table === 'holding' ? FUNCTION.readHoldingRegisters : FUNCTION.readInputRegisters
    case 'write-coil':
      return FUNCTION.writeSingleCoil
    case 'write-register':
      return FUNCTION.writeSingleRegister
    case 'write-coils':
      return FUNCTION.writeMultipleCoils
    case 'write-registers':
      return FUNCTION.writeMultipleRegisters
    case 'mask-register':
      return FUNCTION.maskWriteRegister
    case 'read-write-registers':
      return FUNCTION.readWriteMultipleRegisters
  }
}

/** Bit `index` of packed bits, the first in the lowest bit of the first byte (§6.1). */
export function bitAt(bytes: Uint8Array, index: number): boolean {
  return ((bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
}

/** Bits packed as a response carries them; unused bits are 0. */
export function packBits(values: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array((values.length + 7) >> 3)
  for (const [index, value] of values.entries()) if (value) bytes[index >> 3]! |= 1 << (index & 7)
  return bytes
}
