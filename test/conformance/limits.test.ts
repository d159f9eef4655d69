import t from 'tap'
import type { Packet, Properties } from '#codecs/mqtt/index.ts'
import { publish, texts } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { client, deliveries, five, lasting, message, only, subscribe } from './peers.ts'

const TOPIC = 'a/rather/long/topic/name'

t.test('what is larger than a client takes is dropped for it alone, counted, and makes room [MQTT-3.1.2-24] [MQTT-3.1.2-25]', async t => {
  const harness = await MqttHarness.start()
  const small = await five(harness, 'small', { maximumPacketSize: 100, receiveMaximum: 1 })
  await small.subscribe('#', 2)
  const big = await five(harness, 'big')
  await big.subscribe('#', 0)
  const pub = await five(harness, 'p')
  const long = 'x'.repeat(200)
  const expiring: Properties = { messageExpiryInterval: 100 }
  const exact = 'x'.repeat(100 - 2 - 3 - 1)
  await pub.exchange(
    publish('a', long, 0),
    publish('a', long, 1, 1),
    publish('a', long, 2, 2),
    message('a', long, expiring, 0),
    message('a', long, expiring, 1, 3),
    publish('a', exact, 0),
    publish('a', `${exact}x`, 0),
    publish('a', 'fits', 1, 4),
  )
  t.same(texts(await small.take()), [exact, 'fits'])
  t.equal(texts(await big.take()).length, 8)
  t.equal(harness.broker.status().counters.dropped['too-large'], 6)
  t.equal(harness.broker.clients().find(({ clientId }) => clientId === 'small')?.queued, 1)
})

t.test(
  'every answer stays within the client’s Maximum Packet Size [MQTT-3.1.2-24] [MQTT-3.2.2-19] [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1] [MQTT-3.14.2-3]',
  async t => {
    const limits = { topicLevelsMax: 2, receiveMaximum: 65_535, topicAliasMax: 0 }
    for (const maximumPacketSize of [12, 1000]) {
      const harness = await MqttHarness.start(limits)
      const withString = maximumPacketSize === 1000
      const peer = await harness.connect('c', { protocolVersion: 5, properties: { maximumPacketSize } })
      t.match(await peer.take(), [{ type: 'connack', reasonCode: 0 }])
      const reasonOf = async (packet: Packet) => {
        const [answer] = (await peer.exchange(packet)) as { reasonCode?: number; reasonCodes?: number[]; properties?: Properties }[]
        t.ok((answer.reasonCode ?? answer.reasonCodes?.[0] ?? 0) >= 0x80)
        return answer.properties?.reasonString
      }
      const answers = [
        await reasonOf(publish('a/b/c', 'x', 1, 1)),
        await reasonOf(publish('a/b/c', 'x', 2, 2)),
        await reasonOf(subscribe(3, { filter: 'a/b/c' })),
      ]
      t.ok(answers.every(text => (text !== undefined) === withString))
      peer.sendBytes(Buffer.from([0, 0]))
      t.equal(only(await peer.take(), 'disconnect').properties?.reasonString !== undefined, withString)
      const far = harness.peer({ loopback: false })
      far.connect('far', { protocolVersion: 5, properties: { maximumPacketSize } })
      t.equal(only(await far.take(), 'connack').properties?.reasonString !== undefined, withString)
    }
  },
)

t.test('who takes packets too small for our CONNACK is refused, in the smallest one or without a word [MQTT-3.1.2-24]', async t => {
  const harness = await MqttHarness.start()
  await client(harness, 'c', 5)
  const tiny = await harness.connect('c', { protocolVersion: 5, properties: { maximumPacketSize: 5 } })
  t.match(await tiny.take(), [{ type: 'connack', reasonCode: 0x95 }])
  t.ok(tiny.closed)
  const none = await harness.connect('c', { protocolVersion: 5, properties: { maximumPacketSize: 4 } })
  t.same(await none.take(), [])
  t.ok(none.closed)
  t.equal(harness.broker.clients()[0].connected, true, 'nobody was taken over by it')
})

t.test('an answer that does not fit ends the connection: it cannot be left out [MQTT-3.1.2-24]', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 65_535, topicAliasMax: 0 })
  const peer = await five(harness, 'c', { maximumPacketSize: 12 })
  const many = Array.from({ length: 20 }, (_, i) => ({ filter: `f${i}` }))
  t.match(await peer.exchange(subscribe(1, ...many)), [{ type: 'disconnect', reasonCode: 0x95 }])
})

t.test('explanations come with what refuses, where the client wants them [MQTT-3.1.2-29]', async t => {
  for (const requestProblemInformation of [undefined, true, false]) {
    const harness = await MqttHarness.start({ topicLevelsMax: 2 })
    const peer = await five(harness, 'c', requestProblemInformation === undefined ? {} : { requestProblemInformation })
    const answers = [
      ...(await peer.exchange(publish('a/b/c', 'x', 1, 1))),
      ...(await peer.exchange(publish('a/b/c', 'x', 2, 2))),
      ...(await peer.exchange(subscribe(3, { filter: 'a/b/c' }))),
    ] as { properties?: Properties }[]
    t.equal(answers.length, 3)
    for (const { properties } of answers) t.equal(properties?.reasonString !== undefined, requestProblemInformation !== false)
  }
})

t.test(
  'what needs no words has neither Reason String nor User Properties [MQTT-3.2.2-20] [MQTT-3.4.2-3] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] [MQTT-3.14.2-4] [MQTT-3.15.2-2] [MQTT-3.15.2-3]',
  async t => {
    const harness = await MqttHarness.start()
    const connack = await (await harness.connect('n', { protocolVersion: 5 })).take()
    const peer = await five(harness, 'c')
    const packets = [
      ...connack,
      ...(await peer.exchange(
        subscribe(1, { filter: 'a', qos: 2 }),
        publish('a', 'x', 1, 1),
        publish('b', 'x', 1, 2),
        publish('b', 'x', 2, 3),
      )),
      ...(await peer.exchange({ type: 'pubrel', packetId: 3, reasonCode: 0 }, { type: 'pubrel', packetId: 4, reasonCode: 0 })),
      ...(await peer.exchange({ type: 'pubrec', packetId: 99, reasonCode: 0 }, { type: 'unsubscribe', packetId: 5, filters: ['a', 'z'] })),
      ...(await peer.exchange({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 5 } })),
    ] as { type: string; properties?: Properties }[]
    t.same([...new Set(packets.map(({ type }) => type))].sort(), [
      'connack',
      'disconnect',
      'puback',
      'pubcomp',
      'publish',
      'pubrec',
      'pubrel',
      'suback',
      'unsuback',
    ])
    for (const { type, properties } of packets) {
      t.equal(properties?.userProperties, undefined, type)
      if (type !== 'disconnect') t.equal(properties?.reasonString, undefined, type)
    }
  },
)

t.test('aliases go to those who allow them, within what they allow [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11]', async t => {
  const harness = await MqttHarness.start()
  const pub = await five(harness, 'p')
  for (const topicAliasMaximum of [undefined, 0]) {
    const sub = await five(harness, 's', topicAliasMaximum === undefined ? {} : { topicAliasMaximum })
    await sub.subscribe('#', 1)
    for (let i = 0; i < 3; i++) await pub.exchange(publish(TOPIC, 'x', 0))
    for (const { topic, properties } of deliveries(await sub.take())) t.same([topic, properties?.topicAlias], [TOPIC, undefined])
    sub.vanish()
  }
  const sub = await five(harness, 's', { topicAliasMaximum: 2 })
  await sub.subscribe('#', 0)
  const known = new Map<number, string>()
  for (let i = 0; i < 60; i++) {
    const topic = `${TOPIC}/${i % 3 === 0 ? i % 5 : 'often'}`
    await pub.exchange(i % 2 === 0 ? publish(topic, topic, 0) : message(topic, topic, { messageExpiryInterval: 50 }))
    const delivery = only(await sub.take(), 'publish')
    const alias = delivery.properties?.topicAlias
    t.ok(alias === undefined || (alias >= 1 && alias <= 2))
    if (delivery.topic !== '' && alias !== undefined) known.set(alias, delivery.topic)
    const meant = delivery.topic === '' ? known.get(alias!) : delivery.topic
    t.equal(meant, topic)
  }
  t.equal(known.size, 2)
})

t.test('an alias saves the topic at every QoS, and frames are shared all the same', async t => {
  const harness = await MqttHarness.start()
  const aliased = await five(harness, 'aliased', { topicAliasMaximum: 10 })
  const plain = await five(harness, 'plain')
  const three = await client(harness, 'three', 4)
  for (const sub of [aliased, plain, three]) await sub.subscribe('#', 2)
  const pub = await five(harness, 'p')
  const seen: [string, number | undefined, string][] = []
  for (let i = 0; i < 6; i++) {
    await pub.exchange(publish(TOPIC, `m${i}`, (i % 3) as 0 | 1 | 2, i % 3 > 0 ? i + 1 : undefined))
    for (const { topic, properties, payload, qos, packetId } of deliveries(await aliased.take())) {
      seen.push([topic, properties?.topicAlias, Buffer.from(payload).toString()])
      t.equal(packetId !== undefined, qos > 0)
      if (qos === 1) await aliased.exchange({ type: 'puback', packetId: packetId!, reasonCode: 0 })
    }
  }
  t.same(
    seen,
    [0, 1, 2, 3, 4, 5].map(i => [i === 0 ? TOPIC : '', 1, `m${i}`]),
  )
  t.same(texts(await plain.take()), ['m0', 'm1', 'm2', 'm3', 'm4', 'm5'])
  t.same(texts(await three.take()), ['m0', 'm1', 'm2', 'm3', 'm4', 'm5'])
})

t.test('an alias that would make a packet too large is left out', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 65_535 })
  const bytes = 2 + 2 + TOPIC.length + 1 + 20
  const sub = await five(harness, 's', { topicAliasMaximum: 10, maximumPacketSize: bytes })
  await sub.subscribe('#', 0)
  const pub = await five(harness, 'p')
  await pub.exchange(publish(TOPIC, 'x'.repeat(20), 0), publish(TOPIC, 'y', 0), publish(TOPIC, 'z'.repeat(40), 0), publish(TOPIC, 'w', 0))
  t.match(deliveries(await sub.take()), [
    { topic: TOPIC, properties: undefined },
    { topic: TOPIC, properties: { topicAlias: 1 } },
    { topic: '', properties: { topicAlias: 1 } },
  ])
})

t.test('aliases end with their connection, in both directions [MQTT-3.3.2-7]', async t => {
  const harness = await MqttHarness.start()
  const first = await client(harness, 'c', 5, lasting(5, { properties: { topicAliasMaximum: 5 } }))
  await first.subscribe('#', 0)
  await first.exchange(message(TOPIC, 'x', { topicAlias: 3 }), message('', 'y', { topicAlias: 3 }))
  first.vanish()
  const second = await client(harness, 'c', 5, lasting(5, { properties: { topicAliasMaximum: 5 } }))
  const pub = await five(harness, 'p')
  await pub.exchange(publish(TOPIC, 'x', 0))
  t.equal(only(await second.take(), 'publish').topic, TOPIC)
  t.match(await second.exchange(message('', 'z', { topicAlias: 3 })), [{ type: 'disconnect', reasonCode: 0x82 }])
})

t.test('aliases of a client mean their topics, and may be set anew [MQTT-3.3.2-12]', async t => {
  const harness = await MqttHarness.start({ topicAliasMax: 3 })
  const sub = await five(harness, 's')
  await sub.subscribe('#', 0)
  const pub = await harness.connect('p', { protocolVersion: 5 })
  t.equal(only(await pub.take(), 'connack').properties?.topicAliasMaximum, 3)
  await pub.exchange(
    message('one', '1', { topicAlias: 1 }),
    message('three', '3', { topicAlias: 3 }, 1, 1),
    message('', '1', { topicAlias: 1 }, 1, 2),
    message('', '3', { topicAlias: 3, contentType: 't' }),
    message('other', 'o', { topicAlias: 1 }),
    message('', 'o', { topicAlias: 1 }, 2, 3),
  )
  t.same(
    deliveries(await sub.take()).map(({ topic, payload, properties }) => [topic, Buffer.from(payload).toString(), properties?.topicAlias]),
    [
      ['one', '1', undefined],
      ['three', '3', undefined],
      ['one', '1', undefined],
      ['three', '3', undefined],
      ['other', 'o', undefined],
      ['other', 'o', undefined],
    ],
  )
  const without = await MqttHarness.start({ topicAliasMax: 0 })
  const peer = await without.connect('p', { protocolVersion: 5, properties: { topicAliasMaximum: 9 } })
  t.equal(only(await peer.take(), 'connack').properties?.topicAliasMaximum, undefined)
  t.match(await peer.exchange(message('a', 'x', { topicAlias: 1 })), [{ type: 'disconnect', reasonCode: 0x94 }])
})

t.test('a payload that says it is text is looked at only where the limits want it', async t => {
  for (const checkPayloadFormat of [false, true]) {
    const harness = await MqttHarness.start({ checkPayloadFormat })
    const bad = (qos: 0 | 1 | 2): Packet =>
      ({ ...message('a', '', { payloadFormatIndicator: 1 }, qos, qos > 0 ? qos : undefined), payload: Buffer.from([0xc3, 0x28]) }) as Packet
    const peer = await five(harness, 'c')
    t.match(await peer.exchange(bad(1), bad(2)), [
      { reasonCode: checkPayloadFormat ? 0x99 : 0x10 },
      { reasonCode: checkPayloadFormat ? 0x99 : 0x10 },
    ])
    t.match(await peer.exchange(message('a', 'gültig', { payloadFormatIndicator: 1 }, 1, 3)), [{ reasonCode: 0x10 }])
    t.match(await peer.exchange(bad(0)), checkPayloadFormat ? [{ type: 'disconnect', reasonCode: 0x99 }] : [])
    const will = { topic: 'w', payload: Buffer.from([0xff]), qos: 0, retain: false, properties: { payloadFormatIndicator: 1 } } as const
    const dying = await harness.connect('d', { protocolVersion: 5, will })
    t.match(await dying.take(), [{ type: 'connack', reasonCode: checkPayloadFormat ? 0x99 : 0 }])
  }
})
