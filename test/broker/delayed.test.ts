import t from 'tap'
import { DELAYED_TERMS, delayOf } from '#broker/delayed.ts'
import { Message } from '#broker/ports.ts'
import type { Packet } from '#codecs/mqtt/index.ts'
import { persistent, pubacks, publish, texts, types } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'

const reasons = (packets: Packet[]) => packets.flatMap(packet => (packet.type === 'puback' ? [packet.reasonCode] : []))

async function connected(harness: MqttHarness, clientId: string) {
  const peer = await harness.connect(clientId)
  await peer.take()
  return peer
}

t.test('a $delayed topic says how long and where', async t => {
  t.same(delayOf('$delayed/60/a/b'), { topic: 'a/b', delayMs: 60_000 })
  t.equal(delayOf('a/b'), undefined)
  t.equal(delayOf('$delayedx/1/a'), undefined)
  for (const wrong of [
    '$delayed/',
    '$delayed/x/a',
    '$delayed/1',
    '$delayed/1/',
    '$delayed/-1/a',
    '$delayed/1.5/a',
    '$delayed/1/$SYS/a',
    '$delayed/12345678901/a',
  ])
    t.equal(delayOf(wrong), 'invalid', wrong)
})

t.test('a delayed message is published when its time has come, on its own topic, in the order of due times', async t => {
  const harness = await MqttHarness.start()
  const sub = await connected(harness, 'sub')
  await sub.subscribe('#', 1)
  await sub.subscribe('$delayed/#', 1, 2)
  const pub = await connected(harness, 'pub')
  t.same(
    types(
      await pub.exchange(
        publish('$delayed/20/a', 'late', 1, 1),
        publish('$delayed/10/a', 'early', 1, 2),
        publish('$delayed/10/b', 'next', 0),
      ),
    ),
    ['puback', 'puback'],
  )
  t.same(await sub.take(), [], 'nobody sees it before')
  harness.clock.advance(9_999)
  t.same(await sub.take(), [])
  harness.clock.advance(1)
  const first = await sub.take()
  t.same(texts(first), ['early', 'next'])
  t.match(first, [
    { topic: 'a', qos: 1 },
    { topic: 'b', qos: 0 },
  ])
  harness.clock.advance(10_000)
  t.same(texts(await sub.take()), ['late'])
})

t.test('the acknowledgement of a delayed message waits for its commit', async t => {
  const harness = await MqttHarness.start()
  const pub = await connected(harness, 'pub')
  harness.store.hold()
  t.same(await pub.exchange(publish('$delayed/10/a', 'x', 1, 1)), [])
  harness.store.release()
  t.same(types(await pub.take()), ['puback'])
})

t.test('delayed messages survive a power cut, and come once', async t => {
  const harness = await MqttHarness.start()
  await harness.connect('sub', persistent).then(peer => peer.subscribe('#', 1))
  const pub = await connected(harness, 'pub')
  await pub.exchange(publish('$delayed/60/a', 'x', 1, 1), publish('$delayed/60/a', 'y', 2, 2))
  harness.clock.advance(30_000)
  await harness.settle()
  await harness.crash()
  const sub = await harness.connect('sub', persistent)
  await sub.take()
  harness.clock.advance(59_000)
  t.same(texts(await sub.take()), ['x', 'y'], 'in the order in which they came')
  await harness.crash()
  harness.clock.advance(600_000)
  const again = await harness.connect('sub', persistent)
  t.same(texts(await again.take()).sort(), ['x', 'y'], 'unacknowledged ones are repeated, no new ones made')
})

t.test('a due message and the end of its record are one transaction', async t => {
  const harness = await MqttHarness.start()
  await harness.connect('sub', persistent).then(peer => peer.subscribe('a', 1))
  const pub = await connected(harness, 'pub')
  await pub.exchange(publish('$delayed/10/a', 'x', 1, 1))
  harness.store.hold()
  harness.clock.advance(10_000)
  await harness.settle()
  await harness.crash()
  const sub = await harness.connect('sub', persistent)
  harness.clock.advance(10_000)
  t.same(texts(await sub.take()), ['x'], 'neither lost nor doubled')
  await sub.exchange(...pubacks([publish('a', 'x', 1, 1)]))
})

t.test('a malformed $delayed topic is no topic name', async t => {
  const harness = await MqttHarness.start()
  const pub = await harness.connect('pub', { protocolVersion: 5 })
  t.same(reasons(await pub.exchange(publish('$delayed/soon/a', 'x', 1, 1))), [0x90])
})

t.test('what is over the limits is refused, and counted at QoS 0', async t => {
  const harness = new MqttHarness()
  harness.brokerOptions = { delayed: { ...DELAYED_TERMS, messagesMax: 1, delayMaxMs: 60_000 } }
  await harness.boot()
  const pub = await harness.connect('pub', { protocolVersion: 5 })
  t.same(reasons(await pub.exchange(publish('$delayed/61/a', 'x', 1, 1))), [0x97], 'too long')
  t.same(reasons(await pub.exchange(publish('$delayed/60/a', 'x', 1, 1))), [0])
  t.same(reasons(await pub.exchange(publish('$delayed/60/a', 'x', 1, 2))), [0x97], 'too many')
  await pub.exchange(publish('$delayed/60/a', 'x', 0))
  t.equal(harness.broker.status().counters.dropped['queue-full'], 1)
})

t.test('the rules are asked about the topic on which it will be published', async t => {
  const harness = await MqttHarness.start()
  const asked: string[] = []
  harness.broker.access.unrestricted = () => false
  harness.broker.access.mayPublish = (_, topic) => {
    asked.push(topic)
    return false
  }
  const pub = await harness.connect('pub', { protocolVersion: 5 })
  t.same(reasons(await pub.exchange(publish('$delayed/1/secret', 'x', 1, 1))), [0x87])
  t.same(asked, ['secret'])
  const will = { topic: '$delayed/1/secret', payload: Buffer.from('x'), qos: 1 as const, retain: false }
  const wilful = await harness.connect('wilful', { protocolVersion: 5, will })
  t.match(await wilful.take(), [{ type: 'connack', reasonCode: 0x87 }])
})

t.test('only the gateway publishes below $SYS', async t => {
  const harness = await MqttHarness.start()
  const sub = await connected(harness, 'sub')
  await sub.subscribe('$SYS/#', 0)
  const pub = await harness.connect('pub', { protocolVersion: 5 })
  t.same(reasons(await pub.exchange(publish('$SYS/brokers', 'x', 1, 1))), [0x87])
  harness.broker.announce(Message.from({ topic: '$SYS/brokers', payload: Buffer.from('gw'), qos: 0, retain: true }))
  t.same(texts(await sub.take()), ['gw'])
  t.equal(harness.disk.retained.size, 0, 'it is retained in memory alone')
  const late = await harness.connect('late')
  t.same(texts(await late.subscribe('$SYS/#', 0)), ['gw'])
})
