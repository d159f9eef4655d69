import t from 'tap'
import type { Packet } from '#codecs/mqtt/index.ts'
import { pubacks, publish, texts, types } from '../adapters/mqtt/packets.ts'
import { MqttHarness, type MqttPeer } from '../support/mqtt-harness.ts'
import { BOTH, client, deliveries, five, lasting, lastingClient, only, subscribe } from './peers.ts'

const unsubscribe = (packetId: number, ...filters: string[]): Packet => ({ type: 'unsubscribe', packetId, filters })

/** Counts what a filter lets through, of topics that are published once each. */
async function matched(harness: MqttHarness, filter: string, topics: readonly string[], version: 4 | 5): Promise<string[]> {
  const sub = await client(harness, 'matcher', version)
  await sub.subscribe(filter, 0)
  const pub = await client(harness, 'p', version)
  for (const topic of topics) await pub.exchange(publish(topic, 'x', 0))
  return deliveries(await sub.take()).map(({ topic }) => topic)
}

t.test(
  'SUBACK has the identifier of the SUBSCRIBE and a code for each filter, in their order [MQTT-2.2.1-6] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] [MQTT311-2.3.1-7] [MQTT311-3.8.4-1] [MQTT311-3.8.4-2] [MQTT311-3.8.4-4] [MQTT311-3.8.4-5] [MQTT311-3.9.3-1] [MQTT311-3.9.3-2]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start({ topicLevelsMax: 3 })
      const peer = await client(harness, 'c', version)
      const packet = subscribe(
        77,
        { filter: 'a', qos: 2 },
        { filter: 'a/b/c/d', qos: 1 },
        { filter: 'b', qos: 0 },
        { filter: 'c/#', qos: 1 },
      )
      const refused = version === 5 ? 0x8f : 0x80
      t.match(await peer.exchange(packet), [{ type: 'suback', packetId: 77, reasonCodes: [2, refused, 0, 1] }])
      await peer.exchange(publish('a', 'x', 0), publish('b', 'y', 0), publish('c/d', 'z', 0))
      t.equal(harness.broker.subscriptions().length, 3, 'one refusal takes nothing from the others')
    }
  },
)

t.test('a message arrives at the lower of its QoS and the granted one [MQTT-3.8.4-8] [MQTT311-3.8.4-6]', async t => {
  for (const version of BOTH) {
    const harness = await MqttHarness.start()
    const pub = await client(harness, 'p', version)
    for (const granted of [0, 1, 2] as const) {
      const sub = await client(harness, `s${granted}`, version)
      await sub.subscribe('a', granted)
      for (const qos of [0, 1, 2] as const) {
        await pub.exchange(publish('a', 'x', qos, qos > 0 ? 10 * granted + qos : undefined))
        t.match(deliveries(await sub.take()), [{ qos: Math.min(qos, granted) }])
      }
    }
  }
})

t.test(
  'a filter subscribed to again replaces the subscription, and nothing is lost between [MQTT-3.8.4-3] [MQTT-3.8.4-4] [MQTT311-3.8.4-3]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const pub = await client(harness, 'p', version)
      await pub.exchange(publish('a', 'retained', 1, 1, true))
      const sub = await client(harness, 's', version)
      t.same(texts(await sub.subscribe('a', 0)), ['retained'])
      pub.send(publish('a', 'before', 1, 2))
      const packets = await sub.subscribe('a', 1)
      t.same(texts(packets), ['before', 'retained'])
      await sub.exchange(...pubacks(packets))
      await pub.exchange(publish('a', 'after', 1, 3))
      t.match(deliveries(await sub.take()), [{ qos: 1 }])
      t.equal(harness.broker.subscriptions().length, 1)
    }
  },
)

t.test(
  'overlapping subscriptions deliver once, at the highest QoS, with all their identifiers [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT311-3.3.5-1]',
  async t => {
    const harness = await MqttHarness.start()
    const sub = await five(harness, 's')
    const withIdentifier = (packetId: number, filter: string, qos: 0 | 1 | 2, id?: number) =>
      sub.exchange({
        ...subscribe(packetId, { filter, qos }),
        ...(id !== undefined && { properties: { subscriptionIdentifier: [id] } }),
      } as Packet)
    await withIdentifier(1, 'a/#', 0, 10)
    await withIdentifier(2, 'a/+', 2, 268_435_455)
    await withIdentifier(3, 'a/b', 1)
    const pub = await five(harness, 'p')
    await pub.exchange(publish('a/b', 'x', 2, 1))
    const { qos, properties } = only(await sub.take(), 'publish')
    t.equal(qos, 2)
    t.same(
      [...(properties?.subscriptionIdentifier ?? [])].sort((a, b) => a - b),
      [10, 268_435_455],
    )
    const three = await client(harness, 't', 4)
    await three.exchange(subscribe(1, { filter: 'a/#', qos: 0 }, { filter: 'a/+', qos: 1 }))
    await pub.exchange(publish('a/b', 'y', 2, 2))
    t.match(deliveries(await three.take()), [{ qos: 1 }])
  },
)

t.test('no local keeps a client’s own messages from it, on every connection of its [MQTT-3.8.3-3]', async t => {
  const harness = await MqttHarness.start()
  const peer = await lastingClient(harness, 'c', 5)
  await peer.exchange(subscribe(1, { filter: 'a', qos: 1, noLocal: true }))
  t.same(types(await peer.exchange(publish('a', 'own', 1, 1), publish('a', 'own', 0))), ['puback'])
  peer.vanish()
  const back = await harness.connect('c', lasting(5))
  t.same(types(await back.exchange(publish('a', 'own', 1, 1))), ['connack', 'puback'])
  const other = await five(harness, 'o')
  await other.exchange(publish('a', 'another’s', 1, 1))
  t.same(texts(await back.take()), ['another’s'])
})

t.test('retain handling says when retained messages come [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]', async t => {
  const harness = await MqttHarness.start()
  const pub = await five(harness, 'p')
  await pub.exchange(publish('a', 'kept', 0, undefined, true))
  const ask = async (sub: MqttPeer, retainHandling: 0 | 1 | 2) => texts(await sub.exchange(subscribe(1, { filter: 'a', retainHandling })))
  const sub = await five(harness, 's')
  t.same(await ask(sub, 2), [])
  t.same(await ask(sub, 1), [], 'it exists already')
  t.same(await ask(sub, 0), ['kept'])
  t.same(await ask(sub, 0), ['kept'])
  const other = await five(harness, 'o')
  t.same(await ask(other, 1), ['kept'])
  t.same(await ask(other, 1), [])
})

t.test('RETAIN is as published only where that was asked for [MQTT-3.3.1-12] [MQTT-3.3.1-13] [MQTT311-3.3.1-9]', async t => {
  const harness = await MqttHarness.start()
  const plain = await five(harness, 'plain')
  await plain.subscribe('a', 0)
  const three = await client(harness, 'three', 4)
  await three.subscribe('a', 0)
  const as = await five(harness, 'as')
  await as.exchange(subscribe(1, { filter: 'a', retainAsPublished: true }))
  const pub = await five(harness, 'p')
  await pub.exchange(publish('a', '1', 0, undefined, true), publish('a', '2', 0))
  const flags = async (peer: MqttPeer) => deliveries(await peer.take()).map(({ retain }) => retain)
  t.same(await flags(plain), [false, false])
  t.same(await flags(three), [false, false])
  t.same(await flags(as), [true, false])
})

t.test(
  'UNSUBSCRIBE ends the subscriptions whose filters are the same character by character, and is always answered [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] [MQTT311-3.10.4-1] [MQTT311-3.10.4-2] [MQTT311-3.10.4-4] [MQTT311-3.10.4-5] [MQTT311-3.10.4-6]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const sub = await client(harness, 's', version)
      await sub.exchange(subscribe(1, { filter: 'a/+' }, { filter: 'b' }, { filter: 'A/+' }))
      const answer = await sub.exchange(unsubscribe(99, 'a/#', 'a/+', 'a/b', 'b'))
      t.match(answer, [{ type: 'unsuback', packetId: 99, reasonCodes: version === 5 ? [0x11, 0, 0x11, 0] : [] }])
      t.match(await sub.exchange(unsubscribe(100, 'nothing')), [{ type: 'unsuback', packetId: 100 }])
      const pub = await client(harness, 'p', version)
      await pub.exchange(publish('a/b', 'x', 0), publish('b', 'x', 0), publish('A/b', 'still', 0))
      t.same(texts(await sub.take()), ['still'])
    }
  },
)

t.test('what was begun before an UNSUBSCRIBE is brought to its end [MQTT-3.10.4-3] [MQTT311-3.10.4-3]', async t => {
  for (const version of BOTH) {
    const harness = await MqttHarness.start()
    const sub = await lastingClient(harness, 's', version)
    await sub.subscribe('a', 2)
    const pub = await client(harness, 'p', version)
    await pub.exchange(publish('a', '1', 1, 1), publish('a', '2', 2, 2))
    const begun = deliveries(await sub.take())
    await sub.exchange(unsubscribe(5, 'a'))
    sub.vanish()
    const back = await harness.connect('s', lasting(version))
    t.equal(deliveries(await back.take()).length, 2)
    const { packetId } = begun[1]
    t.match(await back.exchange({ type: 'pubrec', packetId: packetId!, reasonCode: 0 }), [{ type: 'pubrel', packetId }])
  }
})

t.test('a delivery’s topic matches the filter, level by level [MQTT-3.3.2-3] [MQTT311-3.3.2-3] [MQTT311-3.8.3-2]', async t => {
  const topics = ['a', 'a/', 'a/b', 'a/b/c', '/a', 'b', 'a//c', 'A']
  const expected: Readonly<Record<string, string[]>> = {
    a: ['a'],
    '+': ['a', 'b', 'A'],
    '#': topics,
    'a/#': ['a', 'a/', 'a/b', 'a/b/c', 'a//c'],
    'a/+': ['a/', 'a/b'],
    'a/+/c': ['a/b/c', 'a//c'],
    '/+': ['/a'],
    '+/+': ['a/', 'a/b', '/a'],
    '+/+/#': ['a/', 'a/b', 'a/b/c', '/a', 'a//c'],
  }
  for (const version of BOTH) {
    for (const [filter, wanted] of Object.entries(expected)) {
      t.same(await matched(await MqttHarness.start(), filter, topics, version), wanted, filter)
    }
  }
})

t.test('filters that begin with a wildcard do not match topics that begin with $ [MQTT-4.7.2-1] [MQTT311-4.7.2-1]', async t => {
  const topics = ['$x', '$x/y', 'x/$y']
  for (const version of BOTH) {
    t.same(await matched(await MqttHarness.start(), '#', topics, version), ['x/$y'])
    t.same(await matched(await MqttHarness.start(), '+/y', topics, version), [])
    t.same(await matched(await MqttHarness.start(), '$x/#', topics, version), ['$x', '$x/y'])
    t.same(await matched(await MqttHarness.start(), '$x/+', topics, version), ['$x/y'])
  }
})

t.test(
  'topics are compared as they are, nothing is normalized, and U+FEFF stays [MQTT-1.5.4-3] [MQTT-4.7.3-4] [MQTT311-1.5.3-3] [MQTT311-4.7.3-4]',
  async t => {
    const topics = ['\u00e9', 'e\u0301', '\ufeffa', 'a', 'a ', 'A', '\u212b', '\u00c5']
    for (const version of BOTH) {
      for (const topic of topics) t.same(await matched(await MqttHarness.start(), topic, topics, version), [topic], JSON.stringify(topic))
    }
  },
)

t.test('topics and filters may have 65,535 bytes [MQTT-4.7.3-3] [MQTT311-4.7.3-3]', async t => {
  const longest = 'x'.repeat(65_535)
  for (const version of BOTH) t.same(await matched(await MqttHarness.start(), longest, [longest], version), [longest])
})

t.test('a publish that is not allowed is answered as the version demands, and goes nowhere [MQTT-3.1.4-2] [MQTT311-3.3.5-2]', async t => {
  for (const version of BOTH) {
    const harness = new MqttHarness()
    await harness.boot()
    const { access } = harness.broker
    Object.defineProperty(harness.broker, 'access', {
      value: new Proxy(access, {
        get(target, key) {
          if (key === 'unrestricted') return () => false
          if (key === 'mayPublish') return (_identity: unknown, topic: string) => topic !== 'secret'
          const value: unknown = Reflect.get(target, key)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
    })
    const sub = await client(harness, 's', version)
    await sub.subscribe('#', 0)
    const pub = await client(harness, 'p', version)
    const reasonCode = version === 5 ? 0x87 : 0
    t.match(await pub.exchange(publish('secret', 'x', 1, 1)), [{ type: 'puback', packetId: 1, reasonCode }])
    t.match(await pub.exchange(publish('secret', 'x', 2, 2)), [{ type: 'pubrec', packetId: 2, reasonCode }])
    t.same(await pub.exchange(publish('secret', 'x', 0)), [])
    await pub.exchange(publish('open', 'y', 0))
    t.same(texts(await sub.take()), ['y'])
  }
})
