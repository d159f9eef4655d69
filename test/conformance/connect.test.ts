import t from 'tap'
import { DISCONNECT, publish, texts, types } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { BOTH, client, five, lasting, lastingClient, only, pingreq } from './peers.ts'

t.test(
  'a clean start ends the session before and says that there is none [MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT311-3.1.2-6] [MQTT311-3.1.4-3] [MQTT311-3.2.2-1]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const first = await lastingClient(harness, 'c', version)
      await first.subscribe('a', 1)
      first.vanish()
      const pub = await client(harness, 'p', version)
      await pub.exchange(publish('a', 'old', 1, 1))
      const clean = await harness.connect('c', { protocolVersion: version })
      t.match(only(await clean.take(), 'connack'), { sessionPresent: false, reasonCode: 0 })
      await pub.exchange(publish('a', 'new', 1, 2))
      t.same(await clean.take(), [])
    }
  },
)

t.test(
  'a session is found by its client id, with subscriptions and messages [MQTT-3.1.2-5] [MQTT-3.1.2-23] [MQTT-3.1.3-2] [MQTT-3.2.2-3] [MQTT-4.5.0-1] [MQTT311-3.1.2-4] [MQTT311-3.1.2-5] [MQTT311-3.1.3-2] [MQTT311-3.2.2-2] [MQTT311-4.1.0-1] [MQTT311-4.5.0-1]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const first = await lastingClient(harness, 'c', version)
      await first.subscribe('a', 2)
      first.vanish()
      const pub = await client(harness, 'p', version)
      await pub.exchange(publish('a', 'one', 1, 1), publish('a', 'two', 2, 2))
      const other = await harness.connect('d', lasting(version))
      t.match(await other.take(), [{ type: 'connack', sessionPresent: false }], 'another id has none of it')
      const second = await harness.connect('c', lasting(version))
      const packets = await second.take()
      t.match(packets[0], { type: 'connack', sessionPresent: true, reasonCode: 0 })
      t.same(texts(packets), ['one', 'two'])
    }
  },
)

t.test('without a session one is made, and says so [MQTT-3.1.2-6] [MQTT311-3.2.2-3]', async t => {
  for (const version of BOTH) {
    const harness = await MqttHarness.start()
    const peer = await harness.connect('c', lasting(version))
    t.match(await peer.take(), [{ type: 'connack', sessionPresent: false, reasonCode: 0 }])
    t.match(harness.broker.clients(), [{ clientId: 'c', durable: true }])
  }
})

t.test(
  'CONNACK comes first and once, whatever was sent behind the CONNECT [MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT-3.2.2-1] [MQTT311-3.1.4-4] [MQTT311-3.2.0-1]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      harness.store.hold()
      const peer = harness.peer()
      peer.connect('c', lasting(version))
      peer.send(pingreq, publish('a', 'x', 0), publish('a', 'x', 1, 1), pingreq)
      t.same(await peer.take(), [], 'what it says is not on disk yet')
      harness.store.release()
      const packets = await peer.take()
      t.same(types(packets), ['connack', 'pingresp', 'puback', 'pingresp'])
      t.match(packets[0], { reasonCode: 0 })
    }
  },
)

t.test('no DISCONNECT comes before the CONNACK [MQTT-3.14.0-1]', async t => {
  const harness = await MqttHarness.start()
  harness.store.hold()
  const peer = harness.peer()
  peer.connect('c', lasting(5))
  await harness.settle()
  harness.broker.kick('c')
  t.same(await peer.take(), [])
  t.ok(peer.closed)
})

t.test('who has no client id gets one of its own, and is told [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] [MQTT311-3.1.3-6]', async t => {
  const harness = await MqttHarness.start()
  const ids = new Set<string>()
  for (let i = 0; i < 5; i++) {
    const peer = await harness.connect('', { protocolVersion: 5, cleanStart: i % 2 === 0, properties: { sessionExpiryInterval: 10 } })
    const { properties } = only(await peer.take(), 'connack')
    ids.add(properties!.assignedClientIdentifier!)
  }
  t.equal(ids.size, 5)
  t.same(new Set(harness.broker.clients().map(({ clientId }) => clientId)), ids)
  const three = await harness.connect('', { protocolVersion: 4 })
  t.match(await three.take(), [{ type: 'connack', reasonCode: 0 }])
  t.equal(harness.broker.clients().length, 6)
})

t.test('a client that comes again closes its earlier connection, which is told [MQTT-3.1.4-3] [MQTT311-3.1.4-2]', async t => {
  for (const version of BOTH) {
    const harness = await MqttHarness.start()
    const first = await client(harness, 'c', version)
    const second = await client(harness, 'c', version)
    t.match(await first.take(), version === 5 ? [{ type: 'disconnect', reasonCode: 0x8e }] : [])
    t.ok(first.closed)
    t.notOk(second.closed)
  }
})

t.test(
  'a refusal has no session, closes, and nothing behind it is taken [MQTT-3.1.4-2] [MQTT-3.1.4-6] [MQTT-3.2.2-6] [MQTT-3.2.2-8] [MQTT311-3.1.4-5] [MQTT311-3.2.2-4]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const watcher = await client(harness, 'w', 5)
      await watcher.subscribe('#', 0)
      const peer = harness.peer({ loopback: false })
      peer.connect('far', { protocolVersion: version, cleanStart: false })
      peer.send(publish('a', 'x', 0), pingreq)
      t.match(await peer.take(), [{ type: 'connack', sessionPresent: false, reasonCode: version === 5 ? 0x87 : 5 }])
      t.ok(peer.closed)
      t.same(await watcher.take(), [])
      t.equal(harness.broker.clients().length, 1)
      t.match(harness.listener.ended, { 'not-authorized': 1 })
    }
  },
)

t.test('MQTT 3 is closed without a CONNACK where it has no words for the reason [MQTT311-3.2.2-6]', async t => {
  const harness = await MqttHarness.start({ topicLevelsMax: 2 })
  const will = { topic: 'a/b/c/d', payload: Buffer.from('x'), qos: 0, retain: false } as const
  const three = await harness.connect('c', { will })
  t.same(await three.take(), [])
  t.ok(three.closed)
  const peer = await harness.connect('c', { protocolVersion: 5, will })
  t.match(await peer.take(), [{ type: 'connack', reasonCode: 0x90 }])
})

t.test(
  'silence for one and a half times the keep alive ends the connection as a loss [MQTT-3.1.2-22] [MQTT-3.2.2-22] [MQTT311-3.1.2-24]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const watcher = await client(harness, 'w', 4)
      await watcher.subscribe('will', 0)
      const will = { topic: 'will', payload: Buffer.from('lost'), qos: 0, retain: false } as const
      const peer = await client(harness, 'c', version, { keepAlive: 10, will })
      harness.clock.advance(14_000)
      await harness.settle()
      t.notOk(peer.closed, 'not before')
      harness.clock.advance(3_000)
      t.match(await peer.take(), version === 5 ? [{ type: 'disconnect', reasonCode: 0x8d }] : [])
      t.ok(peer.closed)
      t.same(texts(await watcher.take()), ['lost'])
    }
  },
)

t.test('MQTT 5 is told a Server Keep Alive where its own is too long or none, and held to it', async t => {
  const harness = await MqttHarness.start({ keepAliveMaxSeconds: 60 })
  for (const [asked, told] of [
    [0, 60],
    [100, 60],
    [60, undefined],
    [30, undefined],
  ] as const) {
    const peer = await harness.connect(`k${asked}`, { protocolVersion: 5, keepAlive: asked })
    t.equal(only(await peer.take(), 'connack').properties?.serverKeepAlive, told)
  }
  harness.clock.advance(89_000)
  await harness.settle()
  t.same(
    harness.broker
      .clients()
      .map(({ clientId }) => clientId)
      .sort(),
    ['k0', 'k100', 'k60'],
  )
  harness.clock.advance(4_000)
  await harness.settle()
  t.equal(harness.broker.clients().length, 0)
})

t.test(
  'a session lasts as long as its connection, and as its expiry says after it [MQTT-4.1.0-1] [MQTT-4.1.0-2] [MQTT311-4.1.0-2]',
  async t => {
    const harness = await MqttHarness.start()
    const peer = await five(harness, 'c', { sessionExpiryInterval: 10 })
    harness.clock.advance(100_000)
    await harness.settle()
    t.equal(harness.broker.clients().length, 1, 'while it is connected')
    peer.vanish()
    harness.clock.advance(9_000)
    await harness.settle()
    t.equal(harness.broker.clients().length, 1)
    harness.clock.advance(3_000)
    await harness.settle()
    t.equal(harness.broker.clients().length, 0)
    for (const properties of [{}, { sessionExpiryInterval: 0 }]) {
      const short = await five(harness, 'd', properties)
      short.vanish()
      await harness.settle()
      t.equal(harness.broker.clients().length, 0, 'none asked for: it ends at once')
    }
  },
)

t.test('more session expiry than the limit is cut, and the CONNACK says to what', async t => {
  const harness = await MqttHarness.start({ sessionExpiryMs: 60_000 })
  const peer = await harness.connect('c', { protocolVersion: 5, properties: { sessionExpiryInterval: 0xffffffff } })
  t.equal(only(await peer.take(), 'connack').properties?.sessionExpiryInterval, 60)
  const modest = await harness.connect('d', { protocolVersion: 5, properties: { sessionExpiryInterval: 60 } })
  t.equal(only(await modest.take(), 'connack').properties?.sessionExpiryInterval, undefined)
})

t.test('a DISCONNECT may change the session expiry, but not make a session last that was not to', async t => {
  const harness = await MqttHarness.start()
  const longer = await five(harness, 'longer', { sessionExpiryInterval: 10 })
  await longer.exchange({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 100 } })
  const shorter = await five(harness, 'shorter', { sessionExpiryInterval: 10 })
  await shorter.exchange({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } })
  t.same(
    harness.broker.clients().map(({ clientId }) => clientId),
    ['longer'],
  )
  harness.clock.advance(50_000)
  await harness.settle()
  t.equal(harness.broker.clients().length, 1)
  const none = await five(harness, 'none')
  t.match(await none.exchange({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 10 } }), [
    { type: 'disconnect', reasonCode: 0x82 },
  ])
  const keeps = await five(harness, 'keeps', { sessionExpiryInterval: 10 })
  await keeps.exchange(DISCONNECT)
  t.ok(harness.broker.clients().some(({ clientId }) => clientId === 'keeps'))
})

t.test('Response Information comes only to those who ask [MQTT-3.1.2-28]', async t => {
  const harness = await MqttHarness.start()
  const informationOf = async (id: string, requestResponseInformation?: boolean) => {
    const properties = requestResponseInformation === undefined ? {} : { requestResponseInformation }
    const peer = await harness.connect(id, { protocolVersion: 5, properties })
    return only(await peer.take(), 'connack').properties?.responseInformation
  }
  t.equal(await informationOf('a'), undefined)
  t.equal(await informationOf('b', false), undefined)
  t.equal(await informationOf('c/+#%', true), 'response/c%2F%2B%23%25', 'the id fills one level')
  const without = await MqttHarness.start({ responseTopic: '' })
  const peer = await without.connect('d', { protocolVersion: 5, properties: { requestResponseInformation: true } })
  t.equal(only(await peer.take(), 'connack').properties?.responseInformation, undefined)
})

t.test('PINGREQ is answered [MQTT-3.12.4-1] [MQTT311-3.12.4-1]', async t => {
  for (const version of BOTH) {
    const harness = await MqttHarness.start()
    const peer = await client(harness, 'c', version)
    t.match(await peer.exchange(pingreq, pingreq), [{ type: 'pingresp' }, { type: 'pingresp' }])
  }
})

t.test('after a DISCONNECT nothing more is said, and the connection closes [MQTT-3.14.2-2] [MQTT-3.14.4-1] [MQTT-3.14.4-2]', async t => {
  const harness = await MqttHarness.start()
  const peer = await five(harness, 'c', { sessionExpiryInterval: 10 })
  await peer.subscribe('a', 1)
  const pub = await five(harness, 'p')
  harness.broker.kick('c')
  await pub.exchange(publish('a', 'x', 1, 1))
  const packets = await peer.take()
  t.same(types(packets), ['disconnect'])
  t.equal(only(packets, 'disconnect').properties?.sessionExpiryInterval, undefined)
  t.ok(peer.closed)
  const stopping = await five(harness, 's')
  harness.broker.stop()
  t.match(await stopping.take(), [{ type: 'disconnect', reasonCode: 0x8b }])
})
