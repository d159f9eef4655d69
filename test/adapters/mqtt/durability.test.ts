import t from 'tap'
import type { Packet } from '#codecs/mqtt/index.ts'
import { MqttHarness } from '../../support/mqtt-harness.ts'
import { persistent, publish, texts, types } from './packets.ts'

/** An offline persistent subscriber `sub` on `a/#` and a connected publisher. */
async function offlineSubscriber(qos: 1 | 2) {
  const harness = await MqttHarness.start()
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('a/#', qos)
  sub.send({ type: 'disconnect', reasonCode: 0 })
  await harness.settle()
  const publisher = await harness.connect('pub')
  await publisher.take()
  return { harness, publisher }
}

t.test('a PUBACK for an offline persistent subscriber leaves only after the commit', async t => {
  const { harness, publisher } = await offlineSubscriber(1)
  harness.store.hold()
  t.same(await publisher.exchange(publish('a/b', 'x', 1, 7)), [])
  harness.store.release()
  t.match(await publisher.take(), [{ type: 'puback', packetId: 7 }])
})

t.test('a PUBREC, and the PUBCOMP after it, leave only after their commits', async t => {
  const { harness, publisher } = await offlineSubscriber(2)
  harness.store.hold()
  t.same(await publisher.exchange(publish('a/b', 'x', 2, 7)), [])
  harness.store.release()
  t.match(await publisher.take(), [{ type: 'pubrec', packetId: 7 }])
  const persistentPublisher = await harness.connect('pub2', persistent)
  t.same(types(await persistentPublisher.exchange(publish('a/b', 'y', 2, 8))), ['connack', 'pubrec'])
  harness.store.hold()
  t.same(await persistentPublisher.exchange({ type: 'pubrel', packetId: 8, reasonCode: 0 }), [])
  harness.store.release()
  t.match(await persistentPublisher.take(), [{ type: 'pubcomp', packetId: 8 }])
})

t.test('a retained message is acknowledged only after its commit', async t => {
  const harness = await MqttHarness.start()
  const publisher = await harness.connect('pub')
  await publisher.take()
  harness.store.hold()
  t.same(await publisher.exchange(publish('r', 'x', 1, 3, true)), [])
  harness.store.release()
  t.match(await publisher.take(), [{ type: 'puback', packetId: 3 }])
})

t.test('the CONNACK, SUBACK and UNSUBACK of a durable session wait for their commits', async t => {
  const harness = await MqttHarness.start()
  harness.store.hold()
  const sub = await harness.connect('sub', persistent)
  t.same(await sub.take(), [])
  harness.store.release()
  t.match(await sub.take(), [{ type: 'connack', sessionPresent: false }])
  harness.store.hold()
  t.same(await sub.subscribe('a', 1), [])
  harness.store.release()
  t.match(await sub.take(), [{ type: 'suback', reasonCodes: [1] }])
  harness.store.hold()
  t.same(await sub.exchange({ type: 'unsubscribe', packetId: 2, filters: ['a'] }), [])
  harness.store.release()
  t.match(await sub.take(), [{ type: 'unsuback', packetId: 2 }])
})

t.test('an acknowledgement that needs no commit waits behind one that does', async t => {
  const { harness, publisher } = await offlineSubscriber(1)
  harness.store.hold()
  t.same(await publisher.exchange(publish('a/b', 'x', 1, 1), publish('nobody', 'y', 1, 2)), [])
  harness.store.release()
  t.match(await publisher.take(), [
    { type: 'puback', packetId: 1 },
    { type: 'puback', packetId: 2 },
  ])
})

t.test('a QoS 2 message to a durable session leaves only after its commit, its PUBREL only after that of the PUBREC', async t => {
  const harness = await MqttHarness.start()
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('a', 2)
  const publisher = await harness.connect('pub')
  harness.store.hold()
  publisher.send(publish('a', 'x', 2, 5))
  t.same(await sub.take(), [])
  harness.store.release()
  const [delivery] = await sub.take()
  t.match(delivery, { type: 'publish', qos: 2, dup: false })
  const packetId = (delivery as { packetId: number }).packetId
  harness.store.hold()
  t.same(await sub.exchange({ type: 'pubrec', packetId, reasonCode: 0 }), [])
  harness.store.release()
  t.match(await sub.take(), [{ type: 'pubrel', packetId }])
})

t.test('after a crash acknowledged messages are delivered in order, in-flight ones first and with DUP', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 2 })
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('a', 1)
  const publisher = await harness.connect('pub')
  await publisher.exchange(...[1, 2, 3, 4].map(n => publish('a', `m${n}`, 1, n)))
  t.same(texts(await sub.take()), ['m1', 'm2'], 'the window holds two')
  await harness.crash()
  const again = await harness.connect('sub', persistent)
  const packets = await again.take()
  t.match(packets[0], { type: 'connack', sessionPresent: true })
  t.match(packets.slice(1), [
    { type: 'publish', dup: true },
    { type: 'publish', dup: true },
  ])
  t.same(texts(packets), ['m1', 'm2'])
  const rest = await again.exchange(...[2, 3].map(id => ({ type: 'puback' as const, packetId: id, reasonCode: 0 })))
  t.same(texts(rest), ['m3', 'm4'])
  t.match(rest, [{ dup: false }, { dup: false }])
})

t.test('a QoS 2 publish is routed once though the crash comes between PUBREC and PUBREL', async t => {
  const { harness } = await offlineSubscriber(2)
  const publisher = await harness.connect('durable-pub', persistent)
  await publisher.exchange(publish('a/b', 'once', 2, 9))
  await harness.crash()
  const again = await harness.connect('durable-pub', persistent)
  await again.take()
  const redelivery = { ...publish('a/b', 'once', 2, 9), dup: true } as Packet
  t.match(await again.exchange(redelivery), [{ type: 'pubrec', packetId: 9 }])
  t.match(await again.exchange({ type: 'pubrel', packetId: 9, reasonCode: 0 }), [{ type: 'pubcomp', packetId: 9 }])
  const sub = await harness.connect('sub', persistent)
  t.same(texts(await sub.take()), ['once'])
})

t.test('a QoS 2 entry that was received before the crash gets its PUBREL again, not its PUBLISH', async t => {
  const { harness, publisher } = await offlineSubscriber(2)
  await publisher.exchange(publish('a/b', 'x', 2, 1), publish('a/b', 'y', 2, 2))
  const sub = await harness.connect('sub', persistent)
  const [, first, second] = (await sub.take()) as { packetId: number }[]
  await sub.exchange({ type: 'pubrec', packetId: first.packetId, reasonCode: 0 })
  await harness.crash()
  const again = await harness.connect('sub', persistent)
  t.match((await again.take()).slice(1), [
    { type: 'pubrel', packetId: first.packetId },
    { type: 'publish', packetId: second.packetId, dup: true },
  ])
})

t.test('what was published but not acknowledged may be lost in a crash, and the queue goes on', async t => {
  const { harness, publisher } = await offlineSubscriber(1)
  await publisher.exchange(publish('a/b', 'kept', 1, 1))
  harness.store.hold()
  t.same(await publisher.exchange(publish('a/b', 'lost', 1, 2)), [])
  await harness.crash()
  const sub = await harness.connect('sub', persistent)
  t.same(texts(await sub.take()), ['kept'])
})

t.test('retained messages survive a crash, and an empty one deletes', async t => {
  const harness = await MqttHarness.start()
  const publisher = await harness.connect('pub')
  await publisher.exchange(publish('r/1', 'one', 1, 1, true), publish('r/2', 'two', 0, undefined, true))
  await publisher.exchange(publish('r/2', '', 1, 2, true))
  await harness.crash()
  const sub = await harness.connect('sub')
  await sub.take()
  const packets = await sub.subscribe('r/#', 1)
  t.match(packets, [{ type: 'suback' }, { type: 'publish', retain: true, topic: 'r/1' }])
  t.equal(packets.length, 2)
})

t.test('a QoS 1 entry that is acknowledged before its batch is written never reaches the disk', async t => {
  const harness = await MqttHarness.start()
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('a', 1)
  const publisher = await harness.connect('pub')
  await publisher.take()
  harness.store.hold()
  publisher.send(publish('a', 'x', 1, 1))
  const [delivery] = (await sub.take()) as { packetId: number }[]
  await sub.exchange({ type: 'puback', packetId: delivery.packetId, reasonCode: 0 })
  t.equal(harness.store.counters.elided, 1)
  harness.store.release()
  t.match(await publisher.take(), [{ type: 'puback' }])
  t.equal(harness.disk.queues.get(1)?.size ?? 0, 0)
})

t.test('when the disk is full, what needs it is refused and the rest goes on', async t => {
  const { harness } = await offlineSubscriber(1)
  const five = await harness.connect('five', { protocolVersion: 5 })
  const three = await harness.connect('three')
  const online = await harness.connect('online')
  await online.subscribe('mem', 1)
  await five.take()
  await three.take()
  harness.store.fail('full')
  await five.exchange(publish('a/b', 'first', 1, 1))
  t.match(await five.exchange(publish('a/b', 'second', 1, 2)), [], 'its refusal waits behind the first')
  three.send(publish('a/b', 'third', 1, 1))
  await harness.settle()
  t.ok(three.closed, 'an MQTT 3 connection is closed')
  const other = await harness.connect('other')
  await other.take()
  t.match(await other.exchange(publish('mem', 'goes on', 1, 1)), [{ type: 'puback' }])
  t.same(texts(await online.take()), ['goes on'])
  harness.store.heal()
  t.match(await five.take(), [
    { type: 'puback', packetId: 1, reasonCode: 0 },
    { type: 'puback', packetId: 2, reasonCode: 0x97 },
  ])
  const sub = await harness.connect('sub', persistent)
  t.same(texts(await sub.take()), ['first'])
})

t.test('when the disk is full, QoS 0 goes on to all who need no disk, and nobody is kept from publishing', async t => {
  const { harness } = await offlineSubscriber(1)
  const online = await harness.connect('online')
  await online.subscribe('a/b', 0)
  const pub = await harness.connect('other')
  await pub.take()
  harness.store.hold()
  for (let i = 1; i <= 5; i++) pub.send(publish('a/b', 'x'.repeat(900_000), 1, i))
  await online.take()
  t.ok(harness.broker.congested)
  harness.store.fail('full')
  harness.store.release()
  t.notOk(harness.broker.congested, 'publishers are refused from now on, not kept waiting')
  const zero = await harness.connect('zero')
  await zero.take()
  await zero.exchange(publish('a/b', 'run', 0), publish('a/b', 'kept', 0, undefined, true))
  t.same(texts(await online.take()), ['run', 'kept'])
  t.equal(harness.broker.status().counters.dropped['store-unavailable'], 1, 'the retained one is not kept')
  t.equal(harness.broker.retained('a/b'), undefined)
})
