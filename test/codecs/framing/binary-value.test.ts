import t from 'tap'
import { BINARY_TYPES, type BinaryType, BYTE_ORDERS, binarySize, decodeBinary, encodeBinary } from '#codecs/framing/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

t.test('each type and order, as documents of meters show them', async t => {
  for (const [type, order, bytes, value] of [
    ['float32', 'ABCD', '43663333', 230.2],
    ['float32', 'CDAB', '33334366', 230.2],
    ['float32', 'DCBA', '33336643', 230.2],
    ['float32', 'BADC', '66433333', 230.2],
    ['int16', 'ABCD', 'ff38', -200],
    ['uint16', 'CDAB', '1234', 0x1234],
    ['uint16', 'BADC', '1234', 0x3412],
    ['uint16', 'DCBA', '1234', 0x3412],
    ['uint32', 'CDAB', '56781234', 0x12345678],
    ['int32', 'ABCD', 'fffffffe', -2],
    ['int24', 'ABCD', 'fffffe', -2],
    ['uint8', 'ABCD', 'fe', 254],
    ['int64', 'ABCD', 'ffffffffffffffff', -1],
    ['uint64', 'ABCD', 'ffffffffffffffff', 18446744073709551615n],
    ['uint64', 'CDAB', '7788556633441122', 0x1122334455667788n],
    ['float64', 'ABCD', '3ff8000000000000', 1.5],
    ['bcd16', 'ABCD', '1234', 1234],
    ['bcd32', 'CDAB', '56781234', 12345678],
    ['float32', 'ABCD', '4b7fffff', 16777215],
  ] as const) {
    t.equal(decodeBinary(type, order, Buffer.from(bytes, 'hex')), value, `${type} ${order}`)
    t.equal(hex(encodeBinary(type, order, value)), bytes, `${type} ${order} back`)
  }
})

t.test('what holds no value is none', async t => {
  t.equal(decodeBinary('float32', 'ABCD', Buffer.from('7fc00000', 'hex')), undefined)
  t.equal(decodeBinary('float32', 'ABCD', Buffer.from('ff800000', 'hex')), undefined)
  t.equal(decodeBinary('bcd16', 'ABCD', Buffer.from('12a4', 'hex')), undefined)
})

t.test('text ends at its NUL, and its bytes may be swapped', async t => {
  t.equal(decodeBinary('string', 'ABCD', Buffer.from('AB12  \0x')), 'AB12')
  t.equal(decodeBinary('string', 'BADC', Buffer.from('BA21')), 'AB12')
  t.equal(hex(encodeBinary('string', 'ABCD', 'AB', 4)), '41420000')
  t.equal(hex(encodeBinary('hex', 'ABCD', 'c0ff', 2)), 'c0ff')
})

t.test('what does not fit a type is refused', async t => {
  for (const [type, value] of [
    ['int16', 40000],
    ['uint16', -1],
    ['uint16', 1.5],
    ['bcd16', 12345],
    ['bcd16', -1],
    ['float32', 1e300],
    ['uint64', -1n],
    ['string', 'too long'],
    ['uint32', 'x'],
  ] as const) {
    t.throws(() => encodeBinary(type, 'ABCD', value), { code: 'encode-range' }, `${type} ${value}`)
  }
})

t.test('every order is its own way back, for every type', async t => {
  const random = new VirtualClock(7)
  for (let round = 0; round < 3000; round++) {
    const type = BINARY_TYPES[Math.floor(random.random() * BINARY_TYPES.length)] as BinaryType
    const order = BYTE_ORDERS[round & 3]!
    const size = binarySize(type, 6)
    const bytes = Buffer.from(random.randomBytes(size))
    const value = decodeBinary(type, order, bytes)
    if (value === undefined || type === 'string') continue
    const again = decodeBinary(type, order, encodeBinary(type, order, value, size))
    if (again !== value) t.fail(`${type} ${order} ${hex(bytes)}: ${value} is ${again}`)
  }
})
