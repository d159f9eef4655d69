import t from 'tap'
import type { Packet, QoS } from '#codecs/mqtt/index.ts'
import { takeAll } from '../clients/mqtt/scripted-server.ts'
import { BridgeBench, settings } from './bench.ts'
import { pass } from './turns.ts'

const IN = { out: [], in: [{ from: 'site/cmd/#', to: 'cmd/${rest}', qos: 2 }] }

function message(topic: string, payload: string, qos: QoS, packetId = 0, more: Partial<Extract<Packet, { type: 'publish' }>> = {}): Packet {
  const ids = qos === 0 ? {} : { packetId }
  return { type: 'publish', topic, payload: Buffer.from(payload), qos, retain: false, dup: false, ...ids, ...more }
}

function subscribe(bench: BridgeBench, ...filters: string[]): void {
  bench.device.subscribe(filters.map(filter => ({ filter, qos: 2 })))
}

/** A durable session that is offline: what it gets needs the disk. */
async function sleeper(bench: BridgeBench): Promise<void> {
  const client = bench.attachDevice('sleeper', false)
  client.subscribe([{ filter: 'cmd/#', qos: 1 }])
  client.detach(true)
  await bench.turns()
}

t.test('messages of the upstream become local ones, and are acknowledged in order', async t => {
  const bench = await BridgeBench.start(IN)
  subscribe(bench, 'cmd/#')
  t.match(bench.upstream.last.all('subscribe'), [
    { subscriptions: [{ filter: 'site/cmd/#', qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 1 }] },
  ])
  const properties = {
    contentType: 'text/plain',
    userProperties: [['k', 'v']] as [string, string][],
    messageExpiryInterval: 60,
    correlationData: Uint8Array.of(1),
  }
  bench.upstream.last.send(
    message('site/cmd/a', '0', 0),
    message('site/cmd/b', '1', 1, 10, { properties }),
    message('site/cmd/c', '2', 2, 11),
  )
  bench.upstream.last.send({ type: 'pubrel', packetId: 11, reasonCode: 0 })
  await bench.turns()
  t.same(bench.gotTexts, ['cmd/a 0', 'cmd/b 1', 'cmd/c 2'])
  t.match(bench.got[1], {
    publisher: '$bridge:cloud',
    properties: { contentType: 'text/plain', userProperties: [['k', 'v']], correlationData: Uint8Array.of(1) },
  })
  t.ok(bench.got[1].expiresAtMs > 0)
  const answers = bench.upstream.last.packets.filter(packet => ['puback', 'pubrec', 'pubcomp'].includes(packet.type))
  t.same(
    answers.map(packet => `${packet.type} ${'packetId' in packet ? packet.packetId : ''}`),
    ['puback 10', 'pubrec 11', 'pubcomp 11'],
  )
  t.equal(bench.bridge.status().received, 3)
})

t.test('the acknowledgement leaves only after the local commit', async t => {
  const bench = await BridgeBench.start(IN)
  await sleeper(bench)
  bench.store.hold()
  bench.upstream.last.send(message('site/cmd/a', '1', 1, 10), message('site/cmd/a', '2', 2, 11))
  await bench.turns()
  t.equal(bench.upstream.last.all('puback').length + bench.upstream.last.all('pubrec').length, 0)
  bench.store.release()
  await bench.turns()
  t.equal(bench.upstream.last.all('puback').length, 1)
  t.equal(bench.upstream.last.all('pubrec').length, 1)
})

t.test('while the store is full acknowledgements are withheld; nothing is lost when it recovers', async t => {
  const bench = await BridgeBench.start(IN)
  await sleeper(bench)
  bench.store.fail('full')
  bench.upstream.last.send(message('site/cmd/a', '1', 1, 10))
  await bench.turns()
  bench.upstream.last.send(message('site/cmd/a', '2', 1, 11), message('site/cmd/a', '3', 1, 12))
  await pass(bench.clock, 5000)
  t.equal(bench.upstream.last.all('puback').length, 0)
  t.match(bench.bridge.status(), { state: 'connected', lastError: /store takes nothing/ })
  bench.store.heal()
  await pass(bench.clock, 2000)
  t.same(
    bench.upstream.last.all('puback').map(packet => packet.packetId),
    [10, 11, 12],
  )
  bench.got.length = 0
  bench.attachDevice('sleeper', false)
  await bench.turns()
  t.same(bench.gotTexts, ['cmd/a 1', 'cmd/a 2', 'cmd/a 3'])
})

t.test('QoS 2 from the upstream arrives once, through a crash too', async t => {
  const bench = await BridgeBench.start(IN)
  subscribe(bench, 'cmd/#')
  bench.upstream.last.send(message('site/cmd/a', 'x', 2, 11))
  await bench.turns()
  bench.upstream.onPacket = (packet, connection) => {
    if (packet.type === 'connect') connection.send({ type: 'connack', sessionPresent: true, reasonCode: 0 })
  }
  await bench.crash(IN)
  subscribe(bench, 'cmd/#')
  bench.upstream.last.send(message('site/cmd/a', 'x', 2, 11, { dup: true }), { type: 'pubrel', packetId: 11, reasonCode: 0 })
  await bench.turns()
  t.same(bench.gotTexts, ['cmd/a x'])
  t.equal(bench.upstream.last.all('pubrec').length, 1)
  t.match(bench.upstream.last.all('pubcomp'), [{ packetId: 11, reasonCode: 0 }])
  bench.upstream.last.send(message('site/cmd/a', 'y', 2, 11))
  await bench.turns()
  t.same(bench.gotTexts, ['cmd/a x', 'cmd/a y'], 'the id is free again')
})

t.test('ids of a session that the upstream lost do not swallow new messages', async t => {
  const bench = await BridgeBench.start(IN)
  subscribe(bench, 'cmd/#')
  bench.upstream.last.send(message('site/cmd/a', 'x', 2, 11))
  await bench.turns()
  bench.upstream.last.reset()
  bench.upstream.onPacket = takeAll([]) // session present 0
  await pass(bench.clock, 5000)
  bench.upstream.last.send(message('site/cmd/a', 'y', 2, 11))
  await bench.turns()
  t.same(bench.gotTexts, ['cmd/a x', 'cmd/a y'])
})

t.test('a PUBREL for nothing is answered as such', async t => {
  const bench = await BridgeBench.start(IN)
  bench.upstream.last.send({ type: 'pubrel', packetId: 77, reasonCode: 0 })
  await bench.turns()
  t.match(bench.upstream.last.all('pubcomp'), [{ packetId: 77, reasonCode: 0x92 }])
})

t.test('a message never goes back over the bridge that it came by', async t => {
  const bench = await BridgeBench.start({ out: [{ from: '#' }], in: [{ from: '#' }] })
  subscribe(bench, 'a')
  bench.upstream.last.send(message('a', 'down', 1, 10))
  await bench.turns()
  t.same(bench.gotTexts, ['a down'])
  t.equal(bench.upstream.last.all('publish').length, 0)
  bench.publish('a', 'up')
  await bench.turns()
  t.same(bench.texts, ['up'])
})

t.test('messages that no route wants any more are acknowledged, and routes that are gone are unsubscribed', async t => {
  const bench = await BridgeBench.start({ out: [], in: [{ from: 'a' }, { from: 'b' }] })
  subscribe(bench, '#')
  await bench.bridge.reload(settings({ out: [], in: [{ from: 'b', to: 'c' }] }))
  bench.upstream.last.send(message('a', '1', 1, 10), message('b', '2', 1, 11))
  await bench.turns()
  t.same(bench.gotTexts, ['c 2'])
  t.equal(bench.upstream.last.all('puback').length, 2)
  t.match(bench.upstream.last.all('unsubscribe'), [{ filters: ['a'] }])
  await bench.crash({ out: [], in: [] })
  t.match(bench.upstream.last.all('unsubscribe'), [{ filters: ['b'] }], 'those of an earlier run too')
})

t.test('a topic that is none is dropped with a word, and acknowledged', async t => {
  const bench = await BridgeBench.start({ out: [], in: [{ from: 'site/#', to: '${rest}' }] })
  bench.upstream.last.send(message('site', '1', 1, 10))
  await bench.turns()
  t.equal(bench.upstream.last.all('puback').length, 1)
  t.match(bench.bridge.status().lastError, /local topic is empty/)
})

t.test('a subscription that the upstream refuses is told, the rest works', async t => {
  const bench = new BridgeBench()
  bench.upstream.onPacket = (packet, connection) => {
    if (packet.type === 'connect') connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 })
    if (packet.type === 'subscribe') connection.send({ type: 'suback', packetId: packet.packetId, reasonCodes: [0x87, 1] })
  }
  await bench.boot({ out: [], in: [{ from: 'secret/#' }, { from: 'b' }] })
  t.match(bench.bridge.status(), { state: 'connected', lastError: /subscribing to secret\/#: the server does not permit this/ })
})

t.test('many filters go in several SUBSCRIBEs', async t => {
  const bench = await BridgeBench.start({ out: [], in: Array.from({ length: 20 }, (_, i) => ({ from: `a/${i}` })) })
  t.same(
    bench.upstream.last.all('subscribe').map(packet => packet.subscriptions.length),
    [8, 8, 4],
  )
})

t.test('a flood that the store cannot take ends the connection; what was not acknowledged comes again', async t => {
  const bench = await BridgeBench.start({ ...IN, receive_maximum: 100 })
  await sleeper(bench)
  bench.store.fail('full')
  bench.upstream.last.send(message('site/cmd/a', 'x', 1, 1))
  await bench.turns()
  for (let id = 2; id <= 20; id++) bench.upstream.last.send(message('site/cmd/a', 'x'.repeat(1 << 20), 1, id))
  await bench.turns()
  t.match(bench.bridge.status(), { state: 'waiting', lastError: /too much of the upstream waits/ })
})
