import t from 'tap'
import { CHECKS, type Check, checkBytes, checkSize, computeCheck, usualOrder, verifyCheck } from '#codecs/framing/checks.ts'

// The check value of "123456789" is how catalogues of CRCs name each algorithm.
const CATALOGUE: Record<Check, number> = {
  none: 0,
  'crc16-modbus': 0x4b37,
  'crc16-ccitt': 0x29b1,
  'crc16-xmodem': 0x31c3,
  'crc16-kermit': 0x2189,
  'crc16-x25': 0x906e,
  'crc16-arc': 0xbb3d,
  crc32: 0xcbf43926,
  sum8: 0xdd,
  'sum8-negated': 0x23,
  sum16: 0x01dd,
  xor8: 0x31,
}

t.test('every check has the value that its catalogue gives for "123456789"', async t => {
  const bytes = Buffer.from('123456789')
  for (const check of CHECKS) t.equal(computeCheck(check, bytes), CATALOGUE[check], check)
})

t.test('a check covers just the bytes it is given, and its bytes verify', async t => {
  const framed = Buffer.from('xx123456789yy')
  for (const check of CHECKS) {
    t.equal(computeCheck(check, framed, 2, 11), CATALOGUE[check], check)
    for (const order of ['big', 'little'] as const) {
      const bytes = checkBytes(check, order, framed, 2, 11)
      t.equal(bytes.length, checkSize(check))
      const whole = Buffer.concat([framed.subarray(0, 11), bytes])
      t.ok(verifyCheck(check, order, whole, 2, 11, 11))
      if (check !== 'none') t.notOk(verifyCheck(check, order, whole, 3, 11, 11))
    }
  }
  t.equal(usualOrder('crc16-modbus'), 'little')
  t.equal(usualOrder('crc16-ccitt'), 'big')
})
