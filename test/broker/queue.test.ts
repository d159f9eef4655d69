import t from 'tap'
import { QUEUE_HEAD_ENTRIES_MAX } from '#base/limits.ts'
import { DISCONNECT, persistent, pubacks, publish, texts } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `m${from + i}`)

async function backlog(harness: MqttHarness, from: number, to: number) {
  const pub = await harness.connect('pub')
  for (let n = from; n <= to; n++) pub.send(publish('a', `m${n}`, 1, (n % 65_535) + 1))
  await pub.take()
}

/** Acknowledges until nothing comes any more; the texts in the order in which they came. */
async function drain(peer: Awaited<ReturnType<MqttHarness['connect']>>, first = texts([])): Promise<string[]> {
  const all = [...first]
  for (let packets = await peer.take(); packets.length > 0; packets = await peer.exchange(...pubacks(packets))) {
    all.push(...texts(packets))
    if (pubacks(packets).length === 0) break
  }
  return all
}

async function subscriber(harness: MqttHarness) {
  const sub = await harness.connect('sub', persistent)
  await sub.subscribe('a', 1)
  return sub
}

t.test('a backlog far beyond the memory head is delivered in order, and leaves nothing on disk', async t => {
  const harness = await MqttHarness.start()
  await (await subscriber(harness)).exchange(DISCONNECT)
  await backlog(harness, 1, 5000)
  t.equal(harness.broker.clients().find(client => client.clientId === 'sub')?.queued, 5000)
  const sub = await harness.connect('sub', persistent)
  t.same(await drain(sub), numbers(1, 5000))
  t.equal(harness.disk.queues.get(1)?.size, 0)
  t.match(
    harness.broker.clients().find(client => client.clientId === 'sub'),
    { queued: 0, queuedBytes: 0 },
  )
})

t.test('what arrives while the tail is read goes behind it', async t => {
  const harness = await MqttHarness.start()
  await (await subscriber(harness)).exchange(DISCONNECT)
  await backlog(harness, 1, 1500)
  const sub = await harness.connect('sub', persistent)
  const pub = await harness.connect('live')
  const got: string[] = []
  let n = 1500
  for (let packets = await sub.take(); packets.length > 0; packets = await sub.exchange(...pubacks(packets))) {
    got.push(...texts(packets))
    if (n < 2500) for (let i = 0; i < 10; i++) pub.send(publish('a', `m${++n}`, 1, (n % 65_535) + 1))
    if (pubacks(packets).length === 0) break
  }
  t.same(got, numbers(1, n))
})

t.test('a subscriber that falls behind while connected continues from disk in order', async t => {
  const harness = await MqttHarness.start()
  const sub = await subscriber(harness)
  await backlog(harness, 1, QUEUE_HEAD_ENTRIES_MAX * 3)
  t.same(await drain(sub), numbers(1, QUEUE_HEAD_ENTRIES_MAX * 3))
})

t.test('a reconnect in the middle of a backlog repeats what was in flight, with DUP, and goes on', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 10 })
  await (await subscriber(harness)).exchange(DISCONNECT)
  await backlog(harness, 1, 100)
  let sub = await harness.connect('sub', persistent)
  let packets = await sub.take()
  await sub.exchange(...pubacks(packets).slice(0, 4))
  sub.vanish()
  sub = await harness.connect('sub', persistent)
  packets = await sub.take()
  t.same(texts(packets).slice(0, 10), numbers(5, 14))
  t.match(
    packets.slice(1),
    Array.from({ length: 10 }, () => ({ dup: true })),
  )
  const rest = await drain(sub, texts(packets))
  t.same(rest.slice(0, 10), numbers(5, 14))
  const more = await sub.exchange(...pubacks(packets))
  const all = await drain(sub, [...rest, ...texts(more)])
  for (const acknowledged of [more]) await sub.exchange(...pubacks(acknowledged))
  t.same([...new Set(all)].slice(0, 20), numbers(5, 24))
})

t.test('a queue at its limit drops its oldest, online and offline, and never what is in flight', async t => {
  const harness = await MqttHarness.start({ queueMessagesMax: 50, receiveMaximum: 5 })
  const sub = await subscriber(harness)
  await backlog(harness, 1, 200)
  const packets = await sub.take()
  t.same(texts(packets), numbers(1, 5))
  t.same(await drain(sub, texts(await sub.exchange(...pubacks(packets)))).then(all => [...new Set(all)].slice(0, 5)), numbers(156, 160))
  t.equal(harness.broker.status().counters.dropped['queue-full'], 150)
})

t.test('an offline queue at its limit keeps the newest', async t => {
  const harness = await MqttHarness.start({ queueMessagesMax: 50 })
  await (await subscriber(harness)).exchange(DISCONNECT)
  await backlog(harness, 1, 1000)
  t.equal(harness.broker.clients().find(client => client.clientId === 'sub')?.queued, 50)
  t.equal(harness.disk.queues.get(1)?.size, 50)
  t.same(await drain(await harness.connect('sub', persistent)), numbers(951, 1000))
})

t.test('acknowledgements out of order free their entries, and the disk keeps the others', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 4 })
  const sub = await subscriber(harness)
  await backlog(harness, 1, 6)
  const acks = pubacks(await sub.take())
  const next = await sub.exchange(acks[2], acks[1])
  t.same(texts(next), numbers(5, 6))
  t.same(
    [...(harness.disk.queues.get(1)?.values() ?? [])].map(entry => Buffer.from(entry.message.payload).toString()),
    ['m1', 'm4', 'm5', 'm6'],
  )
})

t.test('packet ids follow from the sequence number, over the wrap, and one in flight is never used twice', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 2 })
  const sub = await subscriber(harness)
  await backlog(harness, 1, 1)
  const [stuck] = (await sub.take()) as { packetId: number }[]
  const seen = new Set<number>()
  const pub = await harness.connect('other')
  for (let n = 2; n <= 65_540; n++) {
    pub.send(publish('a', `m${n}`, 1, (n % 65_535) + 1))
    if (n % 50 !== 0 && n !== 65_540) continue
    for (let packets = await sub.take(); packets.length > 0; packets = await sub.exchange(...pubacks(packets))) {
      for (const packet of pubacks(packets)) {
        const { packetId } = packet as { packetId: number }
        if (packetId === stuck.packetId) t.fail(`packet id ${packetId} is in flight`)
        seen.add(packetId)
      }
    }
  }
  t.equal(seen.size, 65_534)
})
