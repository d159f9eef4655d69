import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import { applyMask, closePayload, encodeFrame, headerLength, OPCODES, putHeader, WebSocketReader } from '#codecs/websocket/index.ts'
import { Random } from '../../support/random.ts'

const KEY = 0x37fa213d
const FRAME_MAX = 1 << 20

/** A frame with any header. */
function raw(
  first: number,
  payload: Uint8Array | string = '',
  { masked = true, length }: { masked?: boolean; length?: number[] } = {},
): Buffer {
  const bytes = Buffer.from(payload as string)
  const lengths = length ?? [bytes.length]
  const header = [first, (masked ? 0x80 : 0) | lengths[0], ...lengths.slice(1)]
  const key = masked ? [0x37, 0xfa, 0x21, 0x3d] : []
  const body = Buffer.from(bytes)
  if (masked) applyMask(body, 0, body.length, 0, KEY)
  return Buffer.concat([Buffer.from([...header, ...key]), body])
}

interface Seen {
  data: string
  pings: string[]
  close: [number | undefined, string] | undefined
  /** The code to close with. */
  fault: number | undefined
}

/** What becomes of a stream that comes in pieces of this size. */
function read(stream: Buffer, size = stream.length, masked = true): Seen {
  const reader = new WebSocketReader(masked, FRAME_MAX)
  const seen: Seen = { data: '', pings: [], close: undefined, fault: undefined }
  const events = {
    data: (bytes: Buffer) => (seen.data += bytes.toString('latin1')),
    ping: (payload: Buffer) => seen.pings.push(String(payload)),
    close: (code: number | undefined, reason: string) => (seen.close = [code, reason]),
  }
  try {
    for (let at = 0; at < stream.length; at += size) reader.read(Buffer.from(stream.subarray(at, at + size)), events as never)
  } catch (error) {
    if (!isGatewayError(error, 'decode-malformed')) throw error
    seen.fault = error.reason
  }
  return seen
}

const nothing: Seen = { data: '', pings: [], close: undefined, fault: undefined }
const FIN = 0x80
const { binary, text, continuation, ping, pong, close } = OPCODES
const code = (number: number, reason = '') => closePayload(number, reason)

/** The numbers are those of the cases of the same kind in the Autobahn suite. */
const CASES: [name: string, stream: Buffer[], seen: Partial<Seen>][] = [
  ['1.2.1 an empty message', [raw(FIN | binary)], {}],
  ['1.2.2 125 bytes', [raw(FIN | binary, 'x'.repeat(125))], { data: 'x'.repeat(125) }],
  ['1.2.3 126 bytes', [raw(FIN | binary, 'x'.repeat(126), { length: [126, 0, 126] })], { data: 'x'.repeat(126) }],
  ['1.2.6 65535 bytes', [encodeFrame(binary, Buffer.alloc(65_535, 'y'), KEY)], { data: 'y'.repeat(65_535) }],
  ['1.2.7 65536 bytes', [encodeFrame(binary, Buffer.alloc(65_536, 'z'), KEY)], { data: 'z'.repeat(65_536) }],
  [
    'several frames',
    [raw(FIN | binary, 'ab'), raw(FIN | binary, 'c'), raw(FIN | binary, ''), raw(FIN | binary, 'defg')],
    { data: 'abcdefg' },
  ],
  ['1.1 text', [raw(FIN | text, 'hello')], { fault: 1003 }],
  ['text behind binary', [raw(FIN | binary, 'kept'), raw(FIN | text, 'hello')], { data: 'kept', fault: 1003 }],
  ['2.1 a ping without payload', [raw(FIN | ping)], { pings: [''] }],
  ['2.4 a ping of 125 bytes', [raw(FIN | ping, 'p'.repeat(125))], { pings: ['p'.repeat(125)] }],
  ['2.5 a ping of 126 bytes', [raw(FIN | ping, 'p'.repeat(126), { length: [126, 0, 126] })], { fault: 1002 }],
  ['2.7 a pong that nobody asked for', [raw(FIN | pong, 'late'), raw(FIN | ping, 'now')], { pings: ['now'] }],
  ['2.10 ten pings', Array.from({ length: 10 }, (_, i) => raw(FIN | ping, String(i))), { pings: [...'0123456789'] }],
  ['3.1 RSV 1', [raw(FIN | 0x10 | binary, 'x')], { fault: 1002 }],
  ['3.2 RSV 2 behind a good frame', [raw(FIN | binary, 'ok'), raw(FIN | 0x20 | binary, 'x')], { data: 'ok', fault: 1002 }],
  ['3.4 RSV 3', [raw(FIN | 0x40 | binary, 'x')], { fault: 1002 }],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): (typeof CASES)[number] => [
    `4 opcode ${opcode}`,
    [raw(FIN | binary, 'a'), raw(FIN | opcode, '')],
    { data: 'a', fault: 1002 },
  ]),
  ['5.1 a ping in two fragments', [raw(ping, 'a'), raw(FIN | continuation, 'b')], { fault: 1002 }],
  ['5.3 a message in two fragments', [raw(binary, 'ab'), raw(FIN | continuation, 'cd')], { data: 'abcd' }],
  [
    '5.6 a ping between fragments',
    [raw(binary, 'ab'), raw(FIN | ping, 'p'), raw(FIN | continuation, 'cd')],
    { data: 'abcd', pings: ['p'] },
  ],
  ['5.9 a continuation of nothing', [raw(FIN | continuation, 'x')], { fault: 1002 }],
  ['5.12 a fragment of nothing', [raw(continuation, 'x')], { fault: 1002 }],
  [
    '5.15 a continuation behind a whole message',
    [raw(binary, 'a'), raw(FIN | continuation, 'b'), raw(FIN | continuation, 'c')],
    { data: 'ab', fault: 1002 },
  ],
  ['5.18 a message within a message', [raw(binary, 'a'), raw(FIN | binary, 'b')], { data: 'a', fault: 1002 }],
  [
    '5.19 pings among five fragments',
    [
      raw(binary, '1'),
      raw(continuation, '2'),
      raw(FIN | ping, 'p'),
      raw(continuation, '3'),
      raw(continuation, ''),
      raw(FIN | continuation, '5'),
    ],
    { data: '1235', pings: ['p'] },
  ],
  ['7.1.1 close behind data', [raw(FIN | binary, 'bye'), raw(FIN | close, code(1000))], { data: 'bye', close: [1000, ''] }],
  [
    '7.1.3 nothing is read behind a close',
    [raw(FIN | close, code(1000)), raw(FIN | ping, 'x'), raw(FIN | text, 'y')],
    { close: [1000, ''] },
  ],
  ['7.3.1 a close without a code', [raw(FIN | close)], { close: [undefined, ''] }],
  ['7.3.2 half a code', [raw(FIN | close, 'x')], { fault: 1002 }],
  ['7.3.4 a reason', [raw(FIN | close, code(1001, 'going'))], { close: [1001, 'going'] }],
  ['7.3.6 too long a reason', [raw(FIN | close, Buffer.alloc(126, 3), { length: [126, 0, 126] })], { fault: 1002 }],
  ['7.5.1 a reason that is not UTF-8', [raw(FIN | close, Buffer.from([3, 232, 0xce, 0xba, 0xe1]))], { fault: 1007 }],
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map((number): (typeof CASES)[number] => [
    `7.7 close code ${number}`,
    [raw(FIN | close, code(number))],
    { close: [number, ''] },
  ]),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map((number): (typeof CASES)[number] => [
    `7.9 close code ${number}`,
    [raw(FIN | close, code(number))],
    { fault: 1002 },
  ]),
  ['a frame without mask', [raw(FIN | binary, 'x', { masked: false })], { fault: 1002 }],
  ['a length of 16 bits that fits into 7', [raw(FIN | binary, 'x', { length: [126, 0, 1] })], { fault: 1002 }],
  ['a length of 64 bits that fits into 16', [raw(FIN | binary, '', { length: [127, 0, 0, 0, 0, 0, 0, 255, 255] })], { fault: 1002 }],
  ['a frame above the limit', [raw(FIN | binary, '', { length: [127, 0, 0, 0, 0, 0, 16, 0, 1] })], { fault: 1009 }],
  ['a length of 2^63', [raw(FIN | binary, '', { length: [127, 128, 0, 0, 0, 0, 0, 0, 0] })], { fault: 1009 }],
]

for (const [name, frames, wanted] of CASES) {
  t.test(`frames: ${name}`, async t => {
    const stream = Buffer.concat(frames)
    const whole = read(stream)
    t.same(whole, { ...nothing, ...wanted })
    for (const size of [1, 2, 3, 7]) t.same(read(stream, size), whole, `in pieces of ${size}`)
  })
}

t.test('what a server sends is not masked, and masking it is wrong', async t => {
  t.match(read(encodeFrame(binary, Buffer.from('down')), 3, false), { data: 'down' })
  t.match(read(encodeFrame(binary, Buffer.from('down'), KEY), 3, false), { fault: 1002 })
})

t.test('frames of one chunk become one run of bytes within it', async t => {
  const chunk = Buffer.concat([
    encodeFrame(binary, Buffer.from('one '), KEY),
    encodeFrame(binary, Buffer.alloc(700, 'x'), 77),
    encodeFrame(binary, Buffer.from(' two'), -5),
  ])
  const runs: Buffer[] = []
  new WebSocketReader(true, FRAME_MAX).read(chunk, { data: bytes => runs.push(bytes), ping: () => {}, close: () => {} })
  t.equal(runs.length, 1)
  t.equal(String(runs[0]), `one ${'x'.repeat(700)} two`)
  t.equal(runs[0].buffer, chunk.buffer)
})

t.test('masking is the same by words and by bytes, at every place', async t => {
  const random = new Random(7)
  for (let round = 0; round < 400; round++) {
    const count = random.whole(0, 600)
    const from = random.whole(0, 9)
    const out = random.whole(0, from + 1)
    const key = random.whole(0, 2 ** 32) | 0
    const bytes = random.bytes(from + count + 5)
    const keys = [key >>> 24, (key >>> 16) & 255, (key >>> 8) & 255, key & 255]
    const wanted = Array.from({ length: count }, (_, i) => bytes[from + i] ^ keys[i % 4])
    applyMask(bytes, from, from + count, out, key)
    if (Buffer.compare(bytes.subarray(out, out + count), Buffer.from(wanted)) !== 0) t.fail(JSON.stringify({ count, from, out, key }))
  }
  t.pass('400 rounds')
})

t.test('headers have the length that is said', async t => {
  for (const payload of [0, 125, 126, 65_535, 65_536, 2 ** 32 + 1]) {
    const target = Buffer.alloc(20)
    t.equal(putHeader(target, 0, binary, payload), headerLength(payload, false))
    t.equal(putHeader(target, 0, binary, payload, 1), headerLength(payload, true))
  }
  t.equal(closePayload(1000, 'ä'.repeat(100)).length <= 125, true)
})

t.test('no stream of bytes makes anything but a decode error, and pieces make no difference', async t => {
  const random = new Random(11)
  for (let round = 0; round < 3000; round++) {
    const stream = random.bytes(random.whole(0, 60))
    if (stream.length > 1 && round % 5 > 0) {
      stream[0] = random.one([0x82, 0x02, 0x80, 0x89, 0x88])
      stream[1] = 0x80 | (stream[1] % 20)
    }
    const whole = read(stream)
    const pieces = read(stream, random.whole(1, 6))
    if (JSON.stringify(whole) !== JSON.stringify(pieces)) t.fail(stream.toString('hex'))
  }
  t.pass('3000 streams')
})
