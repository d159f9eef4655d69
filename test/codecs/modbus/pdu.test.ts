import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import {
  answerRequest,
  bitAt,
  decodeAscii,
  decodeRequest,
  decodeResponse,
  decodeRtu,
  encodeAscii,
  encodeException,
  encodeRequest,
  encodeResponse,
  encodeRtu,
  type ModbusRequest,
  responseLength,
  scanRtu,
} from '#codecs/modbus/index.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const show = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** The examples of Modbus Application Protocol 1.1b3 §6, each with its request and response. */
const SPECIFICATION: readonly [string, ModbusRequest, string, string][] = [
  ['§6.1 read coils', { kind: 'read-bits', table: 'coil', address: 0x13, count: 0x13 }, '01 0013 0013', '01 03 cd6b05'],
  ['§6.2 read discrete inputs', { kind: 'read-bits', table: 'discrete', address: 0xc4, count: 0x16 }, '02 00c4 0016', '02 03 acdb35'],
  [
    '§6.3 read holding registers',
    { kind: 'read-registers', table: 'holding', address: 0x6b, count: 3 },
    '03 006b 0003',
    '03 06 022b00000064',
  ],
  ['§6.4 read input registers', { kind: 'read-registers', table: 'input', address: 8, count: 1 }, '04 0008 0001', '04 02 000a'],
  ['§6.5 write single coil', { kind: 'write-coil', address: 0xac, value: true }, '05 00ac ff00', '05 00ac ff00'],
  ['§6.6 write single register', { kind: 'write-register', address: 1, value: 3 }, '06 0001 0003', '06 0001 0003'],
  [
    '§6.11 write multiple coils',
    { kind: 'write-coils', address: 0x13, values: [1, 0, 1, 1, 0, 0, 1, 1, 1, 0].map(Boolean) },
    '0f 0013 000a 02 cd01',
    '0f 0013 000a',
  ],
  [
    '§6.12 write multiple registers',
    { kind: 'write-registers', address: 1, bytes: hex('000a0102') },
    '10 0001 0002 04 000a0102',
    '10 0001 0002',
  ],
  ['§6.16 mask write register', { kind: 'mask-register', address: 4, and: 0xf2, or: 0x25 }, '16 0004 00f2 0025', '16 0004 00f2 0025'],
  [
    '§6.17 read/write multiple registers',
    { kind: 'read-write-registers', address: 3, count: 6, writeAddress: 14, bytes: hex('00ff00ff00ff') },
    '17 0003 0006 000e 0003 06 00ff00ff00ff',
    '17 0c 00fe0acd00010003000d00ff',
  ],
]

for (const [name, request, requestHex, responseHex] of SPECIFICATION) {
  t.test(`${name}: the example of the specification, both ways`, async t => {
    t.equal(show(encodeRequest(request)), show(hex(requestHex)))
    t.strictSame(decodeRequest(hex(requestHex)), request)
    const pdu = hex(responseHex)
    t.equal(responseLength(request), pdu.length)
    const bytes = decodeResponse(request, pdu)
    t.equal(show(encodeResponse(request, bytes)), show(pdu))
    t.throws(() => decodeResponse(request, encodeException(pdu[0]!, 2)), { code: 'refused', reason: 2, message: 'illegal data address' })
  })

  t.test(`${name}: nothing else is taken for its answer`, async t => {
    const pdu = hex(responseHex)
    for (const wrong of [
      pdu.subarray(0, -1),
      Uint8Array.from([...pdu, 0]),
      Uint8Array.from([pdu[0]! + 1, ...pdu.subarray(1)]),
      new Uint8Array(0),
    ]) {
      t.throws(() => decodeResponse(request, wrong), { code: 'decode-malformed' })
    }
    // In a write's answer every byte repeats the request; of a read the byte count does.
    const places = request.kind.startsWith('read') ? [1] : pdu.slice(1).map((_, index) => index + 1)
    for (const place of places) {
      const wrong = pdu.slice()
      wrong[place]! ^= 1
      t.throws(() => decodeResponse(request, wrong), { code: 'decode-malformed' }, `byte ${place}`)
    }
  })
}

t.test('bits are packed from the lowest on', async t => {
  const bytes = hex('cd6b05')
  t.same(
    [0, 1, 2, 3, 8, 18].map(index => bitAt(bytes, index)),
    [true, false, true, true, true, true],
  )
})

t.test('limits of the protocol are kept when asking', async t => {
  for (const request of [
    { kind: 'read-registers', table: 'holding', address: 0, count: 126 },
    { kind: 'read-registers', table: 'holding', address: 65_535, count: 2 },
    { kind: 'read-registers', table: 'holding', address: -1, count: 1 },
    { kind: 'read-bits', table: 'coil', address: 0, count: 2001 },
    { kind: 'read-bits', table: 'coil', address: 0, count: 0 },
    { kind: 'write-register', address: 0, value: 65_536 },
    { kind: 'write-registers', address: 0, bytes: new Uint8Array(248) },
    { kind: 'write-coils', address: 0, values: [] },
    { kind: 'mask-register', address: 0, and: 1.5, or: 0 },
  ] as ModbusRequest[]) {
    t.throws(() => encodeRequest(request), { code: 'encode-range' }, JSON.stringify(request).slice(0, 80))
  }
})

t.test('RTU: the CRC of the example in the serial line guide, and what is broken', async t => {
  const frame = encodeRtu({ unit: 2, pdu: hex('07') })
  t.equal(show(frame), '02074112')
  t.strictSame(decodeRtu(frame), { unit: 2, pdu: hex('07') })
  for (const wrong of ['02074113', '020741', '']) t.throws(() => decodeRtu(hex(wrong)), { code: 'decode-malformed' })
  t.throws(() => decodeRtu(new Uint8Array(300)), { code: 'decode-malformed' })
})

t.test('ASCII: hexadecimal digits with LRC', async t => {
  const frame = encodeAscii({ unit: 0xf7, pdu: hex('031389000a') })
  t.equal(Buffer.from(frame).toString('latin1'), ':F7031389000A60\r\n')
  t.strictSame(decodeAscii(frame), { unit: 0xf7, pdu: hex('031389000a') })
  for (const wrong of [':F7031389000A61\r\n', ':F7031389000A6\r\n', 'F7031389000A60\r\n', ':', ':GG031389000A60\r\n'])
    t.throws(() => decodeAscii(Buffer.from(wrong)), { code: 'decode-malformed' }, wrong)
})

const READ: ModbusRequest = { kind: 'read-registers', table: 'holding', address: 0, count: 2 }
const ANSWER = encodeRtu({ unit: 1, pdu: hex('03 04 00010002') })

t.test("an answer is found among noise, and another unit's late one is passed over", async t => {
  const other = encodeRtu({ unit: 2, pdu: hex('03 04 00030004') })
  const noise = hex('00ff01')
  const bytes = Buffer.concat([noise, other, ANSWER])
  t.same(scanRtu(1, READ, bytes, bytes.length), { found: 'stray', start: 3, end: 3 + other.length })
  const rest = bytes.subarray(3 + other.length)
  t.same(scanRtu(1, READ, rest, rest.length), { found: 'answer', start: 0, end: ANSWER.length })
  t.same(scanRtu(1, READ, Buffer.concat([noise, ANSWER]), 3 + ANSWER.length), { found: 'answer', start: 3, end: 3 + ANSWER.length })
})

t.test('an answer to another question is none, though its unit and CRC are right', async t => {
  const longer = encodeRtu({ unit: 1, pdu: hex('03 06 000100020003') })
  t.match(scanRtu(1, READ, longer, longer.length), { found: 'stray' })
  const input = encodeRtu({ unit: 1, pdu: hex('04 04 00010002') })
  t.match(scanRtu(1, READ, input, input.length), { found: 'stray' })
})

t.test('half an answer is waited for; when no more comes it is nothing', async t => {
  for (let length = 0; length < ANSWER.length; length++) {
    t.same(scanRtu(1, READ, ANSWER, length), { found: 'nothing' })
    t.same(scanRtu(1, READ, ANSWER, length, true), { found: 'nothing' })
  }
  const exception = encodeRtu({ unit: 1, pdu: encodeException(3, 2) })
  t.match(scanRtu(1, READ, exception, exception.length), { found: 'answer' })
})

t.test('a device in memory answers as the specification says', async t => {
  const registers = new Map([
    [0, 1],
    [1, 2],
  ])
  const memory = {
    read: (table: string, address: number) => (table === 'holding' || table === 'coil' ? registers.get(address) : undefined),
    write: (_table: string, address: number, value: number) => registers.has(address) && registers.set(address, value) !== undefined,
  }
  const ask = (pdu: string) => show(answerRequest(memory, hex(pdu)))
  t.equal(ask('03 0000 0002'), '030400010002')
  t.equal(ask('03 0001 0002'), '8302')
  t.equal(ask('04 0000 0001'), '8402')
  t.equal(ask('06 0001 0007'), '0600010007')
  t.equal(ask('10 0000 0002 04 00080009'), '1000000002')
  t.equal(ask('16 0000 0000 0003'), '1600000000' + '0003')
  t.equal(ask('01 0000 0002'), '010103')
  t.equal(ask('05 0001 0000'), '0500010000')
  t.equal(ask('0f 0000 0002 01 03'), '0f00000002')
  t.equal(ask('17 0000 0002 0000 0001 02 0005'), '170400050001')
  t.equal(ask('06 0009 0007'), '8602')
  t.equal(ask('03 0000 0000'), '8303')
  t.equal(ask('2b 0e'), 'ab01')
  t.equal(ask('05 0000 1234'), '8503')
})

t.test('requests by the ten thousand, broken: a decode error and nothing else', async t => {
  const { VirtualClock } = await import('../../support/virtual-clock.ts')
  const random = new VirtualClock(11)
  for (let round = 0; round < 20_000; round++) {
    const bytes = random.randomBytes(Math.floor(random.random() * 12))
    if (bytes.length > 0) bytes[0] = [1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 7][round % 11]!
    try {
      const request = decodeRequest(bytes)
      if (show(encodeRequest(request)) !== show(bytes) && request.kind !== 'write-coils') t.fail(`${show(bytes)} comes back otherwise`)
    } catch (error) {
      if (!isGatewayError(error) || !/^decode|^encode/.test(error.code)) t.fail(`${show(bytes)}: ${error}`)
    }
    scanRtu(1, READ, bytes, bytes.length, round % 2 === 0)
  }
})
