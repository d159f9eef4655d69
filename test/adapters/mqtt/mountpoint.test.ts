import t from 'tap'
import { GatewayAccess, PLAIN_ACCESS } from '#access/index.ts'
import { MqttListener } from '#adapters/mqtt/index.ts'
import { silentLogger } from '#base/logger.ts'
import type { ConnectPacket, MqttVersion, Packet } from '#codecs/mqtt/index.ts'
import { MqttHarness, type MqttPeer, TEST_LIMITS } from '../../support/mqtt-harness.ts'

const publish = (topic: string, payload: string, qos: 0 | 1 | 2 = 0, more: object = {}): Packet =>
  ({
    type: 'publish',
    topic,
    payload: Buffer.from(payload),
    qos,
    retain: false,
    dup: false,
    ...(qos > 0 && { packetId: 9 }),
    ...more,
  }) as Packet

/** A broker with two listeners: one as it is, and one with the mountpoint `site-a/`. */
async function site(harness = new MqttHarness()) {
  await harness.boot()
  const open = harness.listener
  const mounted = new MqttListener({
    name: 'mounted',
    broker: harness.broker,
    clock: harness.clock,
    logger: silentLogger,
    limits: TEST_LIMITS,
    anonymous: undefined,
    mountpoint: 'site-a/',
  })
  const by =
    (listener: MqttListener) =>
    async (clientId: string, version: MqttVersion, more: Partial<ConnectPacket> = {}) => {
      harness.listener = listener
      const peer = await harness.connect(clientId, { protocolVersion: version, ...more })
      const [connack, ...rest] = await peer.take()
      if (connack?.type !== 'connack' || connack.reasonCode !== 0) throw new Error(`${clientId} is not in`)
      return Object.assign(peer, { first: rest })
    }
  return { harness, outside: by(open), inside: by(mounted) }
}

async function texts(peer: MqttPeer): Promise<string[]> {
  return (await peer.take()).flatMap(packet =>
    packet.type === 'publish' ? [`${packet.topic} ${Buffer.from(packet.payload)} ${packet.qos}`] : [],
  )
}

t.test('clients of a listener with a mountpoint live under it and do not see it', async t => {
  for (const [here, there] of [
    [4, 4],
    [5, 5],
    [3, 5],
    [5, 4],
  ] as [MqttVersion, MqttVersion][]) {
    const { inside, outside } = await site()
    const watch = await outside('watch', there)
    await watch.subscribe('#', 2)
    const own = await inside('own', here)
    await own.subscribe('#', 2)
    const dev = await inside('dev', here)
    await dev.exchange(publish('x', 'a'), publish('x', 'b'), publish('y/z', 'c', 1), publish('x', 'd', 2), publish('site-a/x', 'e'))
    t.same(await texts(watch), ['site-a/x a 0', 'site-a/x b 0', 'site-a/y/z c 1', 'site-a/x d 2', 'site-a/site-a/x e 0'])
    t.same(await texts(own), ['x a 0', 'x b 0', 'y/z c 1', 'x d 2', 'site-a/x e 0'])
    const far = await outside('far', there)
    await far.exchange(
      publish('site-a/x', '1'),
      publish('site-b/x', '2'),
      publish('x', '3'),
      publish('site-a/q', '4', 1),
      publish('site-a/x', '5', 2),
    )
    t.same(await texts(own), ['x 1 0', 'q 4 1', 'x 5 2'])
  }
})

t.test('retained messages, wills, shared and ended subscriptions are under the mountpoint too', async t => {
  const { inside, outside, harness } = await site()
  const watch = await outside('watch', 4)
  await watch.subscribe('#', 0)
  const will = { topic: 'gone', payload: Buffer.from('w'), qos: 0 as const, retain: false }
  const dev = await inside('dev', 5, { will })
  await dev.exchange(publish('kept', 'r', 1, { retain: true }))
  dev.vanish()
  t.same(await texts(watch), ['site-a/kept r 0', 'site-a/gone w 0'])
  t.same(
    harness.broker.retainedMatching('#', 9).map(({ topic }) => topic),
    ['site-a/kept'],
  )
  const own = await inside('own', 5)
  t.match(await own.subscribe('+', 1), [{ type: 'suback' }, { type: 'publish', topic: 'kept', retain: true }])
  t.match(await own.exchange({ type: 'unsubscribe', packetId: 4, filters: ['+', 'never'] }), [{ type: 'unsuback', reasonCodes: [0, 0x11] }])
  await own.subscribe('$share/g/s', 0)
  await (await outside('far', 4)).exchange(publish('site-a/s', 'shared'), publish('s', 'not'))
  t.same(await texts(own), ['s shared 0'])
})

t.test('topic aliases and properties work under a mountpoint', async t => {
  const { inside, outside } = await site()
  const watch = await outside('watch', 5)
  await watch.subscribe('#', 0)
  const own = await inside('own', 5, { properties: { topicAliasMaximum: 5 } })
  await own.subscribe('#', 1)
  const dev = await inside('dev', 5)
  const alias = (topic: string, payload: string) =>
    publish(topic, payload, 0, { properties: { topicAlias: 1, userProperties: [['a', 'b']] } })
  await dev.exchange(alias('x', '1'), alias('', '2'))
  t.match(await watch.take(), [{ topic: 'site-a/x', properties: { userProperties: [['a', 'b']] } }, { topic: 'site-a/x' }])
  t.match(await own.take(), [{ topic: 'x' }, {}])
})

t.test('a topic that is none is refused under a mountpoint as without one', async t => {
  const { inside } = await site()
  for (const bytes of ['300300006e', '3005000261232b', '300500028080aa']) {
    const dev = await inside('dev', 4)
    dev.sendBytes(Buffer.from(bytes, 'hex'))
    await dev.take()
    t.equal(dev.closed, true, bytes)
  }
})

t.test('rules see topics with the mountpoint', async t => {
  const harness = new MqttHarness()
  const rules = [{ permit: 'allow' as const, who: {}, action: 'all' as const, topics: [`site-a/\${client_id}/#`] }]
  const access = new GatewayAccess({ settings: { ...PLAIN_ACCESS, rules }, clock: harness.clock, logger: silentLogger })
  harness.brokerOptions = { access }
  const { inside, outside } = await site(harness)
  access.bind(harness.broker)
  const dev = await inside('dev', 5)
  t.match(await dev.exchange(publish('dev/x', 'a', 1)), [{ reasonCode: 0x10 }])
  t.match(await dev.exchange(publish('other/x', 'a', 1)), [{ reasonCode: 0x87 }])
  t.match(await dev.subscribe('dev/#', 0), [{ reasonCodes: [0] }])
  t.match(await dev.subscribe('#', 0), [{ reasonCodes: [0x87] }])
  t.match(await (await outside('dev', 5)).exchange(publish('dev/x', 'a', 1)), [{ reasonCode: 0x87 }])
})

t.test('what waited on disk is delivered without the mountpoint', async t => {
  const { harness, inside, outside } = await site()
  const own = await inside('own', 4, { cleanStart: false })
  await own.subscribe('#', 1)
  own.vanish()
  await harness.settle()
  await (await outside('far', 4)).exchange(publish('site-a/x', 'late', 1))
  const again = await inside('own', 4, { cleanStart: false })
  t.match(again.first, [{ type: 'publish', topic: 'x', qos: 1 }])
})
