import t from 'tap'
import type { Packet, Properties } from '#codecs/mqtt/index.ts'
import { pubacks, publish, texts, types } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { BOTH, client, deliveries, five, lasting, lastingClient, message, only, pingreq, subscribe } from './peers.ts'

const pubrec = (packetId: number, reasonCode = 0): Packet => ({ type: 'pubrec', packetId, reasonCode })
const pubrel = (packetId: number): Packet => ({ type: 'pubrel', packetId, reasonCode: 0 })
const pubcomp = (packetId: number): Packet => ({ type: 'pubcomp', packetId, reasonCode: 0 })
const puback = (packetId: number, reasonCode = 0): Packet => ({ type: 'puback', packetId, reasonCode })

t.test(
  'each QoS has its answer, with the packet identifier of the publish [MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.7.2-1] [MQTT311-2.3.1-6] [MQTT311-3.3.4-1] [MQTT311-4.3.1-1] [MQTT311-4.3.2-2] [MQTT311-4.3.3-2]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const sub = await client(harness, 's', version)
      await sub.subscribe('a', 2)
      const pub = await client(harness, 'p', version)
      t.same(await pub.exchange(publish('a', '0', 0)), [])
      t.match(await pub.exchange(publish('a', '1', 1, 7)), [{ type: 'puback', packetId: 7, reasonCode: 0 }])
      t.match(await pub.exchange(publish('a', '2', 2, 8)), [{ type: 'pubrec', packetId: 8, reasonCode: 0 }])
      t.match(await pub.exchange(pubrel(8)), [{ type: 'pubcomp', packetId: 8, reasonCode: 0 }])
      t.same(texts(await sub.take()), ['0', '1', '2'])
    }
  },
)

t.test(
  'a QoS 1 identifier is new again after its PUBACK, a QoS 2 identifier after its PUBCOMP, and stands for one message until then [MQTT-4.3.2-5] [MQTT-4.3.3-10] [MQTT-4.3.3-12]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const sub = await client(harness, 's', version)
      await sub.subscribe('a', 0)
      const pub = await client(harness, 'p', version)
      const dup = (qos: 1 | 2): Packet => ({ ...publish('a', `again ${qos}`, qos, 1), dup: true }) as Packet
      await pub.exchange(publish('a', 'q1', 1, 1), dup(1))
      t.same(texts(await sub.take()), ['q1', 'again 1'])
      t.match(await pub.exchange(publish('a', 'q2', 2, 1), dup(2), dup(2)), [pubrec(1), pubrec(1), pubrec(1)])
      await pub.exchange(pubrel(1))
      t.same(texts(await sub.take()), ['q2'])
      await pub.exchange(dup(2))
      t.same(texts(await sub.take()), ['again 2'])
    }
  },
)

t.test('a QoS 2 identifier is remembered over a restart of the client, and the message comes once [MQTT-4.3.3-10]', async t => {
  const harness = await MqttHarness.start()
  const sub = await client(harness, 's', 4)
  await sub.subscribe('a', 0)
  const pub = await lastingClient(harness, 'p', 4)
  await pub.exchange(publish('a', 'once', 2, 1))
  pub.vanish()
  const again = await lastingClient(harness, 'p', 4)
  t.match(await again.exchange({ ...publish('a', 'once', 2, 1), dup: true } as Packet), [pubrec(1)])
  t.match(await again.exchange(pubrel(1)), [pubcomp(1)])
  t.same(texts(await sub.take()), ['once'])
})

t.test('a QoS 2 publish that expires on the way is still answered to the end [MQTT-4.3.3-13]', async t => {
  const harness = await MqttHarness.start()
  const sub = await lastingClient(harness, 's', 5)
  await sub.subscribe('a', 2)
  sub.vanish()
  const pub = await five(harness, 'p')
  t.match(await pub.exchange(message('a', 'x', { messageExpiryInterval: 1 }, 2, 1)), [pubrec(1)])
  harness.clock.advance(5_000)
  t.match(await pub.exchange(pubrel(1)), [pubcomp(1)])
  const back = await harness.connect('s', lasting(5))
  t.same(types(await back.take()), ['connack'])
})

t.test('after a PUBREC that refuses, the identifier stands for a new message [MQTT-4.3.3-9]', async t => {
  const harness = await MqttHarness.start({ checkPayloadFormat: true })
  const sub = await five(harness, 's')
  await sub.subscribe('a', 0)
  const pub = await five(harness, 'p')
  const bad: Packet = { ...message('a', '', { payloadFormatIndicator: 1 }, 2, 1), payload: Buffer.from([0xff]) } as Packet
  t.match(await pub.exchange(bad), [{ type: 'pubrec', packetId: 1, reasonCode: 0x99 }])
  t.match(await pub.exchange(publish('a', 'good', 2, 1)), [pubrec(1)])
  t.same(texts(await sub.take()), ['good'])
})

t.test(
  'deliveries have identifiers that are not in use, and DUP clear [MQTT-2.2.1-2] [MQTT-2.2.1-4] [MQTT-3.3.1-3] [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT311-2.3.1-4] [MQTT311-2.3.1-5] [MQTT311-3.3.1-3] [MQTT311-4.3.2-1]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const sub = await client(harness, 's', version)
      await sub.subscribe('a', 2)
      const pub = await client(harness, 'p', version)
      for (let i = 0; i < 20; i++)
        await pub.exchange({ ...publish('a', 'x', ((i % 2) + 1) as 1 | 2, i + 1), dup: true } as Packet, publish('a', 'x', 0))
      const got = deliveries(await sub.take())
      t.ok(
        got.every(({ dup }) => !dup),
        'whatever the DUP that came in',
      )
      const numbered = got.filter(({ qos }) => qos > 0).map(({ packetId }) => packetId!)
      t.equal(new Set(numbered).size, numbered.length)
      t.ok(numbered.every(id => id > 0))
      t.ok(got.filter(({ qos }) => qos === 0).every(({ packetId }) => packetId === undefined))
    }
  },
)

t.test('identifiers go round without meeting one that is in flight [MQTT-2.2.1-4] [MQTT311-2.3.1-4]', async t => {
  const harness = await MqttHarness.start()
  const sub = await client(harness, 's', 5)
  await sub.subscribe('a', 1)
  const pub = await client(harness, 'p', 4)
  await pub.exchange(publish('a', 'kept', 1, 1))
  const [kept] = deliveries(await sub.take())
  let meets = 0
  for (let round = 0; round < 3000; round++) {
    pub.send(...Array.from({ length: 30 }, (_, i) => publish('a', 'x', 1, i + 1)))
    const packets = await sub.take()
    meets += deliveries(packets).filter(({ packetId }) => packetId === kept.packetId).length
    sub.send(...pubacks(packets))
    if (round % 100 === 0) await pub.take()
  }
  t.equal(meets, 0)
  t.equal(harness.broker.clients().find(({ clientId }) => clientId === 's')?.messagesOut, 90_001)
})

t.test(
  'what was not acknowledged comes again when the client is back, in its order, with its identifier and DUP, and at no other time [MQTT-3.3.1-1] [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT311-3.3.1-1] [MQTT311-2.3.1-3] [MQTT311-4.4.0-1] [MQTT311-4.6.0-1]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const sub = await lastingClient(harness, 's', version)
      await sub.subscribe('a', 2)
      const pub = await client(harness, 'p', version)
      for (let i = 1; i <= 6; i++) await pub.exchange(publish('a', `m${i}`, (1 + (i % 2)) as 1 | 2, i))
      const first = deliveries(await sub.take())
      harness.clock.advance(100_000)
      t.same(await sub.take(), [], 'nothing is repeated on the same connection')
      sub.vanish()
      const back = await harness.connect('s', lasting(version))
      const again = deliveries(await back.take())
      t.same(
        again.map(({ packetId, qos, payload }) => [packetId, qos, Buffer.from(payload).toString()]),
        first.map(({ packetId, qos, payload }) => [packetId, qos, Buffer.from(payload).toString()]),
      )
      t.ok(again.every(({ dup }) => dup))
    }
  },
)

t.test(
  'after its PUBREC a message comes no more: PUBREL follows, also on the next connection, until PUBCOMP [MQTT-3.6.2-1] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.6.0-4] [MQTT311-4.3.3-1] [MQTT311-4.6.0-4]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const sub = await lastingClient(harness, 's', version)
      await sub.subscribe('a', 2)
      const pub = await client(harness, 'p', version)
      for (let i = 1; i <= 3; i++) await pub.exchange(publish('a', `m${i}`, 2, i))
      const ids = deliveries(await sub.take()).map(({ packetId }) => packetId!)
      const turned = [...ids].reverse()
      t.match(await sub.exchange(...turned.map(id => pubrec(id))), turned.map(pubrel), 'PUBREL in the order of PUBREC')
      sub.vanish()
      const back = await harness.connect('s', lasting(version))
      const packets = (await back.take()).slice(1)
      t.same(types(packets), ['pubrel', 'pubrel', 'pubrel'])
      t.same(await back.exchange(...ids.map(pubcomp)), [])
      back.vanish()
      const last = await harness.connect('s', lasting(version))
      t.same(types(await last.take()), ['connack'])
    }
  },
)

t.test('an expiry does not stop a message that has been sent [MQTT-4.3.3-7]', async t => {
  const harness = await MqttHarness.start()
  const sub = await lastingClient(harness, 's', 5)
  await sub.subscribe('a', 2)
  const pub = await five(harness, 'p')
  await pub.exchange(message('a', 'x', { messageExpiryInterval: 5 }, 2, 1))
  const { packetId } = only(await sub.take(), 'publish')
  harness.clock.advance(20_000)
  t.match(await sub.exchange(pubrec(packetId!)), [pubrel(packetId!)])
  t.same(await sub.exchange(pubcomp(packetId!)), [])
})

t.test('a PUBACK or PUBREC that refuses ends the delivery: it is not repeated and no PUBREL follows [MQTT-4.4.0-2]', async t => {
  const harness = await MqttHarness.start()
  const sub = await lastingClient(harness, 's', 5)
  await sub.subscribe('a', 2)
  const pub = await five(harness, 'p')
  await pub.exchange(publish('a', '1', 1, 1), publish('a', '2', 2, 2))
  const [one, two] = deliveries(await sub.take())
  t.same(await sub.exchange(puback(one.packetId!, 0x80), pubrec(two.packetId!, 0x97)), [])
  t.equal(harness.broker.status().counters.dropped['refused-by-recipient'], 2)
  sub.vanish()
  const back = await harness.connect('s', lasting(5))
  t.same(types(await back.take()), ['connack'])
})

t.test('answers keep the order of what they answer [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT311-4.6.0-2] [MQTT311-4.6.0-3]', async t => {
  for (const version of BOTH) {
    const harness = await MqttHarness.start()
    const away = await lastingClient(harness, 's', version)
    await away.subscribe('durable', 1)
    away.vanish()
    const pub = await client(harness, 'p', version)
    harness.store.hold()
    const sent = [publish('durable', 'x', 1, 1), publish('other', 'x', 1, 2), publish('durable', 'x', 2, 3), publish('other', 'x', 2, 4)]
    t.same(await pub.exchange(...sent), [], 'the first waits for the disk, and the others for it')
    harness.store.release()
    t.match(await pub.take(), [{ packetId: 1 }, { packetId: 2 }, { packetId: 3 }, { packetId: 4 }])
  }
})

t.test(
  'messages of one publisher keep their order for each topic and QoS [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT311-4.6.0-5] [MQTT311-4.6.0-6]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const sub = await client(harness, 's', version)
      await sub.subscribe('#', 2)
      const pub = await client(harness, 'p', 4)
      const seen = new Map<string, number[]>()
      for (let i = 0; i < 300; i++) {
        const qos = (i % 3) as 0 | 1 | 2
        pub.send(publish(`t${i % 2}`, String(i), qos, qos > 0 ? (i % 1000) + 1 : undefined))
        const packets = await sub.take()
        for (const { topic, qos: at, payload } of deliveries(packets)) {
          const key = `${topic} ${at}`
          seen.set(key, [...(seen.get(key) ?? []), Number(Buffer.from(payload).toString())])
        }
        const ids = deliveries(packets)
          .filter(one => one.qos === 2)
          .map(one => one.packetId!)
        sub.send(...pubacks(packets), ...ids.map(id => pubrec(id)), ...ids.map(pubcomp))
      }
      t.equal([...seen.values()].flat().length, 300)
      for (const [key, numbers] of seen)
        t.same(
          numbers,
          [...numbers].sort((a, b) => a - b),
          key,
        )
    }
  },
)

t.test(
  'what travels with a message arrives unaltered and in order [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]',
  async t => {
    const harness = await MqttHarness.start()
    const properties: Properties = {
      payloadFormatIndicator: 1,
      contentType: 'text/plain; ü',
      responseTopic: 'answers/to/me',
      correlationData: Buffer.from([0, 1, 255]),
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '\u0001 3'],
        ['', ''],
      ],
    }
    const live = await five(harness, 'live')
    await live.subscribe('a', 1)
    const away = await lastingClient(harness, 'away', 5)
    await away.subscribe('a', 1)
    away.vanish()
    const pub = await five(harness, 'p')
    await pub.exchange(
      message('a', 'x', { ...properties, topicAlias: 1 }, 1, 1, true),
      message('', 'y', { ...properties, topicAlias: 1 }, 0),
    )
    for (const { properties: got } of deliveries(await live.take())) t.same(got, properties)
    await harness.crash()
    const back = await harness.connect('away', lasting(5))
    t.same(only((await back.take()).slice(0, 2), 'publish').properties, properties, 'from the disk too')
    const late = await five(harness, 'late')
    t.same(deliveries(await late.subscribe('a', 0))[0].properties, properties, 'and from what is retained')
    const three = await client(harness, 'three', 4)
    t.same(texts(await three.subscribe('a', 0)), ['x'], 'MQTT 3 gets the message without them')
  },
)

t.test('a message that has waited too long is dropped, one that has not says how long is left [MQTT-3.3.2-5] [MQTT-3.3.2-6]', async t => {
  const harness = await MqttHarness.start()
  const away = await lastingClient(harness, 'away', 5)
  await away.subscribe('a', 1)
  away.vanish()
  const pub = await five(harness, 'p')
  await pub.exchange(
    message('a', 'short', { messageExpiryInterval: 10 }, 1, 1),
    message('a', 'long', { messageExpiryInterval: 100 }, 1, 2, true),
    message('a', 'ever', {}, 1, 3),
  )
  harness.clock.jumpWall(-86_400_000)
  harness.clock.advance(30_000)
  const back = await harness.connect('away', lasting(5))
  const got = deliveries(await back.take())
  t.same(
    got.map(({ payload, properties }) => [Buffer.from(payload).toString(), properties?.messageExpiryInterval]),
    [
      ['long', 70],
      ['ever', undefined],
    ],
  )
  t.equal(harness.broker.status().counters.dropped.expired, 1)
  const late = await five(harness, 'late')
  t.equal(deliveries(await late.subscribe('a', 0))[0].properties?.messageExpiryInterval, 70, 'a retained one waits too')
  harness.clock.advance(71_000)
  const later = await five(harness, 'later')
  t.same(deliveries(await later.subscribe('a', 0)), [])
})

t.test(
  'a retained message replaces the one before and is what new subscriptions get, with RETAIN [MQTT-3.3.1-5] [MQTT-3.3.1-9] [MQTT311-3.3.1-5] [MQTT311-3.3.1-6] [MQTT311-3.3.1-7] [MQTT311-3.3.1-8] [MQTT311-3.1.2-7]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const pub = await client(harness, 'p', version)
      await pub.exchange(publish('r', 'one', 1, 1, true), publish('r', 'two', 2, 2, true), publish('s', 'zero', 0, undefined, true))
      pub.vanish()
      const sub = await client(harness, 's', version)
      t.match(deliveries(await sub.subscribe('+', 1)), [
        { topic: 'r', retain: true, qos: 1 },
        { topic: 's', retain: true, qos: 0 },
      ])
      const other = await client(harness, 'o', version)
      t.same(texts(await other.subscribe('r', 0)), ['two'], 'the last; and it does not belong to its publisher’s session')
    }
  },
)

t.test(
  'an empty retained message is delivered, and removes what was retained [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT311-3.3.1-10] [MQTT311-3.3.1-11]',
  async t => {
    for (const version of BOTH) {
      const harness = await MqttHarness.start()
      const pub = await client(harness, 'p', version)
      await pub.exchange(publish('r', 'x', 0, undefined, true))
      const sub = await client(harness, 's', version)
      await sub.subscribe('r', 0)
      await pub.exchange(publish('r', '', 0, undefined, true))
      t.match(deliveries(await sub.take()), [{ payload: Buffer.alloc(0), retain: false }])
      const late = await client(harness, 'l', version)
      t.same(types(await late.subscribe('r', 0)), ['suback'])
      t.equal(harness.broker.status().retained, 0)
    }
  },
)

t.test('without RETAIN nothing is kept and nothing is replaced [MQTT-3.3.1-8] [MQTT311-3.3.1-12]', async t => {
  for (const version of BOTH) {
    const harness = await MqttHarness.start()
    const pub = await client(harness, 'p', version)
    await pub.exchange(publish('r', 'kept', 0, undefined, true), publish('r', 'passing', 1, 1), publish('r', '', 0), publish('s', 'x', 0))
    const sub = await client(harness, 's', version)
    t.same(texts(await sub.subscribe('#', 0)), ['kept'])
  }
})

t.test(
  'the window of a client is kept, and holds up nothing else [MQTT-3.3.4-9] [MQTT-3.3.4-10] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3]',
  async t => {
    const harness = await MqttHarness.start()
    const sub = await five(harness, 's', { receiveMaximum: 3 })
    await sub.subscribe('#', 2)
    const pub = await five(harness, 'p')
    for (let i = 1; i <= 10; i++) await pub.exchange(publish('a', `m${i}`, (1 + (i % 2)) as 1 | 2, i))
    const first = deliveries(await sub.take())
    t.equal(first.length, 3)
    t.match(await sub.exchange(pingreq, subscribe(9, { filter: 'other' })), [{ type: 'pingresp' }, { type: 'suback' }])
    const two = first.find(({ qos }) => qos === 2)!
    t.match(await sub.exchange(pubrec(two.packetId!)), [pubrel(two.packetId!)], 'PUBREC alone makes no room')
    t.equal(deliveries(await sub.exchange(pubcomp(two.packetId!))).length, 1)
    const one = first.find(({ qos }) => qos === 1)!
    t.equal(deliveries(await sub.exchange(puback(one.packetId!))).length, 1)
  },
)

t.test('more in flight than our Receive Maximum ends the connection [MQTT-3.3.4-7]', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 3 })
  const away = await lastingClient(harness, 's', 5)
  await away.subscribe('a', 1)
  away.vanish()
  const two = await five(harness, 'two')
  for (let i = 1; i <= 3; i++) two.send(publish('a', 'x', 2, i))
  two.send({ ...publish('a', 'x', 2, 3), dup: true } as Packet)
  t.equal((await two.take()).length, 4, 'a repetition does not count')
  t.match(await two.exchange(publish('a', 'x', 2, 4)), [{ type: 'disconnect', reasonCode: 0x93 }])
  const again = await five(harness, 'again')
  for (let i = 1; i <= 20; i++) t.match(await again.exchange(publish('a', 'x', 2, 1), pubrel(1)), [pubrec(1), pubcomp(1)])
  harness.store.hold()
  const one = await five(harness, 'one')
  one.send(...[1, 2, 3].map(id => publish('a', 'x', 1, id)))
  t.same(await one.take(), [])
  t.match(await one.exchange(publish('a', 'x', 1, 4)), [{ type: 'disconnect', reasonCode: 0x93 }])
  const three = await client(harness, 'three', 4)
  three.send(...[1, 2, 3, 4, 5].map(id => publish('a', 'x', 1, id)))
  harness.store.release()
  t.equal((await three.take()).length, 5, 'MQTT 3 knows no such limit')
  t.match(harness.listener.ended, { 'receive-maximum-exceeded': 2 })
})
