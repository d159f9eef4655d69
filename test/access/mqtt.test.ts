/** What access means to MQTT clients: the answers of each version, wills, sessions, reloads, bans. */
import t from 'tap'
import { type AccessSettings, GatewayAccess, PLAIN_ACCESS } from '#access/index.ts'
import { silentLogger } from '#base/logger.ts'
import type { ConnectPacket, MqttVersion, Packet } from '#codecs/mqtt/index.ts'
import { MqttHarness, type MqttPeer } from '../support/mqtt-harness.ts'

interface Site {
  mqtt: MqttHarness
  access: GatewayAccess
  settings: AccessSettings
  /** Power cut, and a start with these settings. */
  restart(more?: Partial<AccessSettings>): Promise<void>
}

async function site(more: Partial<AccessSettings>): Promise<Site> {
  const mqtt = new MqttHarness()
  const make = (settings: AccessSettings) => new GatewayAccess({ settings, clock: mqtt.clock, logger: silentLogger })
  const settings: AccessSettings = { ...PLAIN_ACCESS, authenticators: { local: { kind: 'built-in' } }, ...more }
  const here: Site = {
    mqtt,
    access: make(settings),
    settings,
    async restart(other = {}) {
      here.access = make({ ...settings, ...other })
      mqtt.brokerOptions = { access: here.access }
      await mqtt.crash()
      here.access.bind(mqtt.broker)
    },
  }
  mqtt.brokerOptions = { access: here.access }
  await mqtt.boot()
  here.access.bind(mqtt.broker)
  return here
}

const publish = (topic: string, qos: 0 | 1 | 2 = 0, more: object = {}): Packet =>
  ({
    type: 'publish',
    topic,
    payload: Buffer.from('x'),
    qos,
    retain: false,
    dup: false,
    ...(qos > 0 && { packetId: 7 }),
    ...more,
  }) as Packet

const OPEN = { permit: 'allow' as const, who: {}, action: 'all' as const, topics: ['open/#'] }
const VERSIONS: MqttVersion[] = [3, 4, 5]

async function in_(
  mqtt: MqttHarness,
  clientId: string,
  protocolVersion: MqttVersion,
  more: Partial<ConnectPacket> = {},
): Promise<MqttPeer> {
  const peer = await mqtt.connect(clientId, { protocolVersion, ...more })
  const [connack] = await peer.take()
  if (connack?.type !== 'connack' || connack.reasonCode !== 0) throw new Error(`${clientId} is not in: ${JSON.stringify(connack)}`)
  return peer
}

/** Lets real threads and the virtual disk work until it is done. */
async function durable(mqtt: MqttHarness, done: Promise<unknown>): Promise<void> {
  let settled = false
  const end = done.finally(() => (settled = true))
  while (!settled) {
    await mqtt.settle()
    await new Promise(resolve => setImmediate(resolve))
  }
  await end
}

t.test('a publish that is not allowed is answered as the version demands, dropped and counted', async t => {
  const { mqtt } = await site({ rules: [OPEN] })
  for (const version of VERSIONS) {
    const before = mqtt.broker.status().counters
    const watch = await in_(mqtt, 'watch', 5)
    await watch.subscribe('open/#', 0)
    const peer = await in_(mqtt, 'dev', version)
    t.same(await peer.exchange(publish('shut', 0), publish('shut', 0)), [])
    const [puback] = await peer.exchange(publish('shut', 1))
    const [pubrec] = await peer.exchange(publish('shut', 2))
    if (version === 5) {
      t.match(
        [puback, pubrec],
        [
          { type: 'puback', packetId: 7, reasonCode: 0x87 },
          { type: 'pubrec', packetId: 7, reasonCode: 0x87 },
        ],
      )
    } else {
      t.match(
        [puback, pubrec],
        [
          { type: 'puback', packetId: 7 },
          { type: 'pubrec', packetId: 7 },
        ],
      )
    }
    t.equal(peer.closed, false)
    await peer.exchange(publish('open/a', 0), publish('shut', 0), publish('open/b', 0))
    t.match(await watch.take(), [{ topic: 'open/a' }, { topic: 'open/b' }], 'what is allowed goes on')
    const after = mqtt.broker.status().counters
    t.equal(after.refused - before.refused, 4, 'runs of publishes that are dropped together count once each')
    t.ok(after.dropped['not-authorized'] > before.dropped['not-authorized'])
  }
})

t.test('with deny_action = "disconnect" the connection ends instead', async t => {
  const { mqtt } = await site({ rules: [OPEN], deny_action: 'disconnect' })
  for (const version of VERSIONS) {
    for (const qos of [0, 1, 2] as const) {
      const peer = await in_(mqtt, 'dev', version)
      const answers = await peer.exchange(publish('open/a', 0), publish('shut', qos), publish('open/b', 0))
      t.match(answers, version === 5 ? [{ type: 'disconnect', reasonCode: 0x87 }] : [], `${version} QoS ${qos}`)
      t.equal(answers.length, version === 5 ? 1 : 0)
      t.equal(peer.closed, true)
    }
  }
})

t.test('a subscription that is not allowed is refused by itself, also behind $share', async t => {
  const { mqtt, access } = await site({ rules: [OPEN] })
  for (const version of VERSIONS) {
    const peer = await in_(mqtt, 'dev', version)
    const filters = ['open/a', 'shut', 'open/#', '#', '$share/g/shut', '$share/g/open/x', '$SYS/#']
    const subscriptions = filters.map(filter => ({
      filter,
      qos: 1 as const,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
    }))
    const no = version === 5 ? 0x87 : 0x80
    const [suback] = await peer.exchange({ type: 'subscribe', packetId: 3, subscriptions })
    t.match(suback, { type: 'suback', reasonCodes: [1, no, 1, no, no, 1, no] })
    const before = access.counters().deniedSubscriptions
    await peer.subscribe('shut', 0)
    t.equal(access.counters().deniedSubscriptions, before + 1)
  }
})

t.test('retained messages are read by those alone who may subscribe', async t => {
  const { mqtt } = await site({
    no_match: 'allow',
    rules: [{ permit: 'deny', who: { client_id: 'dev' }, action: 'subscribe', topics: ['a/secret'] }],
  })
  const writer = await in_(mqtt, 'writer', 4)
  await writer.exchange(publish('a/secret', 1, { retain: true }), publish('a/open', 1, { retain: true }))
  const dev = await in_(mqtt, 'dev', 5)
  t.match(await dev.subscribe('a/secret', 0), [{ type: 'suback', reasonCodes: [0x87] }])
  const read = await dev.subscribe('a/+', 0)
  t.match(read, [
    { type: 'suback', reasonCodes: [0] },
    { type: 'publish', topic: 'a/open' },
  ])
  t.equal(read.length, 2, 'a wider filter brings the others alone')
  t.match(await dev.subscribe('a/open', 0), [{ type: 'suback' }, { type: 'publish', topic: 'a/open' }])
})

const CLOSED = { permit: 'deny' as const, who: { client_id: 'dev' }, action: 'subscribe' as const, topics: ['test/nosubscribe'] }

function topicsOf(packets: readonly Packet[]): string[] {
  return packets.filter(packet => packet.type === 'publish').map(({ topic }) => topic)
}

t.test('a filter that a rule denies is refused; a wider one brings all but what is denied, to that client alone', async t => {
  const { mqtt } = await site({ no_match: 'allow', rules: [CLOSED] })
  const writer = await in_(mqtt, 'writer', 4)
  const other = await in_(mqtt, 'other', 4)
  await other.subscribe('#', 1)
  for (const version of VERSIONS) {
    const dev = await in_(mqtt, 'dev', version)
    const no = version === 5 ? 0x87 : 0x80
    for (const filter of ['test/nosubscribe', '$exclusive/test/nosubscribe', '$share/g/test/nosubscribe', '$share/g/#', '$queue/test/+'])
      t.match(await dev.subscribe(filter, 1), [{ type: 'suback', reasonCodes: [no] }], filter)
    for (const filter of ['#', 'test/+', '$exclusive/test/#', '$share/g/test/open'])
      t.match(await dev.subscribe(filter, 1), [{ type: 'suback', reasonCodes: [1] }], filter)
    await dev.exchange({ type: 'unsubscribe', packetId: 2, filters: ['$share/g/test/open'] })
    for (const qos of [0, 1, 2] as const) {
      await writer.exchange(publish('test/nosubscribe', qos), { type: 'pubrel', packetId: 7, reasonCode: 0 })
      await writer.exchange(publish('test/open', qos), { type: 'pubrel', packetId: 7, reasonCode: 0 })
      t.same([...new Set(topicsOf(await dev.take()))], ['test/open'], `version ${version}, QoS ${qos}`)
      t.same(topicsOf(await other.take()), ['test/nosubscribe', 'test/open'])
    }
    await dev.exchange({ type: 'disconnect', reasonCode: 0 })
  }
})

t.test('what is denied is not queued for who is away either', async t => {
  const here = await site({ no_match: 'allow', rules: [CLOSED] })
  const { mqtt } = here
  const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }
  const dev = await in_(mqtt, 'dev', 5, lasting)
  await dev.subscribe('#', 1)
  dev.vanish()
  await here.restart()
  const writer = await in_(mqtt, 'writer', 4)
  await writer.exchange(publish('test/nosubscribe', 1), publish('test/open', 1))
  const back = await mqtt.connect('dev', { protocolVersion: 5, ...lasting })
  t.same(topicsOf(await back.take()), ['test/open'])
})

t.test('a reload decides anew who receives what on routes that are known', async t => {
  const { mqtt, access, settings } = await site({ no_match: 'allow', rules: [] })
  const writer = await in_(mqtt, 'writer', 4, {
    will: { topic: 'test/nosubscribe', payload: Buffer.from('gone'), qos: 0, retain: false },
  })
  const dev = await in_(mqtt, 'dev', 4)
  await dev.subscribe('#', 0, 1)
  await dev.subscribe('test/nosubscribe', 0, 2)
  const both = [publish('test/nosubscribe'), publish('test/open')]
  await writer.exchange(...both)
  t.same(topicsOf(await dev.take()), ['test/nosubscribe', 'test/open'])
  access.reload({ ...settings, rules: [CLOSED] })
  await writer.exchange(...both)
  t.same(topicsOf(await dev.take()), ['test/open'])
  t.same(
    mqtt.broker.subscriptions().map(({ filter }) => filter),
    ['#'],
  )
  access.reload(settings)
  await writer.exchange(...both)
  t.same(topicsOf(await dev.take()), ['test/nosubscribe', 'test/open'])
  access.reload({ ...settings, rules: [CLOSED] })
  await writer.exchange(...both)
  t.same(topicsOf(await dev.take()), ['test/open'], 'also where no subscription goes')
  writer.vanish()
  t.same(topicsOf(await dev.take()), [], 'nor by a will')
})

t.test('retained messages that are read in a run are withheld alike', async t => {
  const { mqtt } = await site({ no_match: 'allow', rules: [{ ...CLOSED, topics: ['test/+/secret'] }] })
  const writer = await in_(mqtt, 'writer', 4)
  for (let i = 0; i < 200; i++) {
    await writer.exchange(publish(`test/${i}/secret`, 1, { retain: true }), publish(`test/${i}/open`, 1, { retain: true }))
  }
  const dev = await in_(mqtt, 'dev', 5)
  const read = topicsOf(await dev.subscribe('#', 0))
  for (let more = await dev.take(); more.length > 0; more = await dev.take()) read.push(...topicsOf(more))
  t.equal(read.length, 200)
  t.same(
    read.filter(topic => topic.endsWith('secret')),
    [],
  )
})

t.test('a will that is not allowed keeps its client out; one that is no longer allowed does not go out', async t => {
  const { mqtt, access, settings } = await site({ rules: [OPEN] })
  const will = (topic: string) => ({ will: { topic, payload: Buffer.from('gone'), qos: 1 as const, retain: false } })
  for (const version of VERSIONS) {
    const peer = await mqtt.connect('dev', { protocolVersion: version, ...will('shut') })
    t.match(await peer.take(), [{ type: 'connack', reasonCode: version === 5 ? 0x87 : 5 }])
    t.equal(peer.closed, true)
  }
  const watch = await in_(mqtt, 'watch', 4)
  await watch.subscribe('open/#', 0)
  const good = await in_(mqtt, 'dev', 4, will('open/will'))
  good.vanish()
  t.match(await watch.take(), [{ type: 'publish', topic: 'open/will' }])
  const later = await in_(mqtt, 'dev', 4, will('open/will'))
  access.reload({ ...settings, rules: [{ ...OPEN, action: 'subscribe' }] })
  later.vanish()
  t.same(await watch.take(), [])
})

t.test('new rules hold at once: for publishes on known topics, and for subscriptions that are there', async t => {
  const { mqtt, access, settings } = await site({ rules: [OPEN] })
  const dev = await in_(mqtt, 'dev', 5)
  const watch = await in_(mqtt, 'watch', 4)
  await watch.subscribe('open/a', 0, 1)
  await watch.subscribe('open/b', 0, 2)
  t.match(await dev.exchange(publish('open/a', 1)), [{ reasonCode: 0 }])
  t.match(await watch.take(), [{ topic: 'open/a' }])
  access.reload({ ...settings, rules: [{ ...OPEN, topics: ['open/b'] }] })
  t.match(await dev.exchange(publish('open/a', 1)), [{ reasonCode: 0x87 }])
  t.match(await dev.exchange(publish('open/b', 1)), [{ reasonCode: 0 }])
  t.match(await watch.take(), [{ topic: 'open/b' }])
  t.same(
    mqtt.broker.subscriptions().map(({ filter }) => filter),
    ['open/b'],
  )
  access.reload({ ...settings, rules: [OPEN] })
  await dev.exchange(publish('open/a', 1))
  t.same(await watch.take(), [], 'what was removed comes back only when it is asked for')
})

t.test('subscriptions of sessions that are away are looked at too, at a reload and at the start', async t => {
  const here = await site({ rules: [OPEN] })
  const { mqtt } = here
  const away = await in_(mqtt, 'away', 4, { cleanStart: false })
  await away.subscribe('open/a', 1, 1)
  await away.subscribe('open/b', 1, 2)
  away.vanish()
  await mqtt.settle()
  await here.restart({ rules: [{ ...OPEN, topics: ['open/b'], who: { protocol: 'mqtt' } }] })
  t.same(
    mqtt.broker.subscriptions().map(({ filter }) => filter),
    ['open/b'],
  )
  here.access.reload({ ...here.settings, rules: [{ ...OPEN, topics: ['other'] }] })
  t.same(mqtt.broker.subscriptions(), [])
})

t.test('a session that lasts is its user’s: another gets neither its messages nor its end', async t => {
  const here = await site({})
  const { mqtt } = here
  await durable(mqtt, here.access.addUser('ann', 'a'))
  await durable(mqtt, here.access.addUser('bob', 'b'))
  const as = async (username: string, password: string, more: Partial<ConnectPacket> = {}) => {
    const peer = await mqtt.connect('dev', { protocolVersion: 5, cleanStart: false, username, password: Buffer.from(password), ...more })
    // A password takes real threads.
    for (;;) {
      const [connack] = await peer.take()
      if (connack !== undefined) return { peer, connack }
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  const lasting = { properties: { sessionExpiryInterval: 600 } }
  const first = await as('ann', 'a', lasting)
  t.match(first.connack, { type: 'connack', reasonCode: 0 })
  await first.peer.subscribe('x', 1)
  for (const cleanStart of [false, true]) {
    t.match((await as('bob', 'b', { cleanStart })).connack, { type: 'connack', reasonCode: 0x85 })
  }
  t.equal(first.peer.closed, false, 'nor is she disconnected')
  await here.restart()
  t.match((await as('bob', 'b', { cleanStart: true })).connack, { type: 'connack', reasonCode: 0x85 }, 'after a restart too')
  t.match((await as('ann', 'a', lasting)).connack, { type: 'connack', reasonCode: 0, sessionPresent: true })
})

t.test('a ban disconnects, and is told at the next CONNECT', async t => {
  const { mqtt, access } = await site({})
  const now = await in_(mqtt, 'dev', 5)
  const old = await in_(mqtt, 'dev-old', 4)
  await durable(mqtt, access.ban('client_id', 'dev', 'noisy', undefined))
  await durable(mqtt, access.ban('client_id', 'dev-old', 'noisy', undefined))
  t.match(await now.take(), [{ type: 'disconnect', reasonCode: 0x98 }])
  t.equal(old.closed, true)
  t.match(await (await mqtt.connect('dev', { protocolVersion: 5 })).take(), [
    { type: 'connack', reasonCode: 0x8a, properties: { reasonString: /the client id dev is banned: noisy/ } },
  ])
  t.match(await (await mqtt.connect('dev-old', { protocolVersion: 4 })).take(), [{ type: 'connack', reasonCode: 5 }])
})

t.test('nothing is asked of the rules for who is unrestricted', async t => {
  const { mqtt, access } = await site({ rules: [{ permit: 'allow', who: { client_id: 'root' }, action: 'all' }, OPEN] })
  let asked = 0
  const { mayPublish } = access
  access.mayPublish = (...words) => {
    asked++
    return mayPublish.apply(access, words)
  }
  const root = await in_(mqtt, 'root', 4)
  for (let i = 0; i < 5; i++) await root.exchange(publish(`any/${i}`, 1))
  t.equal(asked, 0)
  const dev = await in_(mqtt, 'dev', 4)
  for (let i = 0; i < 5; i++) await dev.exchange(publish('open/a', 1))
  t.equal(asked, 1, 'a decision is kept with the route')
  await dev.exchange(publish('open/a', 1, { retain: true }))
  t.equal(asked, 2, 'for each QoS, with and without RETAIN')
})
