import t from 'tap'
import { isLoopbackAddress, plainAddress } from '#listeners/address.ts'

t.test('loopback is 127.0.0.0/8 and ::1, in plain form', async t => {
  for (const address of ['127.0.0.1', '127.255.0.9', '::1']) t.ok(isLoopbackAddress(address), address)
  for (const address of ['128.0.0.1', '::', '0.0.0.0', '127.evil.example', '192.0.2.1', '']) t.notOk(isLoopbackAddress(address), address)
  t.equal(plainAddress('::ffff:127.0.0.1'), '127.0.0.1')
  t.equal(plainAddress('::ffff:7f00:1'), '::ffff:7f00:1')
  t.equal(plainAddress('2001:db8::1'), '2001:db8::1')
})
