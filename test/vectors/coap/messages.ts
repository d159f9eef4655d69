/** CoAP messages in bytes and in values: from RFC 7252 Appendix A, RFC 7641 and 7959 examples, and captured from libcoap 4.3.1 and node-coap 1.5. */
import type { CoapFault } from '#codecs/coap/index.ts'

export interface MessageVector {
  name: string
  hex: string
  type: 0 | 1 | 2 | 3
  code: string
  messageId: number
  token: string
  /** Number and value in hex. */
  options: [number, string][]
  payload: string
}

const hex = (text: string) => Buffer.from(text).toString('hex')

export const MESSAGES: MessageVector[] = [
  {
    name: 'RFC 7252 figure 16: Confirmable GET',
    hex: `40017d34bb${hex('temperature')}`,
    type: 0,
    code: '0.01',
    messageId: 0x7d34,
    token: '',
    options: [[11, hex('temperature')]],
    payload: '',
  },
  {
    name: 'RFC 7252 figure 16: piggybacked response',
    hex: `60457d34ff${hex('22.3 C')}`,
    type: 2,
    code: '2.05',
    messageId: 0x7d34,
    token: '',
    options: [],
    payload: '22.3 C',
  },
  {
    name: 'RFC 7252 figure 17: GET with a token',
    hex: `41017d3520bb${hex('temperature')}`,
    type: 0,
    code: '0.01',
    messageId: 0x7d35,
    token: '20',
    options: [[11, hex('temperature')]],
    payload: '',
  },
  { name: 'empty ACK', hex: '60007d38', type: 2, code: '0.00', messageId: 0x7d38, token: '', options: [], payload: '' },
  { name: 'RST', hex: '70007d38', type: 3, code: '0.00', messageId: 0x7d38, token: '', options: [], payload: '' },
  { name: 'ping', hex: '4000ffff', type: 0, code: '0.00', messageId: 0xffff, token: '', options: [], payload: '' },
  {
    name: 'RFC 7641 figure 2: notification with Observe and Max-Age',
    hex: `514516344a6112818dff${hex('22.9 Cel')}`,
    type: 1,
    code: '2.05',
    messageId: 0x1634,
    token: '4a',
    options: [
      [6, '12'],
      [14, '8d'],
    ],
    payload: '22.9 Cel',
  },
  {
    name: 'node-coap: observe registration with an 8-byte token',
    hex: '4801b0bcd15684845cc5693e60527073046c697665',
    type: 0,
    code: '0.01',
    messageId: 0xb0bc,
    token: 'd15684845cc5693e',
    options: [
      [6, ''],
      [11, hex('ps')],
      [11, hex('live')],
    ],
    payload: '',
  },
  {
    name: 'node-coap: last block of an upload, with a query',
    hex: `4803039bfa7f5ea094a630fab27073036269674872657461696e3d31c1a5ff${hex('abc')}`,
    type: 0,
    code: '0.03',
    messageId: 0x039b,
    token: 'fa7f5ea094a630fa',
    options: [
      [11, hex('ps')],
      [11, hex('big')],
      [15, hex('retain=1')],
      [27, 'a5'],
    ],
    payload: 'abc',
  },
  {
    name: 'option deltas and lengths of 13 and more, and of 269 and more',
    // Uri-Path of 13 bytes (delta 11, length 13+0), of 300 (length 269+31), Size1 60 (delta 49), No-Response 258, option 2048 + value.
    hex: `40010001bd00${hex('x'.repeat(13))}0e001f${hex('y'.repeat(300))}d12401d1b91ae105f1ab`,
    type: 0,
    code: '0.01',
    messageId: 1,
    token: '',
    options: [
      [11, hex('x'.repeat(13))],
      [11, hex('y'.repeat(300))],
      [60, '01'],
      [258, '1a'],
      [2048, 'ab'],
    ],
    payload: '',
  },
]

/** Malformed datagrams with what is wrong and where. */
export const MALFORMED: [name: string, hex: string, reason: CoapFault, offset: number][] = [
  ['token length 9', '4901000101020304050607080900', 'token-length', 0],
  ['token length 15', '4f010001', 'token-length', 0],
  ['token cut off', '440100010102', 'token-truncated', 6],
  ['option value cut off', '40010001b47073', 'option-truncated', 4],
  ['extended delta missing', '40010001d0', 'option-truncated', 4],
  ['second byte of an extended delta missing', '40010001e001', 'option-truncated', 4],
  ['extended length missing', '400100010d', 'option-truncated', 4],
  ['delta 15 that is no payload marker', '40010001f0', 'option-reserved', 4],
  ['length 15', '400100010f', 'option-reserved', 4],
  ['option number above 65535', '40010001e0ffffe0ffff', 'option-number', 4],
  ['payload marker without payload', '40010001ff', 'payload-missing', 4],
  ['payload marker without payload after an option', '40010001b170ff', 'payload-missing', 6],
  ['class 1', '40200001', 'code-reserved', 1],
  ['class 3', '40600001', 'code-reserved', 1],
  ['class 6', '40c00001', 'code-reserved', 1],
  ['class 7 (signalling)', '40e10001', 'code-reserved', 1],
  ['Empty with a token', '4100000101', 'empty-with-content', 4],
  ['Empty with bytes after the message id', '4000000100', 'empty-with-content', 4],
  ['RST with a code', '70450001', 'type-reserved', 0],
  ['ACK with a request', '60010001', 'type-reserved', 0],
]
