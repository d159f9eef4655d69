import t from 'tap'
import type { ConnectPacket, Packet } from '#codecs/mqtt/index.ts'
import { eventually } from '../../support/eventually.ts'
import { MqttHarness } from '../../support/mqtt-harness.ts'
import { DISCONNECT, persistent, pubacks, publish, texts, types } from './packets.ts'

const will = (delaySeconds?: number): Partial<ConnectPacket> => ({
  will: {
    topic: 'will',
    payload: Buffer.from('gone'),
    qos: 1,
    retain: false,
    ...(delaySeconds !== undefined && { properties: { willDelayInterval: delaySeconds } }),
  },
})

t.test('messages arrive at each QoS, at the lower of what was published and what was granted', async t => {
  const harness = await MqttHarness.start()
  for (const granted of [0, 1, 2] as const) {
    for (const published of [0, 1, 2] as const) {
      const sub = await harness.connect(`sub${granted}${published}`)
      const topic = `q/${granted}/${published}`
      t.match(await sub.subscribe(topic, granted), [{ type: 'connack' }, { type: 'suback', reasonCodes: [granted] }])
      const pub = await harness.connect('pub')
      await pub.exchange(publish(topic, 'x', published, published > 0 ? 1 : undefined))
      t.match(await sub.take(), [{ type: 'publish', topic, qos: Math.min(granted, published), retain: false, dup: false }])
    }
  }
})

t.test('the QoS 2 handshake runs in both directions', async t => {
  const harness = await MqttHarness.start()
  const sub = await harness.connect('sub')
  await sub.subscribe('a', 2)
  const pub = await harness.connect('pub')
  await pub.take()
  t.match(await pub.exchange(publish('a', 'x', 2, 1)), [{ type: 'pubrec', packetId: 1 }])
  t.match(await pub.exchange(publish('a', 'x', 2, 1)), [{ type: 'pubrec', packetId: 1 }], 'a repetition is answered')
  t.match(await pub.exchange({ type: 'pubrel', packetId: 1, reasonCode: 0 }), [{ type: 'pubcomp', packetId: 1 }])
  const [delivery, ...more] = (await sub.take()) as { packetId: number }[]
  t.equal(more.length, 0, 'and routed once')
  const { packetId } = delivery
  t.match(await sub.exchange({ type: 'pubrec', packetId, reasonCode: 0 }), [{ type: 'pubrel', packetId }])
  t.match(await sub.exchange({ type: 'pubrec', packetId, reasonCode: 0 }), [{ type: 'pubrel', packetId }], 'a repeated PUBREC too')
  t.same(await sub.exchange({ type: 'pubcomp', packetId, reasonCode: 0 }), [])
  t.equal(harness.broker.clients().find(client => client.clientId === 'sub')?.queued, 0)
})

t.test('a client that comes twice takes its session over', async t => {
  const harness = await MqttHarness.start()
  const first = await harness.connect('twin', { ...persistent, protocolVersion: 5, properties: { sessionExpiryInterval: 100 } })
  await first.subscribe('a', 1)
  const second = await harness.connect('twin', { ...persistent, protocolVersion: 5, properties: { sessionExpiryInterval: 100 } })
  t.match(await first.take(), [{ type: 'disconnect', reasonCode: 0x8e }])
  t.ok(first.closed)
  t.match(await second.take(), [{ type: 'connack', sessionPresent: true }])
  const pub = await harness.connect('pub')
  await pub.exchange(publish('a', 'x', 1, 1))
  t.same(texts(await second.take()), ['x'])
})

t.test('a clean start forgets subscriptions and messages', async t => {
  const harness = await MqttHarness.start()
  const first = await harness.connect('c', persistent)
  await first.subscribe('a', 1)
  await first.exchange(DISCONNECT)
  const pub = await harness.connect('pub')
  await pub.exchange(publish('a', 'old', 1, 1))
  const clean = await harness.connect('c')
  t.match(await clean.take(), [{ type: 'connack', sessionPresent: false }])
  await pub.exchange(publish('a', 'new', 1, 2))
  t.same(await clean.take(), [])
  t.equal(harness.disk.queues.size, 0)
  t.equal(harness.disk.records.get('session'), undefined)
})

t.test('the will goes out when the client is lost, and not after a DISCONNECT', async t => {
  const harness = await MqttHarness.start()
  const watcher = await harness.connect('watcher')
  await watcher.subscribe('will', 1)
  const lost = await harness.connect('lost', will())
  lost.vanish()
  const packets = await watcher.take()
  t.same(texts(packets), ['gone'])
  const polite = await harness.connect('polite', will())
  await polite.exchange(DISCONNECT)
  t.same(texts(await watcher.exchange(...pubacks(packets))), [])
  t.equal(harness.disk.records.get('will'), undefined, 'nothing of it stays on disk')
})

t.test('a will delay is kept, and ends when the client comes back', async t => {
  const harness = await MqttHarness.start()
  const watcher = await harness.connect('watcher')
  await watcher.subscribe('will', 0)
  const five: Partial<ConnectPacket> = { ...will(10), protocolVersion: 5, cleanStart: false, properties: { sessionExpiryInterval: 100 } }
  const first = await harness.connect('w', five)
  first.vanish()
  await watcher.take()
  harness.clock.advance(9_000)
  t.same(await watcher.take(), [])
  const second = await harness.connect('w', five)
  harness.clock.advance(20_000)
  t.same(texts(await watcher.take()), [], 'it came back')
  second.vanish()
  harness.clock.advance(11_000)
  t.same(texts(await watcher.take()), ['gone'])
})

t.test('after a crash a will waits half a minute for its client', async t => {
  const harness = await MqttHarness.start()
  await harness.connect('w', will())
  await harness.connect('v', will())
  await harness.crash()
  const watcher = await harness.connect('watcher')
  await watcher.subscribe('will', 0)
  await harness.connect('v')
  harness.clock.advance(29_000)
  t.same(texts(await watcher.take()), [])
  harness.clock.advance(2_000)
  t.same(texts(await watcher.take()), ['gone'], 'one of the two')
})

t.test('a silent client is closed after one and a half times its keep alive, a paused one is not', async t => {
  const harness = await MqttHarness.start()
  const silent = await harness.connect('silent', { keepAlive: 10, protocolVersion: 5 })
  const pinging = await harness.connect('pinging', { keepAlive: 10 })
  await silent.take()
  await pinging.take()
  for (let i = 0; i < 3; i++) {
    harness.clock.advance(5_000)
    t.match(await pinging.exchange({ type: 'pingreq' }), [{ type: 'pingresp' }])
  }
  harness.clock.advance(2_000)
  t.match(await silent.take(), [{ type: 'disconnect', reasonCode: 0x8d }])
  t.ok(silent.closed)
  t.notOk(pinging.closed)
})

t.test('a connection without CONNECT is closed after the time-out', async t => {
  const harness = await MqttHarness.start()
  const peer = harness.peer()
  peer.sendBytes(Buffer.from([0x10, 20, 0, 4]))
  harness.clock.advance(17_000)
  await harness.settle()
  t.ok(peer.closed)
})

t.test('jumps of the wall clock disconnect nobody and expire nothing', async t => {
  const harness = await MqttHarness.start()
  const alive = await harness.connect('alive', { keepAlive: 10 })
  const away = await harness.connect('away', persistent)
  await away.subscribe('a', 1)
  away.vanish()
  harness.clock.jumpWall(10 * 365 * 86_400_000)
  harness.clock.advance(5_000)
  harness.clock.jumpWall(-20 * 365 * 86_400_000)
  harness.clock.advance(5_000)
  await harness.settle()
  t.notOk(alive.closed)
  t.match((await (await harness.connect('away', persistent)).take())[0], { sessionPresent: true })
})

t.test('a session expires after its time, also over a restart', async t => {
  const harness = await MqttHarness.start({ sessionExpiryMs: 60_000 })
  const first = await harness.connect('c', persistent)
  first.vanish()
  harness.clock.advance(30_000)
  await harness.settle()
  await harness.crash()
  harness.clock.advance(25_000)
  await harness.settle()
  t.equal(harness.broker.clients().length, 1)
  harness.clock.advance(10_000)
  await harness.settle()
  t.equal(harness.broker.clients().length, 0)
  t.equal(harness.disk.records.get('session'), undefined)
})

t.test('retained messages come at subscription with RETAIN, after the SUBACK, and live ones without', async t => {
  const harness = await MqttHarness.start()
  const pub = await harness.connect('pub')
  await pub.exchange(publish('r/a', 'one', 0, undefined, true), publish('r/b', 'two', 1, 1, true))
  const sub = await harness.connect('sub')
  await sub.take()
  const packets = await sub.subscribe('r/+', 1)
  t.same(types(packets), ['suback', 'publish', 'publish'])
  t.match(packets.slice(1), [{ retain: true }, { retain: true }])
  await sub.exchange(...pubacks(packets))
  await pub.exchange(publish('r/a', 'three', 0, undefined, true))
  t.match(await sub.take(), [{ retain: false }])
})

t.test('MQTT 5: no local, retain as published, retain handling, subscription identifiers and properties', async t => {
  const harness = await MqttHarness.start()
  const client = await harness.connect('c', { protocolVersion: 5 })
  await client.take()
  const options = { qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 } as const
  const properties = { subscriptionIdentifier: [7] }
  const subscribe: Packet = { type: 'subscribe', packetId: 1, subscriptions: [{ filter: 'x/#', ...options }], properties }
  t.match(await client.exchange(subscribe), [{ type: 'suback', reasonCodes: [1] }])
  t.match(await client.exchange(publish('x/1', 'own', 1, 1)), [{ type: 'puback', reasonCode: 0 }])
  const other = await harness.connect('o', { protocolVersion: 5 })
  const userProperties: [string, string][] = [
    ['k', '1'],
    ['k', '2'],
  ]
  const sent = {
    ...publish('x/2', 'other', 1, 1, true),
    properties: { userProperties, contentType: 't', messageExpiryInterval: 100 },
  } as Packet
  await other.exchange(sent)
  t.match(await client.take(), [
    { retain: true, properties: { userProperties, contentType: 't', messageExpiryInterval: 100, subscriptionIdentifier: [7] } },
  ])
  t.match(await other.exchange(publish('nobody', 'x', 1, 2)), [{ type: 'puback', reasonCode: 0x10 }])
})

t.test('an expired message is not delivered', async t => {
  const harness = await MqttHarness.start()
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('a', 1)
  sub.vanish()
  const pub = await harness.connect('pub', { protocolVersion: 5 })
  await pub.exchange({ ...publish('a', 'short', 1, 1), properties: { messageExpiryInterval: 5 } } as Packet, publish('a', 'long', 1, 2))
  harness.clock.advance(6_000)
  t.same(texts(await (await harness.connect('sub', persistent)).take()), ['long'])
  t.equal(harness.broker.status().counters.dropped.expired, 1)
})

t.test('a run of QoS 0 publishes reaches recipients of every version, also in pieces of any size', async t => {
  const harness = await MqttHarness.start()
  const subs = await Promise.all([3, 4, 5].map(version => harness.connect(`s${version}`, { protocolVersion: version as 3 | 4 | 5 })))
  for (const sub of subs) {
    await sub.subscribe('#', 0)
  }
  const pub = await harness.connect('pub')
  await pub.take()
  const { encodePacket } = await import('#codecs/mqtt/index.ts')
  const bytes = Buffer.concat(Array.from({ length: 20 }, (_, i) => encodePacket(publish(i % 7 < 5 ? 'a' : 'b', `m${i}`, 0), 4)))
  for (const size of [1, 2, 3, 7, 50, 1000]) {
    for (let at = 0; at < bytes.length; at += size) pub.sendBytes(bytes.subarray(at, at + size))
    for (const sub of subs)
      t.same(
        texts(await sub.take()),
        Array.from({ length: 20 }, (_, i) => `m${i}`),
        `chunks of ${size}`,
      )
  }
})

t.test('clients that may not come in get their answer', async t => {
  const harness = await MqttHarness.start()
  const far = await harness.connect('far', {}, { loopback: false })
  t.match(await far.take(), [{ type: 'connack', reasonCode: 5 }])
  t.ok(far.closed)
  const far5 = await harness.connect('far5', { protocolVersion: 5, username: 'u' }, { loopback: false })
  // Access lets a wrong name or password wait.
  await eventually('the refusal', () => far5.closed, 10_000)
  t.match(await far5.take(), [{ type: 'connack', reasonCode: 0x86 }])
  const own = await harness.connect('$own')
  t.match(await own.take(), [{ type: 'connack', reasonCode: 2 }])
  const nameless = harness.peer()
  nameless.sendBytes(Buffer.from([0x10, 12, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0, 0, 0, 0, 0]))
  t.match(await nameless.take(), [{ type: 'connack', reasonCode: 2 }])
  const assigned = await harness.connect('', { protocolVersion: 5 })
  t.match(await assigned.take(), [{ type: 'connack', properties: { assignedClientIdentifier: /^auto-/ } }])
})

t.test('what breaks the protocol ends its own connection with the reason, and no other', async t => {
  const harness = await MqttHarness.start()
  const good = await harness.connect('good')
  const cases: [string, Buffer, number][] = [
    ['a second CONNECT', Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 2, 0, 0, 0, 0, 0]), 0x82],
    ['packet type 0', Buffer.from([0x00, 0x00]), 0x81],
    ['a packet that only a server sends', Buffer.from([0xd0, 0x00]), 0x82],
    ['QoS 3', Buffer.from([0x36, 0x05, 0, 1, 0x61, 0, 1]), 0x81],
    ['a wildcard in a topic name', Buffer.from([0x30, 0x05, 0, 1, 0x23, 0, 0x61]), 0x81],
    ['a topic that is not UTF-8', Buffer.from([0x30, 0x05, 0, 1, 0xff, 0, 0x61]), 0x81],
    ['a packet that is too large', Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), 0x95],
    ['a topic alias', Buffer.from([0x30, 0x08, 0, 1, 0x61, 3, 0x23, 1, 0, 0x61]), 0x94],
  ]
  for (const [name, bytes, reasonCode] of cases) {
    const bad = await harness.connect('bad', { protocolVersion: 5 })
    await bad.take()
    bad.sendBytes(bytes)
    t.match(await bad.take(), [{ type: 'disconnect', reasonCode }], name)
    t.ok(bad.closed, name)
    const three = await harness.connect('bad3')
    await three.take()
    three.sendBytes(bytes)
    t.same(await three.take(), [], `${name}: MQTT 3 is closed without a word`)
    if (name !== 'a topic alias') t.ok(three.closed)
  }
  const first = harness.peer()
  first.sendBytes(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await harness.settle()
  t.ok(first.closed, 'HTTP on the MQTT port')
  t.notOk(good.closed)
})

t.test('while too much is uncommitted publishers are not read, and go on afterwards', async t => {
  const harness = await MqttHarness.start()
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('a', 1)
  sub.vanish()
  const pub = await harness.connect('pub')
  await pub.take()
  harness.store.hold()
  const big = 'x'.repeat(900_000)
  for (let i = 1; i <= 5; i++) pub.send(publish('a', big, 1, i))
  await harness.settle()
  t.ok(harness.broker.congested)
  t.ok(pub.bytes.paused)
  harness.store.release()
  t.equal((await pub.take()).length, 5)
  t.notOk(pub.bytes.paused)
})

t.test('a subscriber that does not read is left to its queue, others notice nothing', async t => {
  const harness = await MqttHarness.start({ queueMessagesMax: 10 })
  const slow = await harness.connect('slow')
  await slow.subscribe('a', 0)
  const fast = await harness.connect('fast')
  await fast.subscribe('a', 0)
  await fast.take()
  slow.bytes.blocked = true
  const pub = await harness.connect('pub')
  const filler = 'x'.repeat(200_000)
  for (let i = 0; i < 4; i++) await pub.exchange(publish('a', filler, 0))
  await fast.take()
  for (let i = 0; i < 30; i++) pub.send(publish('a', `m${i}`, 0))
  t.equal(texts(await fast.take()).length, 30)
  t.equal(harness.broker.clients().find(client => client.clientId === 'slow')?.queued, 10)
  slow.bytes.drain()
  t.same(
    texts(await slow.take()).filter(text => text !== filler),
    Array.from({ length: 10 }, (_, i) => `m${20 + i}`),
    'its oldest are gone',
  )
  t.equal(harness.broker.status().counters.dropped['queue-full'], 22)
})

t.test('a client that was taken over can promise nothing any more', async t => {
  const harness = await MqttHarness.start()
  const { broker } = harness
  const request = () => ({
    identity: broker.internalIdentity('$x', 'test', true),
    sink: { congested: false, send() {}, sendRun: () => false, deliver() {}, release() {}, close() {} },
    protocol: 'test',
    listener: 'test',
    peer: undefined,
    cleanStart: true,
    sessionExpiryMs: 0,
    limits: {
      queue: { messagesMax: 1, bytesMax: 1000, ageMaxMs: 0, whenFull: 'drop-oldest' as const, qos0: false },
      inFlightMax: 1,
      topicLevelsMax: 9,
    },
  })
  const { client } = broker.attach(request())
  broker.attach(request())
  t.notOk(client.attached)
  const { Message } = await import('#broker/ports.ts')
  await t.rejects(broker.publishDurably(client, Message.from({ topic: 'a', payload: Buffer.from('x'), qos: 1 })), { code: 'server-busy' })
})
