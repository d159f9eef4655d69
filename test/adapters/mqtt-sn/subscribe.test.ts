/** SUBSCRIBE, UNSUBSCRIBE, and messages to nodes (MQTT-SN 1.2 §6.5, §6.9, §6.10). */
import t from 'tap'
import { payloads, SnBench } from './bench.ts'

const CODES = { invalidTopicId: 2, notSupported: 3 }

t.test('subscribe by a normal name: the SUBACK brings the id, and messages come by it', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  const [suback] = await node.subscribe('a/b', 1, 5)
  t.match(suback, { type: 'suback', qos: 1, msgId: 5, returnCode: 0 })
  const topicId = (suback as { topicId: number }).topicId
  t.not(topicId, 0)
  await bench.publish('a/b', 'x', 1)
  t.match(await node.drain(), [{ type: 'publish', qos: 1, dup: false, topic: { kind: 'normal', id: topicId } }])
  t.equal(await node.register('a/b'), topicId, 'it is the id for publishing too')
})

t.test('subscribe by predefined id', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('meter-1')
  const predefined = (id: number, msgId: number) =>
    node.exchange({ type: 'subscribe', dup: false, qos: 1, msgId, topic: { kind: 'predefined', id } })
  t.strictSame(await predefined(2, 6), [{ type: 'suback', qos: 1, topicId: 2, msgId: 6, returnCode: 0 }])
  await predefined(1, 7)
  await bench.publish('site/two', 'x', 0)
  await bench.publish('meters/meter-1/power', 'y', 0)
  t.match(await node.drain(), [
    { type: 'publish', topic: { kind: 'predefined', id: 2 } },
    { type: 'publish', topic: { kind: 'predefined', id: 1 } },
  ])
  t.match(await predefined(77, 8), [{ type: 'suback', msgId: 8, returnCode: CODES.invalidTopicId }], 'an unknown id')
})

t.test('subscribe by short name', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  const answer = await node.exchange({ type: 'subscribe', dup: false, qos: 0, msgId: 7, topic: { kind: 'short', name: 'ab' } })
  t.strictSame(answer, [{ type: 'suback', qos: 0, topicId: 0, msgId: 7, returnCode: 0 }])
  await bench.publish('ab', 'x', 2)
  t.match(await node.drain(), [{ type: 'publish', qos: 0, msgId: 0, topic: { kind: 'short', name: 'ab' } }])
})

t.test('subscribe with a wildcard: each topic is registered before its first message', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  t.match(await node.subscribe('a/+'), [{ type: 'suback', topicId: 0, returnCode: 0 }])
  await bench.publish('a/1', 'one', 0)
  const [register] = await node.take()
  t.match(register, { type: 'register', topicName: 'a/1' })
  const { topicId, msgId } = register as { topicId: number; msgId: number }
  t.match(await node.exchange({ type: 'regack', topicId, msgId, returnCode: 0 }), [
    { type: 'publish', topic: { kind: 'normal', id: topicId } },
  ])
  await bench.publish('a/1', 'two', 0)
  t.match(await node.take(), [{ type: 'publish', topic: { kind: 'normal', id: topicId } }], 'the second needs none')
})

t.test('what a wildcard matches comes by predefined id or short name where there is one', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  await node.subscribe('#')
  await bench.publish('site/two', 'x')
  await bench.publish('ab', 'y')
  t.match(await node.drain(), [
    { type: 'publish', topic: { kind: 'predefined', id: 2 } },
    { type: 'publish', topic: { kind: 'short', name: 'ab' } },
  ])
})

t.test('subscriptions that cannot be are refused', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  bench.access.forbidden.add('secret')
  bench.access.generation++
  for (const name of ['', 'a/#/b', 'a+', 'a\0', 'secret'])
    t.match(await node.subscribe(name), [{ type: 'suback', returnCode: CODES.notSupported }])
  const by = (qos: -1 | 0, topic: { kind: 'reserved'; id: number } | { kind: 'name'; name: string }) =>
    node.exchange({ type: 'subscribe', dup: false, qos, msgId: 1, topic })
  t.match(await by(0, { kind: 'reserved', id: 1 }), [{ type: 'suback', returnCode: CODES.notSupported }])
  t.match(await by(-1, { kind: 'name', name: 'a' }), [{ type: 'suback', returnCode: CODES.notSupported }])
  await bench.publish('a', 'x', 1)
  t.strictSame(await node.take(), [], 'deliveries are not held for ever, there are none')
})

t.test('the SUBACK waits for the disk, and retained messages for the SUBACK', async t => {
  const bench = await SnBench.start()
  await bench.publish('a/b', 'kept', 1, true)
  const node = await bench.connected('node-1')
  bench.store.hold()
  t.strictSame(await node.subscribe('a/b'), [])
  t.strictSame(await node.subscribe('a/b'), [])
  bench.store.release()
  t.match(await node.drain(), [
    { type: 'suback', returnCode: 0 },
    { type: 'publish', retain: true, qos: 1 },
  ])
  t.match(
    await node.exchange({ type: 'subscribe', dup: true, qos: 1, msgId: 3, topic: { kind: 'name', name: 'a/b' } }),
    [{ type: 'suback' }],
    'repeated with DUP: once is enough',
  )
})

t.test('unsubscribe by name, predefined id and short name', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  for (const topic of [
    { kind: 'name', name: 'a/b' },
    { kind: 'predefined', id: 1 },
    { kind: 'short', name: 'ab' },
  ] as const) {
    await node.exchange({ type: 'subscribe', dup: false, qos: 0, msgId: 1, topic })
    t.strictSame(await node.exchange({ type: 'unsubscribe', msgId: 2, topic }), [{ type: 'unsuback', msgId: 2 }])
  }
  for (const topic of ['a/b', 'site/one', 'ab']) await bench.publish(topic, 'x')
  t.strictSame(await node.take(), [])
  t.strictSame(await node.exchange({ type: 'unsubscribe', msgId: 3, topic: { kind: 'predefined', id: 77 } }), [
    { type: 'unsuback', msgId: 3 },
  ])
})

t.test('one message is in flight at a time, in order', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  await node.subscribe('a/b', 2)
  for (const [index, qos] of [1, 2, 0, 1].entries()) await bench.publish('a/b', String(index), qos as 0 | 1 | 2)
  t.strictSame(payloads(await node.take()), ['0'], 'the rest waits for the PUBACK')
  node.send({ type: 'puback', topicId: 3, msgId: 1, returnCode: 0 })
  t.strictSame(payloads(await node.drain()), ['1', '2', '3'])
})

t.test('QoS 2 to a node: PUBREC, PUBREL, PUBCOMP, each repeated until it is answered', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1', { durationSeconds: 600 })
  await node.subscribe('a/b', 2)
  await bench.publish('a/b', 'x', 2)
  const [publish] = await node.take()
  t.match(publish, { type: 'publish', qos: 2, dup: false })
  const { msgId } = publish as { msgId: number }
  await bench.pass(10_000)
  t.match(await node.take(), [{ type: 'publish', dup: true, msgId }])
  t.strictSame(await node.exchange({ type: 'pubrec', msgId }), [{ type: 'pubrel', msgId }])
  await bench.pass(10_000)
  t.strictSame(await node.take(), [{ type: 'pubrel', msgId }])
  t.strictSame(await node.exchange({ type: 'pubrec', msgId }), [{ type: 'pubrel', msgId }], 'PUBREC again')
  t.strictSame(await node.exchange({ type: 'pubcomp', msgId }), [])
  await bench.pass(30_000)
  t.strictSame(await node.take(), [])
  t.match(
    bench.broker.clients().find(client => client.clientId === 'node-1'),
    { queued: 0 },
  )
  t.strictSame(await node.exchange({ type: 'pubrec', msgId: 999 }), [{ type: 'pubrel', msgId: 999 }], 'a PUBREC of nothing is completed')
})

t.test('a message without PUBACK is sent again with DUP; silence loses the node, not the message', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1', { cleanSession: false, durationSeconds: 600 })
  await node.subscribe('a/b')
  await bench.publish('a/b', 'x', 1)
  t.match(await node.take(), [{ type: 'publish', dup: false }])
  for (let times = 0; times < 3; times++) {
    await bench.pass(10_000)
    t.match(await node.take(), [{ type: 'publish', dup: true }])
  }
  t.equal(bench.engine.clients, 1)
  await bench.pass(10_000)
  t.equal(bench.engine.clients, 0, 'after N_retry it is lost')
  const came = await node.drain(await node.connect('node-1', { cleanSession: false }))
  t.match(
    came,
    [{ type: 'connack' }, { type: 'register', topicName: 'a/b' }, { type: 'publish', dup: true }],
    'its topic is registered anew for this connection',
  )
  t.match(bench.broker.clients(), [{ queued: 0 }, { clientId: 'source' }])
})

t.test('a node that is there and never takes a message loses it after three rounds, and gets the next', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1', { durationSeconds: 600 })
  await node.subscribe('a/b')
  await bench.publish('a/b', 'poison', 1)
  await bench.publish('a/b', 'good', 1)
  for (let seconds = 0; seconds < 119; seconds += 7) {
    await bench.pass(7000)
    await node.exchange({ type: 'pingreq', clientId: '' })
  }
  await bench.pass(7000)
  t.strictSame(payloads(await node.drain()).at(-1), 'good')
  t.match(bench.broker.status().counters.dropped, { 'refused-by-recipient': 1 })
  t.equal(bench.engine.clients, 1)
})

t.test('what a node does with a PUBLISH: not supported drops it, congestion repeats it, an unknown id registers it anew', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1', { durationSeconds: 600 })
  await node.subscribe('a/b')
  const answer = async (returnCode: number) => {
    const [publish] = await node.take()
    const { msgId, topic } = publish as { msgId: number; topic: { id: number } }
    return node.exchange({ type: 'puback', topicId: topic.id, msgId, returnCode })
  }
  await bench.publish('a/b', 'one', 1)
  t.strictSame(await answer(3), [])
  t.match(bench.broker.status().counters.dropped, { 'refused-by-recipient': 1 })
  await bench.publish('a/b', 'two', 1)
  t.strictSame(await answer(1), [])
  await bench.pass(10_000)
  const repeated = await answer(2)
  t.match(repeated, [{ type: 'register', topicName: 'a/b' }])
  t.match(await node.drain(repeated), [{ type: 'register' }, { type: 'publish', qos: 1 }])
  t.match(bench.broker.clients()[0], { queued: 0 })
})

t.test('a QoS 0 message whose id the node does not know: the next one is registered', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  const [suback] = await node.subscribe('a/b', 0)
  const { topicId } = suback as { topicId: number }
  await bench.publish('a/b', 'one')
  t.match(await node.exchange({ type: 'puback', topicId, msgId: 0, returnCode: 2 }), [{ type: 'publish' }])
  await bench.publish('a/b', 'two')
  t.match(await node.drain(), [{ type: 'register', topicName: 'a/b', topicId }, { type: 'publish' }])
})

t.test('REGISTER queueing: what comes while a topic is being registered waits, in order', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  await node.subscribe('a/+')
  for (const [index, topic] of ['a/1', 'a/2', 'a/1', 'a/3'].entries()) await bench.publish(topic, String(index), index === 2 ? 0 : 1)
  t.match(await node.take(), [{ type: 'register', topicName: 'a/1' }])
  node.send({ type: 'regack', topicId: 3, msgId: 1, returnCode: 0 })
  const came = await node.drain()
  t.strictSame(payloads(came), ['0', '1', '2', '3'])
  t.strictSame(
    came.map(packet => packet.type),
    ['publish', 'register', 'publish', 'publish', 'register', 'publish'],
  )
})

t.test('REGISTER refusal: the message is dropped and counted, the next topic goes on', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  await node.subscribe('a/+')
  await bench.publish('a/1', 'one', 1)
  await bench.publish('a/2', 'two', 0)
  await bench.publish('a/3', 'three', 1)
  const [first] = await node.take()
  const second = await node.exchange({ ...(first as { topicId: number; msgId: number }), type: 'regack', returnCode: 3 })
  t.match(second, [{ type: 'register', topicName: 'a/2' }])
  const third = await node.exchange({ ...(second[0] as { topicId: number; msgId: number }), type: 'regack', returnCode: 2 })
  t.match(third, [{ type: 'register', topicName: 'a/3' }])
  t.strictSame(payloads(await node.drain(third)), ['three'])
  t.match(bench.broker.status().counters.dropped, { 'refused-by-recipient': 2 })
  t.equal(bench.engine.counters.undeliverable, 1)
})

t.test('REGISTER retries: it is repeated, congestion is patience, silence loses the node', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1', { cleanSession: false, durationSeconds: 600 })
  await node.subscribe('a/+')
  await bench.publish('a/1', 'one', 1)
  const [register] = await node.take()
  await bench.pass(30_000)
  t.strictSame(await node.take(), [register, register, register])
  node.send({ ...(register as { topicId: number; msgId: number }), type: 'regack', returnCode: 1 })
  await bench.pass(30_000)
  t.strictSame(await node.take(), [register, register, register])
  await bench.pass(10_000)
  t.equal(bench.engine.clients, 0)
  t.strictSame(payloads(await node.drain(await node.connect('node-1', { cleanSession: false }))), ['one'])
})

t.test('an answer to another REGISTER is not taken for this one', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  await node.subscribe('a/+')
  await bench.publish('a/1', 'one', 1)
  const [register] = await node.take()
  const { topicId, msgId } = register as { topicId: number; msgId: number }
  t.strictSame(await node.exchange({ type: 'regack', topicId, msgId: msgId + 1, returnCode: 0 }), [])
  t.strictSame(await node.exchange({ type: 'regack', topicId: topicId + 1, msgId, returnCode: 0 }), [])
  t.match(await node.exchange({ type: 'regack', topicId, msgId, returnCode: 0 }), [{ type: 'publish' }])
  t.strictSame(await node.exchange({ type: 'regack', topicId, msgId, returnCode: 0 }), [], 'nor the same again')
})

t.test('the REGISTER leaves only when the id is on disk', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  await node.subscribe('a/+')
  bench.store.hold()
  await bench.publish('a/1', 'one', 0)
  t.strictSame(await node.take(), [])
  bench.store.release()
  t.match(await node.take(), [{ type: 'register' }])
})

t.test('a message that fits no datagram is dropped and counted, the next one comes', async t => {
  const bench = await SnBench.start({ config: { max_datagram: 200 } })
  const node = await bench.connected('node-1')
  await node.subscribe('#')
  const big = 'x'.repeat(200)
  await bench.publish('ab', big, 1)
  await bench.publish('ab', big, 0)
  await bench.publish(`a/${'b'.repeat(200)}`, 'long name', 1)
  await bench.publish('ab', 'fits', 1)
  t.strictSame(payloads(await node.drain()), ['fits'])
  t.match(bench.broker.status().counters.dropped, { 'too-large': 3 })
  t.equal(bench.engine.counters.undeliverable, 1)
})

t.test('a node that has connected anew without clean session keeps its ids, and is told them again', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1', { cleanSession: false })
  const id = await node.register('a/b')
  await node.subscribe('a/b')
  await node.exchange({ type: 'disconnect', durationSeconds: undefined })
  await bench.publish('a/b', 'waiting', 1)
  t.match(await node.drain(await node.connect('node-1', { cleanSession: false })), [
    { type: 'connack' },
    { type: 'register', topicId: id, topicName: 'a/b' },
    { type: 'publish', topic: { id } },
  ])
  t.match(await node.publish({ kind: 'normal', id }, 'x', 1), [{ type: 'puback', returnCode: 0 }, { type: 'publish' }])
})
