/** REGISTER, PUBLISH of nodes at every QoS by every kind of topic id, QoS −1, congestion (MQTT-SN 1.2 §6.5, §6.6, §6.8). */
import t from 'tap'
import type { TopicReference } from '#codecs/mqtt-sn/index.ts'
import { SnBench, type TestNode } from './bench.ts'

const INVALID_TOPIC_ID = 2
const NOT_SUPPORTED = 3
const CONGESTION = 1

/** One way in for each kind of topic id: the reference, and the octets that an answer repeats. */
async function references(node: TestNode): Promise<[kind: string, topic: TopicReference, wireId: number, name: string][]> {
  const id = await node.register('a/long/name', 99)
  return [
    ['normal', { kind: 'normal', id }, id, 'a/long/name'],
    ['predefined', { kind: 'predefined', id: 2 }, 2, 'site/two'],
    ['short', { kind: 'short', name: 'ab' }, 0x6162, 'ab'],
  ]
}

t.test('publish at QoS 0 by every kind of topic id', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  const node = await bench.connected('node-1')
  for (const [kind, topic, , name] of await references(node)) {
    t.strictSame(await node.publish(topic, kind, 0), [], 'without an answer')
    t.strictSame(seen.splice(0), [`${name} ${kind}`])
  }
})

t.test('publish at QoS 1 by every kind of topic id', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  const node = await bench.connected('node-1')
  for (const [kind, topic, topicId, name] of await references(node)) {
    t.strictSame(await node.publish(topic, kind, 1, 7), [{ type: 'puback', topicId, msgId: 7, returnCode: 0 }])
    t.strictSame(seen.splice(0), [`${name} ${kind}`])
  }
})

t.test('publish at QoS 2 by every kind of topic id, once whatever is repeated', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  const node = await bench.connected('node-1')
  for (const [kind, topic, , name] of await references(node)) {
    t.strictSame(await node.publish(topic, kind, 2, 8), [{ type: 'pubrec', msgId: 8 }])
    t.strictSame(await node.publish(topic, kind, 2, 8, true), [{ type: 'pubrec', msgId: 8 }], 'PUBREC was lost')
    t.strictSame(await node.exchange({ type: 'pubrel', msgId: 8 }), [{ type: 'pubcomp', msgId: 8 }])
    t.strictSame(await node.exchange({ type: 'pubrel', msgId: 8 }), [{ type: 'pubcomp', msgId: 8 }], 'PUBCOMP was lost')
    t.strictSame(seen.splice(0), [`${name} ${kind}`])
  }
})

t.test('PUBACK, PUBREC and PUBCOMP wait for the disk, and repeated requests meanwhile do nothing', async t => {
  const bench = await SnBench.start()
  const keeper = await bench.connected('keeper', { cleanSession: false })
  await keeper.subscribe('site/#')
  await keeper.sleep(3600)
  const node = await bench.connected('node-1')
  const one = { kind: 'predefined', id: 1 } as const
  bench.store.hold()
  t.strictSame(await node.publish(one, 'x', 1, 7), [])
  t.strictSame(await node.publish(one, 'x', 1, 7, true), [])
  t.strictSame(await node.publish(one, 'y', 2, 8), [])
  t.strictSame(await node.exchange({ type: 'pubrel', msgId: 8 }), [])
  bench.store.release()
  t.strictSame(await node.take(), [
    { type: 'puback', topicId: 1, msgId: 7, returnCode: 0 },
    { type: 'pubrec', msgId: 8 },
    { type: 'pubcomp', msgId: 8 },
  ])
  t.match(
    bench.broker.clients().find(client => client.clientId === 'keeper'),
    { queued: 2 },
  )
})

t.test('an unknown topic id is refused, at QoS 0 too', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  for (const qos of [0, 1, 2] as const) {
    t.strictSame(await node.publish({ kind: 'normal', id: 55 }, 'x', qos, qos), [
      { type: 'puback', topicId: 55, msgId: qos, returnCode: INVALID_TOPIC_ID },
    ])
    t.match(await node.publish({ kind: 'predefined', id: 55 }, 'x', qos, qos), [{ type: 'puback', returnCode: INVALID_TOPIC_ID }])
    t.match(await node.publish({ kind: 'reserved', id: 55 }, 'x', qos, qos), [{ type: 'puback', returnCode: NOT_SUPPORTED }])
  }
  t.match(await node.publish({ kind: 'short', name: 'a#' }, 'x', 1), [{ type: 'puback', returnCode: NOT_SUPPORTED }], 'nor a wildcard')
  t.match(
    await node.publish({ kind: 'short', name: 'ab' }, 'x', 2, 0),
    [{ type: 'puback', returnCode: NOT_SUPPORTED }],
    'nor QoS 2 without an id',
  )
})

t.test('retained messages are retained, and what the rules forbid is refused', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  const topic = { kind: 'short', name: 'ab' } as const
  await node.exchange({ type: 'publish', dup: false, qos: 1, retain: true, topic, msgId: 1, payload: Buffer.from('kept') })
  t.equal(Buffer.from(bench.broker.retained('ab')!.payload).toString(), 'kept')
  bench.access.forbidden.add('ab')
  bench.access.generation++
  t.match(await node.publish(topic, 'x', 1), [{ type: 'puback', returnCode: NOT_SUPPORTED }])
})

t.test('REGISTER gives a topic one id, again the same, and refuses what is no topic', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  const first = await node.register('a/b', 1)
  const second = await node.register('a/c', 2)
  t.not(first, second)
  t.notOk([0, 0xffff, 1, 2].includes(first), 'neither a reserved nor a predefined id')
  t.equal(await node.register('a/b', 3), first)
  for (const topicName of ['', 'a/+', '#', 'a\0b']) {
    t.strictSame(await node.exchange({ type: 'register', topicId: 0, msgId: 4, topicName }), [
      { type: 'regack', topicId: 0, msgId: 4, returnCode: NOT_SUPPORTED },
    ])
  }
})

t.test('the REGACK waits for the disk', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  bench.store.hold()
  t.strictSame(await node.exchange({ type: 'register', topicId: 0, msgId: 1, topicName: 'a/b' }), [])
  t.strictSame(await node.exchange({ type: 'register', topicId: 0, msgId: 1, topicName: 'a/b' }), [])
  bench.store.release()
  t.match(await node.take(), [{ type: 'regack', returnCode: 0 }])
})

t.test('when a node has too many topic ids the one used longest ago goes, and is not given again at once', async t => {
  const bench = await SnBench.start({ config: { topic_ids: 3 } })
  const node = await bench.connected('node-1')
  const ids = []
  for (const name of ['a/1', 'a/2', 'a/3']) ids.push(await node.register(name))
  await node.publish({ kind: 'normal', id: ids[0]! }, 'used', 0)
  const fourth = await node.register('a/4')
  t.notOk(ids.includes(fourth))
  t.match(await node.publish({ kind: 'normal', id: ids[1]! }, 'x', 1), [{ type: 'puback', returnCode: INVALID_TOPIC_ID }])
  t.match(await node.publish({ kind: 'normal', id: ids[0]! }, 'x', 1), [{ type: 'puback', returnCode: 0 }])
})

t.test('predefined ids of a group go before those that all share', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  const meter = await bench.connected('meter-a/7')
  await meter.publish({ kind: 'predefined', id: 1 }, 'p')
  await meter.publish({ kind: 'predefined', id: 2 }, 'q')
  await meter.publish({ kind: 'predefined', id: 9 }, 'r')
  t.strictSame(seen, ['meters/meter-a%2F7/power p', 'site/two q', 'meters/nine r'])
  const other = await bench.connected('other')
  t.match(await other.publish({ kind: 'predefined', id: 9 }, 'x', 1), [{ type: 'puback', returnCode: INVALID_TOPIC_ID }])
})

t.test('while too much waits for the disk, publishes and registrations are answered with "congestion"', async t => {
  const bench = await SnBench.start()
  const keeper = await bench.connected('keeper', { cleanSession: false })
  await keeper.subscribe('#')
  await keeper.sleep(3600)
  const node = await bench.connected('node-1')
  bench.store.hold()
  const big = 'x'.repeat(60_000)
  for (let i = 0; i < 80; i++) await bench.publish('big', big, 1)
  t.ok(bench.broker.congested)
  for (const qos of [0, 1, 2] as const) {
    t.match(await node.publish({ kind: 'short', name: 'ab' }, 'x', qos, qos), [{ type: 'puback', returnCode: CONGESTION }])
  }
  t.match(await node.exchange({ type: 'register', topicId: 0, msgId: 1, topicName: 'a/b' }), [{ type: 'regack', returnCode: CONGESTION }])
  t.equal(bench.engine.counters.congested, 4)
  bench.store.release()
  await bench.settle()
  t.match(await node.publish({ kind: 'short', name: 'ab' }, 'x', 1), [{ type: 'puback', returnCode: 0 }])
})

t.test('while the disk takes nothing, what needs it is refused with "congestion", and what does not goes on', async t => {
  const bench = await SnBench.start()
  const keeper = await bench.connected('keeper', { cleanSession: false })
  await keeper.subscribe('site/#')
  await keeper.sleep(3600)
  const node = await bench.connected('node-1')
  const seen = bench.watch('ab')
  bench.store.fail('full')
  await bench.publish('site/x', 'x', 1)
  t.match(await node.publish({ kind: 'predefined', id: 1 }, 'x', 1), [{ type: 'puback', returnCode: CONGESTION }])
  t.match(await node.publish({ kind: 'short', name: 'ab' }, 'live', 0), [])
  t.strictSame(seen, ['ab live'])
  t.match(await bench.node().connect('lasting', { cleanSession: false }), [{ type: 'connack', returnCode: CONGESTION }])
  const clean = bench.node()
  t.match(await clean.connect('clean'), [{ type: 'connack', returnCode: 0 }], 'a clean session needs no disk')
  await clean.subscribe('ab', 0)
  await node.publish({ kind: 'short', name: 'ab' }, 'more', 0)
  t.match(await clean.drain(), [{ type: 'publish' }])
})

t.test('no more than 64 answers of one node wait for the disk', async t => {
  const bench = await SnBench.start()
  const keeper = await bench.connected('keeper', { cleanSession: false })
  await keeper.subscribe('#')
  await keeper.sleep(3600)
  const node = await bench.connected('node-1')
  bench.store.hold()
  for (let msgId = 1; msgId <= 64; msgId++) await node.publish({ kind: 'short', name: 'ab' }, 'x', 1, msgId)
  t.match(await node.publish({ kind: 'short', name: 'ab' }, 'x', 1, 65), [{ type: 'puback', msgId: 65, returnCode: CONGESTION }])
  bench.store.release()
  t.equal((await node.take()).length, 64)
})

t.test('QoS −1 publishes without a connection, by predefined ids and short names alone', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  const stranger = bench.node({ address: '192.0.2.7', port: 5000 })
  t.strictSame(await stranger.publish({ kind: 'predefined', id: 1 }, 'one', -1), [])
  t.strictSame(await stranger.publish({ kind: 'short', name: 'ab' }, 'two', -1), [])
  t.strictSame(await stranger.publish({ kind: 'normal', id: 1 }, 'no', -1), [])
  t.strictSame(await stranger.publish({ kind: 'predefined', id: 9 }, 'of a group', -1), [])
  t.strictSame(seen, ['site/one one', 'ab two'])
  t.match(
    bench.broker.clients().find(client => client.peer === '192.0.2.7:5000'),
    { clientId: '$mqtt-sn:192.0.2.7:5000', state: 'unconnected' },
  )
  t.match([bench.engine.counters.qosMinusOne, bench.engine.counters.qosMinusOneRefused], [2, 2])
  await bench.pass(301_000)
  t.notOk(
    bench.broker.clients().some(client => client.peer === '192.0.2.7:5000'),
    'after five minutes it is forgotten',
  )
})

t.test('QoS −1 of a connected node is that node’s own', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  const meter = await bench.connected('meter-1')
  await meter.publish({ kind: 'predefined', id: 1 }, 'p', -1)
  t.strictSame(seen, ['meters/meter-1/power p'])
  t.match(
    bench.broker.clients().find(client => client.clientId === 'meter-1'),
    { messagesIn: 1 },
  )
})

t.test('QoS −1 is off where the configuration says so, for all or for some topics', async t => {
  const off = await SnBench.start({ config: { qos_minus_one: false } })
  const seenOff = off.watch('#')
  await off.node().publish({ kind: 'short', name: 'ab' }, 'x', -1)
  t.strictSame(seenOff, [])
  const some = await SnBench.start({ config: { qos_minus_one_topics: ['site/+', 'zz'] } })
  const seen = some.watch('#')
  for (const name of ['ab', 'zz']) await some.node().publish({ kind: 'short', name }, 'x', -1)
  await some.node().publish({ kind: 'predefined', id: 1 }, 'x', -1)
  t.strictSame(seen, ['zz x', 'site/one x'])
})

t.test('QoS −1 asks access too', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  bench.access.banned.add('192.0.2.8')
  await bench.node({ address: '192.0.2.8' }).publish({ kind: 'short', name: 'ab' }, 'x', -1)
  t.strictSame(seen, [])
  bench.access.slow = true
  const slow = bench.node({ address: '192.0.2.9' })
  await slow.publish({ kind: 'short', name: 'ab' }, 'lost', -1)
  bench.access.decide()
  await bench.settle()
  await slow.publish({ kind: 'short', name: 'ab' }, 'kept', -1)
  t.strictSame(seen, ['ab kept'])
})

t.test('senders of QoS −1 are bounded: the longest silent goes', async t => {
  const bench = await SnBench.start()
  for (let i = 0; i < 1100; i++) await bench.node({ address: '192.0.2.7', port: 1000 + i }).publish({ kind: 'short', name: 'ab' }, 'x', -1)
  const clients = bench.broker.clients().filter(client => client.clientId.startsWith('$mqtt-sn:'))
  t.equal(clients.length, 1024)
  t.notOk(clients.some(client => client.peer === '192.0.2.7:1000'))
})

t.test('a mountpoint stands before every topic of the listener', async t => {
  const bench = await SnBench.start({ mountpoint: 'hall/' })
  const seen = bench.watch('#')
  const node = await bench.connected('node-1')
  await node.subscribe('a/+')
  const id = await node.register('a/b')
  const came = await node.publish({ kind: 'normal', id }, 'x')
  t.strictSame(seen, ['hall/a/b x'])
  t.match(came, [{ type: 'publish', topic: { kind: 'normal', id } }])
})

t.test('a node that publishes faster than its zone allows is answered with "congestion", QoS −1 is dropped', async t => {
  const bench = await SnBench.start({ limits: { rate: { messagesPerSecond: 1, burst: 3, bytesPerSecond: 0 } } })
  const seen = bench.watch('#')
  const node = await bench.connected('node-1')
  const topic = { kind: 'short', name: 'ab' } as const
  const codes = []
  for (let msgId = 1; msgId <= 4; msgId++) codes.push((await node.publish(topic, 'x', 1, msgId))[0])
  t.match(codes, [{ returnCode: 0 }, { returnCode: 0 }, { returnCode: 0 }, { returnCode: CONGESTION }])
  await bench.pass(1000)
  t.match(await node.publish(topic, 'x', 1, 5), [{ returnCode: 0 }])
  t.equal(seen.splice(0).length, 4)
  const stranger = bench.node()
  for (let i = 0; i < 5; i++) await stranger.publish(topic, 'y', -1)
  t.equal(seen.length, 3)
})

t.test('a payload above max_packet is refused', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  const node = await bench.connected('node-1')
  const topic = { kind: 'short', name: 'ab' } as const
  t.match(await node.publish(topic, 'x'.repeat(50_001), 1), [{ type: 'puback', returnCode: NOT_SUPPORTED }])
  await node.publish(topic, 'x'.repeat(50_001), -1)
  t.strictSame(seen, [])
  t.match(await node.publish(topic, 'x'.repeat(50_000), 1), [{ type: 'puback', returnCode: 0 }])
})
