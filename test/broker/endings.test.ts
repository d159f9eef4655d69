import t from 'tap'
import { EndingCounts } from '#broker/endings.ts'
import { DISCONNECT, persistent } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'

t.test('each ended connection is counted by its reason, for its client and its listener', async t => {
  const harness = await MqttHarness.start()
  await (await harness.connect('one', persistent)).exchange(DISCONNECT)
  ;(await harness.connect('one', persistent)).vanish()
  await harness.connect('one', persistent)
  await harness.connect('one', persistent)
  harness.broker.kick('one')
  await (await harness.connect('two')).exchange(DISCONNECT)
  const late = await harness.connect('three', { keepAlive: 2 })
  harness.clock.advance(10_000)
  await harness.settle()
  t.equal(late.closed, true)
  t.same(harness.broker.clients().find(client => client.clientId === 'one')?.ended, {
    disconnected: 1,
    'connection-lost': 1,
    'taken-over': 1,
    kicked: 1,
  })
  t.same(harness.broker.ended('test'), { disconnected: 2, 'connection-lost': 1, 'taken-over': 1, kicked: 1, 'keep-alive-timeout': 1 })
  t.same(harness.broker.ended('other'), {})
})

t.test('counts are kept for a bounded number of clients', async t => {
  const counts = new EndingCounts()
  for (let n = 0; n <= 10_000; n++) counts.count(`c${n}`, 'local', 'disconnected')
  t.equal(counts.ofClient('c0'), undefined)
  t.same(counts.ofClient('c1'), { disconnected: 1 })
  t.same(counts.ofListener('local'), { disconnected: 10_001 })
})
