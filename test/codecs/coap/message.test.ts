import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import {
  decodeMessage,
  encodeAck,
  encodeEmpty,
  encodeMessage,
  encodeReset,
  formatCode,
  methodName,
  NO_BYTES,
  restamp,
  TYPE,
} from '#codecs/coap/index.ts'
import { MALFORMED, MESSAGES } from '../../vectors/coap/messages.ts'

const bytes = (hex: string) => Buffer.from(hex, 'hex')
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

for (const vector of MESSAGES) {
  t.test(`${vector.name}: bytes to values and back`, async t => {
    const decoded = decodeMessage(bytes(vector.hex))
    if (decoded.outcome !== 'message') throw new Error(decoded.reason)
    const { message } = decoded
    t.equal(message.type, vector.type)
    t.equal(formatCode(message.code), vector.code)
    t.equal(message.messageId, vector.messageId)
    t.equal(hex(message.token), vector.token)
    t.same(
      message.options.map(option => [option.number, hex(option.value)]),
      vector.options,
    )
    t.equal(Buffer.from(message.payload).toString(), vector.payload)
    t.equal(hex(encodeMessage(message)), vector.hex)
    t.equal(
      hex(encodeMessage({ ...message, options: [...message.options].sort((a, b) => b.number - a.number) })),
      vector.hex,
      'options in any order',
    )
  })
}

for (const [name, datagram, reason, offset] of MALFORMED) {
  t.test(`malformed: ${name}`, async t => {
    t.match(decodeMessage(bytes(datagram)), { outcome: 'malformed', reason, offset, messageId: 1 })
  })
}

t.test('what is not CoAP version 1 is told apart from what is malformed, to be ignored', async t => {
  for (const version of ['00010001', '80010001', 'c0010001', '8f010001ff']) {
    t.same(decodeMessage(bytes(version)), { outcome: 'ignored', reason: 'version' })
  }
  for (const short of ['', '40', '400100']) t.same(decodeMessage(bytes(short)), { outcome: 'ignored', reason: 'too-short' })
})

t.test('a malformed message says its type, so that only Confirmable ones are rejected', async t => {
  t.match(decodeMessage(bytes('50010001ff')), { outcome: 'malformed', type: TYPE.NON, code: 1 })
})

t.test('Empty messages and a change of type and message id', async t => {
  t.equal(hex(encodeAck(0x1234)), '60001234')
  t.equal(hex(encodeReset(0xffff)), '7000ffff')
  t.equal(hex(encodeEmpty(TYPE.CON, 1)), '40000001')
  const message = bytes('6145123455ff61')
  restamp(message, TYPE.CON, 0xabcd)
  t.equal(hex(message), '4145abcd55ff61')
})

t.test('values that do not fit are refused', async t => {
  const message = { type: TYPE.CON, code: 1, messageId: 1, token: NO_BYTES, options: [], payload: NO_BYTES }
  const refused = (change: object) => {
    try {
      encodeMessage({ ...message, ...change })
      return false
    } catch (error) {
      return isGatewayError(error, 'encode-range')
    }
  }
  t.ok(refused({ token: new Uint8Array(9) }))
  t.ok(refused({ options: [{ number: 65_536, value: NO_BYTES }] }))
  t.ok(refused({ options: [{ number: 11, value: new Uint8Array(65_805) }] }))
  t.notOk(refused({ options: [{ number: 65_535, value: new Uint8Array(65_804) }] }))
})

t.test('methods and codes for people', async t => {
  t.equal(methodName(7), 'iPATCH')
  t.equal(methodName(31), '0.31')
  t.equal(formatCode(0x84), '4.04')
})
