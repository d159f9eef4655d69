/** The two errors of this codec: bytes that break the specification, and values that do not fit it. */

import { GatewayError } from '#base/errors.ts'
import { REASON_CODES } from './reason-codes.ts'

/** Throws 0x81: the packet cannot be parsed as the specification describes it (MQTT 5 §1.2, "Malformed Packet"). `offset` counts from the packet's first byte. */
export function malformed(message: string, offset: number): never {
  return fault(REASON_CODES.malformedPacket, message, offset)
}

/** Throws 0x82: the packet parses, but holds what the protocol does not allow (MQTT 5 §1.2, "Protocol Error"). */
export function protocolError(message: string, offset: number): never {
  return fault(REASON_CODES.protocolError, message, offset)
}

/** Throws a decode error with any reason code. */
export function fault(reason: number, message: string, offset: number): never {
  throw new GatewayError('decode-malformed', message, { reason, offset })
}

/** Throws `encode-range`: a value has no encoding. */
export function unencodable(message: string): never {
  throw new GatewayError('encode-range', message)
}
