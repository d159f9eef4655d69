import t from 'tap'
import { CONNACK_RETURN_CODES, connackReturnCode, decodePacket, encodePacket, type Packet, REASON_CODES } from '#codecs/mqtt/index.ts'
import { expectFault } from './expect-fault.ts'

/** The packets that may carry each reason code, as the table of MQTT 5 §2.4 lists them, by the high half of their first byte. */
const TABLE: Readonly<Record<number, string>> = {
  0: '2 4 5 6 7 9 b e f',
  1: '9',
  2: '9',
  4: 'e',
  16: '4 5',
  17: 'b',
  24: 'f',
  25: 'f',
  128: '2 4 5 9 b e',
  129: '2 e',
  130: '2 e',
  131: '2 4 5 9 b e',
  132: '2',
  133: '2',
  134: '2',
  135: '2 4 5 9 b e',
  136: '2',
  137: '2 e',
  138: '2',
  139: 'e',
  140: '2 e',
  141: 'e',
  142: 'e',
  143: '9 b e',
  144: '2 4 5 e',
  145: '4 5 9 b',
  146: '6 7',
  147: 'e',
  148: 'e',
  149: '2 e',
  150: 'e',
  151: '2 4 5 9 e',
  152: 'e',
  153: '2 4 5 e',
  154: '2 e',
  155: '2 e',
  156: '2 e',
  157: '2 e',
  158: '9 e',
  159: '2 e',
  160: 'e',
  161: '9 e',
  162: '9 e',
}

const PACKETS: Readonly<Record<string, (code: string) => string>> = {
  2: code => `200300${code}00`,
  4: code => `40030001${code}`,
  5: code => `50030001${code}`,
  6: code => `62030001${code}`,
  7: code => `70030001${code}`,
  9: code => `9004000100${code}`,
  b: code => `b004000100${code}`,
  e: code => `e001${code}`,
  f: code => `f006${code}0415000178`,
}

t.test('each packet takes the reason codes of §2.4 and no other, when it is decoded and when it is encoded', async t => {
  for (const [type, build] of Object.entries(PACKETS)) {
    for (let code = 0; code < 256; code += 1) {
      const bytes = Buffer.from(build(code.toString(16).padStart(2, '0')), 'hex')
      const name = `code 0x${code.toString(16)} in packet type ${type}`
      if (TABLE[code]?.split(' ').includes(type)) {
        const packet = decodePacket(bytes, 0, bytes.length, 5)
        t.match(packet, 'reasonCodes' in packet ? { reasonCodes: [code] } : { reasonCode: code }, name)
        t.doesNotThrow(() => encodePacket(packet, 5), name)
      } else {
        expectFault(t, () => decodePacket(bytes, 0, bytes.length, 5), name, 0x82, bytes.length)
        const success = decodePacket(Buffer.from(build('00'), 'hex'), 0, bytes.length, 5)
        const bad = 'reasonCodes' in success ? { ...success, reasonCodes: [code] } : { ...success, reasonCode: code }
        t.throws(() => encodePacket(bad as Packet, 5), { code: 'encode-range' }, name)
      }
    }
  }
})

t.test('every reason code has one name', async t => {
  const values = Object.values(REASON_CODES)
  t.equal(new Set(values).size, values.length)
  t.strictSame(
    [...values].sort((a, b) => a - b),
    Object.keys(TABLE)
      .map(Number)
      .sort((a, b) => a - b),
  )
})

t.test('an MQTT 3 CONNACK says what an MQTT 5 reason code says, where it has words for it', async t => {
  const allowed: readonly number[] = Object.values(CONNACK_RETURN_CODES)
  for (const code of Object.values(REASON_CODES)) {
    const returnCode = connackReturnCode(code)
    t.ok(returnCode === undefined || allowed.includes(returnCode), `0x${code.toString(16)} is ${returnCode}`)
    t.equal(returnCode === 0, code === 0)
  }
  t.equal(connackReturnCode(REASON_CODES.unsupportedProtocolVersion), 1)
  t.equal(connackReturnCode(REASON_CODES.clientIdentifierNotValid), 2)
  t.equal(connackReturnCode(REASON_CODES.serverBusy), 3)
  t.equal(connackReturnCode(REASON_CODES.badUserNameOrPassword), 4)
  t.equal(connackReturnCode(REASON_CODES.notAuthorized), 5)
  t.equal(connackReturnCode(REASON_CODES.malformedPacket), undefined)
  t.equal(connackReturnCode(REASON_CODES.protocolError), undefined)
})
