/** Finding the answer to a request among the bytes of a line. */

import { hasRtuCheck, RTU_BYTES_MAX } from './adu.ts'
import type { ModbusRequest } from './pdu.ts'
import { FUNCTION, functionOf } from './pdu.ts'
import { EXCEPTION_LENGTH, responseLength } from './response.ts'

/** What the bytes hold so far. `end` is how many of them are spent. */
export type RtuScan =
  /** A frame that answers: of the unit asked, with the function asked and the length that the request implies. */
  | { found: 'answer'; start: number; end: number }
  /** A whole frame that is none: the late answer of another unit, or to another question. */
  | { found: 'stray'; start: number; end: number }
  /** Nothing yet; it may come. */
  | { found: 'nothing' }

/**
 * Looks for the answer to `request` of `unit` in bytes [0, length). Noise before it is passed over: a frame counts
 * only where unit, function, length and CRC all fit. `final`: no more bytes follow; before that, what begins like the
 * answer is waited for and not searched for other frames.
 */
export function scanRtu(unit: number, request: ModbusRequest, bytes: Uint8Array, length: number, final = false): RtuScan {
  const code = functionOf(request)
  for (let start = 0; start + 5 <= length; start++) {
    const end = bytes[start] === unit ? answerEnd(code, request, bytes, start) : undefined
    if (end !== undefined) {
      if (end > length && !final) return { found: 'nothing' }
      if (end <= length && hasRtuCheck(bytes, start, end)) return { found: 'answer', start, end }
    }
    const stray = strayEnd(bytes, start, length)
    if (stray !== undefined) return { found: 'stray', start, end: stray }
  }
  return { found: 'nothing' }
}

/** Where an answer of the unit asked would end if one began at `start`, or undefined if none does. */
function answerEnd(code: number, request: ModbusRequest, bytes: Uint8Array, start: number): number | undefined {
  if (bytes[start + 1] === (code | 0x80)) return start + 1 + EXCEPTION_LENGTH + 2
  if (bytes[start + 1] !== code) return undefined
  const pduLength = responseLength(request)
  // A read says how much it brings: another length is an answer to something else.
  if (request.kind.startsWith('read') && bytes[start + 2] !== pduLength - 2) return undefined
  return start + 1 + pduLength + 2
}

/** The end of any whole response that begins at `start`, judged by its own length. */
function strayEnd(bytes: Uint8Array, start: number, length: number): number | undefined {
  const code = bytes[start + 1]!
  const pduLength = code & 0x80 ? EXCEPTION_LENGTH : ownLength(code, bytes[start + 2]!)
  if (pduLength === undefined) return undefined
  const end = start + 1 + pduLength + 2
  return end <= length && end - start <= RTU_BYTES_MAX && hasRtuCheck(bytes, start, end) ? end : undefined
}

function ownLength(code: number, third: number): number | undefined {
  switch (code) {
    case FUNCTION.readCoils:
    case FUNCTION.readDiscreteInputs:
    case FUNCTION.readHoldingRegisters:
    case FUNCTION.readInputRegisters:
    case FUNCTION.readWriteMultipleRegisters:
      return third === 0 ? undefined : 2 + third
    case FUNCTION.writeSingleCoil:
    case FUNCTION.writeSingleRegister:
    case FUNCTION.writeMultipleCoils:
    case FUNCTION.writeMultipleRegisters:
      return 5
    case FUNCTION.maskWriteRegister:
      return 7
    default:
      return undefined
  }
}
