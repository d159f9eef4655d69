/** Recognises who came to the wrong port, by the first bytes, and says so in the stranger's own protocol. */

import type { OpeningFault } from './opening-faults.ts'

export interface Stranger {
  readonly fault: OpeningFault
  readonly answer: Uint8Array
}

const HANDSHAKE_RECORD = 0x16
/** Text instead of an alert: clients then say that this is not TLS, and not that they found no common cipher. */
const TLS_STRANGER: Stranger = { fault: 'stranger-tls', answer: Buffer.from('This port speaks no TLS.\n') }
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
