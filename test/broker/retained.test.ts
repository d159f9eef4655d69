import t from 'tap'
import { RETAINED_AT_ONCE_MAX } from '#base/limits.ts'
import { Message, type MessageInit } from '#broker/message.ts'
import { keptExpiry, keptSize, pack, unpack } from '#broker/packed-message.ts'
import { RETAINED_TERMS, type RetainedTerms } from '#broker/retention.ts'
import type { Packet } from '#codecs/mqtt/index.ts'
import { persistent, pubacks, publish, texts } from '../adapters/mqtt/packets.ts'
import { MqttHarness, type MqttPeer } from '../support/mqtt-harness.ts'

async function harnessWith(terms: Partial<RetainedTerms> = {}, limits = {}): Promise<MqttHarness> {
  const harness = new MqttHarness(limits)
  harness.brokerOptions = { retained: { ...RETAINED_TERMS, ...terms } }
  await harness.boot()
  return harness
}

async function retain(harness: MqttHarness, count: number, qos: 0 | 1 = 1): Promise<void> {
  const pub = await harness.connect('pub')
  for (let n = 1; n <= count; n++) pub.send(publish(`r/${n % 7}/${n}`, `m${n}`, qos, qos === 0 ? undefined : (n % 65_535) + 1, true))
  await pub.take()
}

async function drain(peer: MqttPeer, each: () => void = () => {}): Promise<string[]> {
  const all: string[] = []
  for (let packets = await peer.take(); packets.length > 0; packets = await peer.exchange(...pubacks(packets))) {
    all.push(...texts(packets))
    each()
  }
  return all
}

const queued = (harness: MqttHarness, id: string) => harness.broker.clients().find(client => client.clientId === id)?.queued ?? 0
const numbers = (count: number) => Array.from({ length: count }, (_, i) => `m${i + 1}`).sort()

t.test('a packed message comes out as it went in', async t => {
  const cases: MessageInit[] = [
    { topic: 'a', payload: Buffer.from([0, 127, 128, 255]), qos: 2, retain: true, publisher: 'sensor-é', timeMs: 1.7e12, takenAtMs: 0.5 },
    { topic: 'a/ü', payload: Buffer.alloc(2048, 200), qos: 0, expiresAtMs: 1234.5, timeQuality: 'restamped' },
    { topic: 'a', payload: Buffer.alloc(2049, 1), qos: 1, timeQuality: 'unsynced' },
    { topic: 'a', payload: Buffer.alloc(0), qos: 1, publisher: 'x'.repeat(300) },
    { topic: 'a', payload: Buffer.from('x'), qos: 1, properties: { contentType: 'text/plain' } },
  ]
  for (const init of cases) {
    const message = Message.from(init)
    const size = message.size
    const kept = pack(message)
    t.equal(keptSize(init.topic, kept), size)
    t.equal(keptExpiry(kept), init.expiresAtMs ?? 0)
    const back = unpack(init.topic, kept)
    t.same(Buffer.from(back.payload), Buffer.from(init.payload))
    for (const key of ['topic', 'qos', 'retain', 'publisher', 'timeMs', 'timeQuality', 'takenAtMs', 'properties'] as const)
      t.same(back[key], message[key], key)
  }
})

for (const [name, connect, qos] of [
  ['a client that ends with its connection', {}, 0],
  ['a client that ends with its connection', {}, 1],
  ['a session that lasts', persistent, 1],
] as const) {
  t.test(`${name} gets thousands of retained messages at QoS ${qos} as it takes them, each once`, async t => {
    const harness = await harnessWith({}, { receiveMaximum: 10 })
    await retain(harness, 3000)
    const sub = await harness.connect('sub', connect)
    const subscriptions = [{ filter: 'r/#', qos, noLocal: false, retainAsPublished: false, retainHandling: 0 as const }]
    await sub.take()
    sub.bytes.blocked = true
    sub.send({ type: 'subscribe', packetId: 1, subscriptions })
    await harness.settle()
    let most = queued(harness, 'sub')
    sub.bytes.drain()
    const all: string[] = []
    for (let packets = await sub.take(); packets.length > 0; packets = await sub.exchange(...pubacks(packets))) {
      all.push(...texts(packets))
      most = Math.max(most, queued(harness, 'sub'))
    }
    t.ok(most <= RETAINED_AT_ONCE_MAX, `${most} in its queue`)
    t.equal(all.length, 3000)
    t.equal(new Set(all).size, all.length)
    t.same(
      [...harness.disk.records.keys()].filter(owner => owner.startsWith('reading')),
      [],
    )
  })
}

t.test('what a session that lasts has not read goes on after a lost connection and a power cut', async t => {
  const harness = await harnessWith({}, { receiveMaximum: 10 })
  await retain(harness, 2000)
  const got = new Set<string>()
  const some = async (peer: MqttPeer, rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      const packets = await peer.take()
      for (const text of texts(packets)) got.add(text)
      peer.send(...pubacks(packets))
    }
    await harness.settle()
  }
  const sub = await harness.connect('sub', persistent)
  sub.send({
    type: 'subscribe',
    packetId: 1,
    subscriptions: [{ filter: '#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  })
  await some(sub, 80)
  sub.vanish()
  await some(await harness.connect('sub', persistent), 10)
  t.ok(got.size > 500 && got.size < 1000, String(got.size))
  await harness.crash()
  const again = await harness.connect('sub', persistent)
  for (const text of await drain(again)) got.add(text)
  t.same([...got].sort(), numbers(2000))
  t.same(
    [...harness.disk.records.keys()].filter(owner => owner.startsWith('reading')),
    [],
  )
})

t.test('an unsubscription or the end of the session ends the reading', async t => {
  const harness = await harnessWith({}, { receiveMaximum: 10 })
  await retain(harness, 1000)
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('#', 1)
  await sub.exchange({ type: 'unsubscribe', packetId: 2, filters: ['#'] })
  t.same(harness.disk.records.has('reading/1'), false)
  await sub.subscribe('#', 1)
  t.same(harness.disk.records.has('reading/1'), true)
  await harness.connect('sub', { cleanStart: true })
  await harness.settle()
  t.same(harness.disk.records.has('reading/1'), false)
})

t.test('a value that changes while it is read arrives as it is then', async t => {
  const harness = await harnessWith({}, { receiveMaximum: 1 })
  await retain(harness, 700)
  const sub = await harness.connect('sub')
  sub.send({
    type: 'subscribe',
    packetId: 1,
    subscriptions: [{ filter: '#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  })
  const first = await sub.take()
  const pub = await harness.connect('pub')
  for (let n = 1; n <= 700; n++) pub.send(publish(`r/${n % 7}/${n}`, n % 2 ? '' : `new${n}`, 1, n, true))
  await pub.take()
  sub.send(...pubacks(first))
  const all = await drain(sub)
  const after = all.slice(all.lastIndexOf('new700') + 1)
  t.ok(
    after.every(text => text.startsWith('new')),
    'nothing old comes after the new',
  )
})

t.test('a configured rate paces the reading', async t => {
  const harness = await harnessWith({ readPerSecond: 20 })
  await retain(harness, 50)
  const sub = await harness.connect('sub')
  const counts = [texts(await sub.subscribe('#', 0)).length]
  for (let second = 1; second < 4; second++) {
    harness.clock.advance(1000)
    counts.push(texts(await sub.take()).length)
  }
  t.same(counts, [20, 20, 10, 0])
})

t.test('beyond its limits a message is delivered, counted and not retained', async t => {
  for (const [terms, kept] of [
    [{ messagesMax: 3 }, 3],
    [{ payloadBytesMax: 1 }, 0],
    [{ bytesMax: 200 }, 2],
  ] as const) {
    const harness = await harnessWith(terms)
    const live = await harness.connect('live')
    await live.subscribe('#', 1)
    await retain(harness, 5)
    t.equal(texts(await live.take()).length, 5)
    t.equal(harness.broker.status().retained, kept)
    t.equal(harness.broker.status().counters.dropped['not-retained'], 5 - kept)
    t.equal(harness.disk.retained.size, kept)
  }
})

t.test('at the limit a topic that is there may change and go', async t => {
  const harness = await harnessWith({ messagesMax: 1 })
  const pub = await harness.connect('pub')
  await pub.exchange(publish('a', 'one', 1, 1, true))
  await pub.exchange(publish('a', 'two', 1, 2, true))
  t.equal(Buffer.from(harness.broker.retained('a')!.payload).toString(), 'two')
  await pub.exchange(publish('a', '', 1, 3, true), publish('b', 'three', 1, 4, true))
  t.equal(harness.broker.retained('a'), undefined)
  t.equal(Buffer.from(harness.broker.retained('b')!.payload).toString(), 'three')
})

t.test('the default expiry is for what has none of its own, and what has expired goes from memory and disk', async t => {
  const harness = await harnessWith({ expiryMs: 60_000 })
  const pub = await harness.connect('pub', { protocolVersion: 5 })
  const own: Packet = { ...publish('b', 'x', 1, 2, true), properties: { messageExpiryInterval: 600 } } as Packet
  await pub.exchange(publish('a', 'x', 1, 1, true), own)
  t.equal(harness.broker.status().retained, 2)
  harness.clock.advance(59_000)
  t.not(harness.broker.retained('a'), undefined)
  harness.clock.advance(3000)
  await harness.settle()
  t.equal(harness.broker.retained('a'), undefined)
  t.equal(harness.broker.status().retained, 1)
  t.same([...harness.disk.retained.keys()], ['b'])
  await harness.crash()
  t.not(harness.broker.retained('b'), undefined)
})
