import t from 'tap'
import type { ConnectPacket, Properties } from '#codecs/mqtt/index.ts'
import { DISCONNECT, texts } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { BOTH, client, deliveries, five, only } from './peers.ts'

function will(properties?: Properties, more: Partial<NonNullable<ConnectPacket['will']>> = {}): Pick<ConnectPacket, 'will'> {
  return { will: { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: false, ...(properties && { properties }), ...more } }
}

async function watched(harness: MqttHarness) {
  const watcher = await five(harness, 'watcher')
  await watcher.subscribe('will', 0)
  return watcher
}

t.test('a will is stored with the connection and goes out when that is lost [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT311-3.1.2-8]', async t => {
  for (const version of BOTH) {
    const harness = await MqttHarness.start()
    const watcher = await watched(harness)
    const lost = await client(harness, 'c', version, will())
    t.equal(harness.disk.records.get('will')?.size, 1)
    lost.vanish()
    t.same(texts(await watcher.take()), ['gone'])
    const bad = await client(harness, 'c', version, will())
    bad.sendBytes(Buffer.from([0, 0]))
    t.same(texts(await watcher.take()), ['gone'], 'after what breaks the protocol too')
    const kicked = await client(harness, 'c', version, will())
    harness.broker.kick('c')
    t.same(texts(await watcher.take()), ['gone'])
    t.ok(kicked.closed)
    const taken = await client(harness, 'c', version, will())
    await client(harness, 'c', version)
    t.same(texts(await watcher.take()), ['gone'], 'and when the client is taken over')
    t.ok(taken.closed)
  }
})

t.test(
  'a normal DISCONNECT makes the will void, any other does not [MQTT-3.1.2-10] [MQTT-3.14.4-3] [MQTT311-3.1.2-10] [MQTT311-3.14.4-3]',
  async t => {
    const harness = await MqttHarness.start()
    const watcher = await watched(harness)
    for (const version of BOTH) {
      const peer = await client(harness, 'c', version, will())
      await peer.exchange(DISCONNECT)
      t.same(texts(await watcher.take()), [])
    }
    for (const reasonCode of [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]) {
      const peer = await client(harness, 'c', 5, will())
      await peer.exchange({ type: 'disconnect', reasonCode })
      t.same(texts(await watcher.take()), ['gone'], `after ${reasonCode}`)
    }
    t.equal(harness.disk.records.get('will')?.size ?? 0, 0, 'nothing of it is left')
  },
)

t.test('without a will none goes out [MQTT311-3.1.2-12]', async t => {
  const harness = await MqttHarness.start()
  const watcher = await five(harness, 'watcher')
  await watcher.subscribe('#', 0)
  for (const version of BOTH) (await client(harness, 'c', version)).vanish()
  t.same(await watcher.take(), [])
})

t.test('a will is retained only with its flag [MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT311-3.1.2-16] [MQTT311-3.1.2-17]', async t => {
  for (const version of BOTH) {
    for (const retain of [false, true]) {
      const harness = await MqttHarness.start()
      ;(await client(harness, 'c', version, will(undefined, { retain }))).vanish()
      await harness.settle()
      const late = await watched(harness)
      t.equal(harness.broker.status().retained, retain ? 1 : 0)
      late.vanish()
    }
  }
})

t.test('a delay is kept, ends with the session, and is forgotten when the client comes back [MQTT-3.1.2-8] [MQTT-3.1.3-9]', async t => {
  const harness = await MqttHarness.start()
  const watcher = await watched(harness)
  const asked = (sessionExpiryInterval: number) => ({
    cleanStart: false,
    properties: { sessionExpiryInterval },
    ...will({ willDelayInterval: 10 }),
  })
  ;(await client(harness, 'c', 5, asked(100))).vanish()
  harness.clock.advance(9_000)
  t.same(texts(await watcher.take()), [])
  harness.clock.advance(2_000)
  t.same(texts(await watcher.take()), ['gone'])
  ;(await client(harness, 'c', 5, asked(100))).vanish()
  harness.clock.advance(5_000)
  const back = await client(harness, 'c', 5, { cleanStart: false, properties: { sessionExpiryInterval: 100 } })
  harness.clock.advance(20_000)
  t.same(texts(await watcher.take()), [], 'it came back')
  back.vanish()
  ;(await client(harness, 'c', 5, asked(5))).vanish()
  harness.clock.advance(7_000)
  t.same(texts(await watcher.take()), ['gone'], 'the session ended before the delay')
  ;(await client(harness, 'c', 5, asked(100))).vanish()
  await client(harness, 'c', 5)
  t.same(texts(await watcher.take()), ['gone'], 'a clean start ended it')
})

t.test('a will has its properties, in their order [MQTT-3.1.3-10]', async t => {
  const harness = await MqttHarness.start()
  const watcher = await watched(harness)
  const properties: Properties = {
    payloadFormatIndicator: 1,
    contentType: 'text/plain',
    responseTopic: 'to/me',
    correlationData: Buffer.from([0, 255]),
    messageExpiryInterval: 50,
    userProperties: [
      ['z', '1'],
      ['a', '2'],
      ['z', '3'],
    ],
  }
  ;(await client(harness, 'c', 5, will({ ...properties, willDelayInterval: 0 }))).vanish()
  t.same(only(await watcher.take(), 'publish').properties, properties)
  ;(await client(harness, 'd', 5, will(properties, { retain: true }))).vanish()
  await harness.settle()
  harness.clock.advance(20_000)
  const late = await five(harness, 'late')
  t.equal(deliveries(await late.subscribe('will', 0))[0].properties?.messageExpiryInterval, 30, 'its expiry counts from its publication')
})
