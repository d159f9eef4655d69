import t from 'tap'
import type { Packet } from '#codecs/mqtt/index.ts'
import { autoSubscriptionsOf } from '#gateway/rules.ts'
import { type RewriteRule, Rewriter } from '#rules/index.ts'
import { persistent, publish, texts } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'

async function harnessWith(...rules: RewriteRule[]): Promise<MqttHarness> {
  const harness = new MqttHarness()
  harness.brokerOptions = { rewriter: new Rewriter(rules, () => 'gw') }
  await harness.boot()
  return harness
}

const topics = (packets: Packet[]) => packets.flatMap(packet => (packet.type === 'publish' ? [packet.topic] : []))

for (const qos of [0, 1, 2] as const) {
  t.test(`what is published at QoS ${qos} goes to the rewritten topic, and no longer to its own`, async t => {
    const harness = await harnessWith({ action: 'publish', from: 'old/#', to: 'new/${rest}' })
    const sub = await harness.connect('sub')
    await sub.subscribe('#', 2)
    const pub = await harness.connect('pub')
    await pub.exchange(publish('old/a', 'x', qos, qos === 0 ? undefined : 1), publish('else', 'y', qos, qos === 0 ? undefined : 2))
    const came = await sub.take()
    t.same(topics(came), ['new/a', 'else'])
    t.same(texts(came), ['x', 'y'])
  })
}

t.test('runs of QoS 0 publishes are rewritten one by one, in order', async t => {
  const harness = await harnessWith({ action: 'publish', from: 'old/+', to: '${1}' })
  const sub = await harness.connect('sub')
  await sub.subscribe('#', 0)
  const pub = await harness.connect('pub')
  await pub.exchange(...Array.from({ length: 20 }, (_, n) => publish('old/a', `m${n}`, 0)))
  const came = await sub.take()
  t.same(new Set(topics(came)), new Set(['a']))
  t.same(
    texts(came),
    Array.from({ length: 20 }, (_, n) => `m${n}`),
  )
})

t.test('a rule that names the client is computed for each of them', async t => {
  const harness = await harnessWith({ action: 'publish', from: 'up/#', to: 'from/${client}/${rest}' })
  const sub = await harness.connect('sub')
  await sub.subscribe('#', 0)
  for (const id of ['one', 'two']) await (await harness.connect(id)).exchange(publish('up/x', id, 0), publish('up/x', id, 0))
  t.same(topics(await sub.take()), ['from/one/x', 'from/one/x', 'from/two/x', 'from/two/x'])
})

t.test('subscriptions are rewritten, and can be given up by the client’s own words', async t => {
  const harness = await harnessWith({ action: 'subscribe', from: 'old/#', to: 'new/${rest}' })
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('old/+', 1)
  t.match(harness.broker.subscriptions(), [{ filter: 'new/+' }])
  const [answer] = await sub.exchange({ type: 'unsubscribe', packetId: 9, filters: ['old/+'] })
  t.match(answer, { type: 'unsuback' })
  t.same(harness.broker.subscriptions(), [])
})

t.test('a rule that makes what is no topic changes nothing', async t => {
  const harness = await harnessWith({ action: 'all', from: 'a/#', to: '${rest}' }, { action: 'all', from: '#', to: 'b/+x' })
  const sub = await harness.connect('sub')
  await sub.subscribe('a', 0)
  t.match(harness.broker.subscriptions(), [{ filter: 'a' }])
  await (await harness.connect('pub')).exchange(publish('a', 'x', 0))
  t.same(topics(await sub.take()), ['a'])
})

t.test('the rules of access are asked about the rewritten topic', async t => {
  const harness = await harnessWith({ action: 'publish', from: 'old/#', to: 'new/${rest}' })
  const asked: string[] = []
  harness.broker.access.unrestricted = () => false
  harness.broker.access.mayPublish = (_, topic) => asked.push(topic) > 0
  await (await harness.connect('pub')).exchange(publish('old/a', 'x', 1, 1))
  t.same(asked, ['new/a'])
})

t.test('clients are given their automatic subscriptions as they connect, and what was retained', async t => {
  const harness = new MqttHarness()
  const one = { filter: 'cmd/${client_id}/#', qos: 1, no_local: false, retain_as_published: false, retain_handling: 0 } as const
  harness.brokerOptions = { autoSubscriptions: autoSubscriptionsOf([one, { ...one, filter: 'user/${username}' }]) }
  await harness.boot()
  const pub = await harness.connect('pub')
  await pub.exchange(publish('cmd/pump/start', 'now', 1, 1, true))
  const pump = await harness.connect('pump')
  const came = await pump.take()
  t.same(came[0]?.type, 'connack', 'after the CONNACK')
  t.same(texts(came), ['now'])
  t.match(
    harness.broker.subscriptions().filter(({ clientId }) => clientId === 'pump'),
    [{ filter: 'cmd/pump/#', qos: 1 }],
    'without a user name there is no subscription that names it',
  )
  await harness.connect('a/b')
  t.same(
    harness.broker.subscriptions().filter(({ clientId }) => clientId === 'a/b'),
    [],
    'a name that is more than a level makes none',
  )
})
