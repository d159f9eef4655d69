import t from 'tap'
import type { Client, Entry, QueueLimits, Sink } from '#broker/ports.ts'
import { Message } from '#broker/ports.ts'
import { DISCONNECT, persistent, pubacks, publish, texts } from '../adapters/mqtt/packets.ts'
import { MqttHarness, type MqttPeer } from '../support/mqtt-harness.ts'

const priorities = [
  { filter: 'alarm/#', rank: 7 },
  { filter: 'state/+', rank: 3 },
]

async function send(harness: MqttHarness, topics: readonly string[], qos: 1 | 2 = 1, first = 1): Promise<void> {
  const pub = await harness.connect('pub')
  for (const [i, topic] of topics.entries()) {
    pub.send(publish(topic, `${topic.split('/')[0]}${first + i}`, qos, i + 1))
    if (qos === 2) pub.send({ type: 'pubrel', packetId: i + 1, reasonCode: 0 })
    if (i % 20 === 19) await pub.take()
  }
  await pub.take()
}

/** Answers QoS 1 and 2 until nothing comes any more. */
async function drain(peer: MqttPeer): Promise<string[]> {
  const all: string[] = []
  for (let packets = await peer.take(); packets.length > 0; packets = await peer.take()) {
    all.push(...texts(packets))
    peer.send(...pubacks(packets))
    for (const packet of packets) {
      if (packet.type === 'publish' && packet.qos === 2) peer.send({ type: 'pubrec', packetId: packet.packetId!, reasonCode: 0 })
      if (packet.type === 'pubrel') peer.send({ type: 'pubcomp', packetId: packet.packetId, reasonCode: 0 })
    }
  }
  return all
}

const MIXED = Array.from({ length: 30 }, (_, i) => ['log/a', 'state/a', 'alarm/a'][i % 3])
const ranked = (first = 1) => {
  const all = MIXED.map((topic, i) => `${topic.split('/')[0]}${first + i}`)
  return [
    ...all.filter(text => text.startsWith('alarm')),
    ...all.filter(text => text.startsWith('state')),
    ...all.filter(text => text.startsWith('log')),
  ]
}

for (const qos of [1, 2] as const) {
  t.test(`what waited for a client goes by rank at QoS ${qos}, in order within a rank, over a power cut too`, async t => {
    for (const cut of [false, true]) {
      const harness = await MqttHarness.start({ priorities, receiveMaximum: 4 })
      const sub = await harness.connect('sub', persistent)
      await sub.subscribe('#', qos)
      await sub.exchange(DISCONNECT)
      await send(harness, MIXED, qos)
      t.equal(harness.broker.clients().find(client => client.clientId === 'sub')?.queued, 30)
      if (cut) await harness.crash()
      t.equal(harness.broker.status().queued, 30)
      t.same(await drain(await harness.connect('sub', persistent)), ranked())
      t.match(harness.broker.status(), { queued: 0, queuedBytes: 0 })
      for (const queue of harness.disk.queues.values()) t.equal(queue.size, 0)
    }
  })
}

t.test('an alarm overtakes what waits behind a full window, and nothing that is on its way', async t => {
  const harness = await MqttHarness.start({ priorities, receiveMaximum: 2 })
  const sub = await harness.connect('sub')
  await sub.subscribe('#', 1)
  await send(harness, ['log/a', 'log/a', 'log/a', 'log/a', 'alarm/a'])
  t.same(await drain(sub), ['log1', 'log2', 'alarm5', 'log3', 'log4'])
})

t.test('a power cut while entries move between the queues loses none and doubles no QoS 2', async t => {
  for (let seed = 1; seed <= 8; seed++) {
    const harness = await MqttHarness.start({ priorities, receiveMaximum: 3 }, seed)
    await (await harness.connect('sub', persistent)).subscribe('#', 2)
    await harness.crash()
    await send(harness, MIXED, 2)
    const got: string[] = []
    for (let round = 0; round < 6; round++) {
      const sub = await harness.connect('sub', persistent)
      const known = new Set<number>()
      for (let step = 0; step < 4; step++) {
        const packets = await sub.take()
        for (const packet of packets) {
          if (packet.type === 'pubrel') sub.send({ type: 'pubcomp', packetId: packet.packetId, reasonCode: 0 })
          if (packet.type !== 'publish') continue
          if (!known.has(packet.packetId!)) got.push(Buffer.from(packet.payload).toString())
          known.add(packet.packetId!)
          sub.send({ type: 'pubrec', packetId: packet.packetId!, reasonCode: 0 })
        }
        if (harness.clock.random() < 0.3) harness.store.hold()
      }
      // What was received before the cut is told apart by its PUBREC alone, which must be on disk.
      harness.store.release()
      await harness.settle()
      await harness.crash()
    }
    got.push(...(await drain(await harness.connect('sub', persistent))))
    t.same(got.sort(), ranked().sort(), `seed ${seed}`)
  }
})

t.test('at the limit the lowest rank is dropped first, its oldest before the others', async t => {
  const harness = await MqttHarness.start({ priorities, queueMessagesMax: 12 })
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('#', 1)
  await sub.exchange(DISCONNECT)
  await send(harness, MIXED)
  await harness.settle()
  t.equal(harness.broker.status().counters.dropped['queue-full'], 18)
  t.same(await drain(await harness.connect('sub', persistent)), ranked().slice(0, 10).concat(['state26', 'state29']))
})

t.test('a session whose priorities are taken away still gets what waited for it', async t => {
  const harness = new MqttHarness({ priorities, receiveMaximum: 4 })
  await harness.boot()
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('#', 1)
  await sub.exchange(DISCONNECT)
  await send(harness, MIXED)
  const plain = new MqttHarness({ receiveMaximum: 4 })
  Object.assign(plain, { disk: harness.disk })
  await plain.boot()
  t.same(await drain(await plain.connect('sub', persistent)), ranked())
})

t.test('when the session ends, all its lanes go, counted', async t => {
  const harness = await MqttHarness.start({ priorities })
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('#', 1)
  await sub.exchange(DISCONNECT)
  await send(harness, MIXED)
  await harness.connect('sub', { cleanStart: true })
  await harness.settle()
  t.equal(harness.broker.status().counters.dropped['no-session'], 30)
  t.same(
    [...harness.disk.queues.values()].filter(queue => queue.size > 0),
    [],
  )
})

function attach(harness: MqttHarness, clientId: string, queue: Partial<QueueLimits>, deliver: Sink['deliver']): Client {
  const lasting = clientId.startsWith('$bridge')
  return harness.broker.attach({
    identity: harness.broker.internalIdentity(clientId, 'bridge', true),
    sink: { congested: false, send: () => {}, sendRun: () => false, deliver, release: () => {}, close: () => {} },
    protocol: 'bridge',
    listener: 'cloud',
    peer: undefined,
    cleanStart: false,
    sessionExpiryMs: lasting ? Number.POSITIVE_INFINITY : 0,
    limits: {
      queue: { messagesMax: 1000, bytesMax: 1 << 20, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: true, ...queue },
      inFlightMax: 2,
      topicLevelsMax: 100,
    },
  }).client
}

function put(harness: MqttHarness, from: number, to: number): void {
  const device = attach(harness, '$serial:meter', {}, () => {})
  for (let n = from; n <= to; n++) {
    device.publish(harness.broker.route('a')!, Message.from({ topic: 'a', payload: Buffer.from(`m${n}`), qos: 1 }))
  }
}

t.test('live-first: what comes while the recipient is there goes before what waited for it, both in order', async t => {
  for (const [order, expected] of [
    ['live-first', ['m1', 'm2', 'm7', 'm8', 'm9', 'm3', 'm4', 'm5', 'm6']],
    ['fifo', ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9']],
  ] as const) {
    const harness = await MqttHarness.start()
    const absent = attach(harness, '$bridge:cloud', { order }, () => {})
    absent.subscribe([{ filter: '#', qos: 1 }])
    absent.detach(true)
    put(harness, 1, 6)
    await harness.settle()
    await harness.crash()
    const got: Entry[] = []
    const present = attach(harness, '$bridge:cloud', { order }, entry => void got.push(entry))
    present.resume()
    await harness.settle()
    put(harness, 7, 9)
    for (let at = 0; at < got.length; at++) {
      await harness.settle()
      present.acknowledge(got[at].packetId)
      await harness.settle()
    }
    t.same(
      got.map(({ message }) => Buffer.from(message.payload).toString()),
      expected,
      order,
    )
    t.equal(harness.broker.status().queued, 0)
  }
})

t.test('a session at its limit refuses, or does not take what is new, as its zone says', async t => {
  for (const queueWhenFull of ['reject', 'drop-newest'] as const) {
    const harness = await MqttHarness.start({ queueMessagesMax: 3, queueWhenFull })
    const sub = await harness.connect('sub', persistent)
    await sub.subscribe('a', 1)
    await sub.exchange(DISCONNECT)
    const pub = await harness.connect('pub', { protocolVersion: 5 })
    await pub.take()
    const codes: number[] = []
    for (let n = 1; n <= 5; n++)
      for (const packet of await pub.exchange(publish('a', `m${n}`, 1, n))) if (packet.type === 'puback') codes.push(packet.reasonCode)
    t.same(codes, queueWhenFull === 'reject' ? [0, 0, 0, 0x97, 0x97] : [0, 0, 0, 0, 0])
    t.same(await drain(await harness.connect('sub', persistent)), ['m1', 'm2', 'm3'])
  }
})
