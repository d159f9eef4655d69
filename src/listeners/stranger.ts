/** Recognises who came to the wrong port, by the first bytes, and says so in the stranger's own protocol. */

import type { OpeningFault } from './opening-faults.ts'

export interface Stranger {
  readonly fault: OpeningFault
  readonly answer: Uint8Array
}

const HANDSHAKE_RECORD = 0x16
/** A fatal alert `handshake_failure` (`RFC 8446 §6.2`): the client says that the server refused, not that it broke. */
const TLS_STRANGER: Stranger = { fault: 'stranger-tls', answer: Uint8Array.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28) }
const HTTP_STRANGER: Stranger = {
  fault: 'stranger-http',
  answer: Buffer.from(
    'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n' +
      'This port speaks neither HTTP nor WebSocket. MQTT over WebSocket needs a listener with transport = "ws" or "wss".\n',
  ),
}
const REQUEST_LINE = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PRI) \S/

/** Undefined for anybody else. */
export function recogniseStranger(first: Buffer): Stranger | undefined {
  const byte = first[0]
  if (byte === HANDSHAKE_RECORD) return first.length < 2 || first[1] === 3 ? TLS_STRANGER : undefined
  // Requests begin with a capital letter; MQTT with 0x10.
  if (byte < 0x41 || byte > 0x5a) return undefined
  return REQUEST_LINE.test(first.toString('latin1', 0, 12)) ? HTTP_STRANGER : undefined
}
