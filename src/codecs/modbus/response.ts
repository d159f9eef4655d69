import { GatewayError } from '#base/errors.ts'
import { exceptionText } from './exceptions.ts'
import { functionOf, type ModbusRequest } from './pdu.ts'

/** Bytes of the PDU with which a request is answered, unless by an exception (2 bytes). */
export function responseLength(request: ModbusRequest): number {
  switch (request.kind) {
    case 'read-bits':
      return 2 + ((request.count + 7) >> 3)
    case 'read-registers':
    case 'read-write-registers':
      return 2 + request.count * 2
    case 'mask-register':
      return 7
    default:
      return 5
  }
}

/** Bytes of an exception's PDU. */
export const EXCEPTION_LENGTH = 2

/**
 * What a response says to its request: packed bits, registers in their bytes, or nothing for a write.
 * @throws GatewayError `decode-malformed` if it is no answer to this request, `refused` for an exception, whose code is `reason`
 */
export function decodeResponse(request: ModbusRequest, pdu: Uint8Array): Uint8Array {
  const code = functionOf(request)
  if (pdu[0] === (code | 0x80)) {
    if (pdu.length !== EXCEPTION_LENGTH) throw malformed('an exception has one code', 2)
    throw new GatewayError('refused', exceptionText(pdu[1]!), { reason: pdu[1]! })
  }
  if (pdu[0] !== code) throw malformed(`function ${pdu[0] ?? 'missing'} answers function ${code}`, 0)
  if (pdu.length !== responseLength(request))
    throw malformed(`${pdu.length} bytes where ${responseLength(request)} are expected`, pdu.length)
  switch (request.kind) {
    case 'read-bits':
    case 'read-registers':
    case 'read-write-registers':
      if (pdu[1] !== pdu.length - 2) throw malformed('the byte count does not fit the request', 1)
      return pdu.slice(2)
    case 'write-coil':
      echoes(pdu, [request.address, request.value ? 0xff00 : 0])
      break
    case 'write-register':
      echoes(pdu, [request.address, request.value])
      break
    case 'write-coils':
      echoes(pdu, [request.address, request.values.length])
      break
    case 'write-registers':
      echoes(pdu, [request.address, request.bytes.length / 2])
      break
    case 'mask-register':
      echoes(pdu, [request.address, request.and, request.or])
  }
  return new Uint8Array(0)
}

/** The PDU that answers a request with bits or registers, or confirms a write. */
export function encodeResponse(request: ModbusRequest, bytes: Uint8Array): Uint8Array {
  const code = functionOf(request)
  switch (request.kind) {
    case 'read-bits':
    case 'read-registers':
    case 'read-write-registers':
      return Buffer.concat([Uint8Array.of(code, bytes.length), bytes])
    case 'write-coil':
      return words(code, [request.address, request.value ? 0xff00 : 0])
    case 'write-register':
      return words(code, [request.address, request.value])
    case 'write-coils':
      return words(code, [request.address, request.values.length])
    case 'write-registers':
      return words(code, [request.address, request.bytes.length / 2])
    case 'mask-register':
      return words(code, [request.address, request.and, request.or])
  }
}

/** The PDU that refuses a request. */
export function encodeException(code: number, exception: number): Uint8Array {
  return Uint8Array.of(code | 0x80, exception)
}

function words(code: number, values: readonly number[]): Uint8Array {
  return Uint8Array.from([code, ...values.flatMap(value => [value >> 8, value & 0xff])])
}

function echoes(pdu: Uint8Array, values: readonly number[]): void {
  for (const [index, value] of values.entries()) {
    const offset = 1 + index * 2
    if (((pdu[offset]! << 8) | pdu[offset + 1]!) !== value) throw malformed('the answer names another write', offset)
  }
}

function malformed(message: string, offset: number): GatewayError {
  return new GatewayError('decode-malformed', message, { offset })
}
