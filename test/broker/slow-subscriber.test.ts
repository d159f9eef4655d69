import t from 'tap'
import { persistent, pubacks, publish, texts } from '../adapters/mqtt/packets.ts'
import { MqttHarness, type MqttPeer } from '../support/mqtt-harness.ts'

const LIMIT = 200
const ROUND = 50
const ROUNDS = 40
const TEXT = 'x'.repeat(1000)

/** Publishes a round and says how much of it each reader has when the publisher has its acknowledgements. */
async function round(pub: MqttPeer, readers: MqttPeer[], from: number, qos: 0 | 1): Promise<number[]> {
  for (let n = from; n < from + ROUND; n++) pub.send(publish('a', `${n}:${TEXT}`, qos, qos === 0 ? undefined : (n % 65_535) + 1))
  const counts: number[] = []
  await pub.take()
  for (const reader of readers) {
    let count = 0
    for (let packets = await reader.take(); packets.length > 0; packets = await reader.exchange(...pubacks(packets)))
      count += texts(packets).length
    counts.push(count)
  }
  return counts
}

for (const [qos, connect, name] of [
  [0, {}, 'QoS 0'],
  [1, {}, 'QoS 1'],
  [1, persistent, 'QoS 1 in a session that lasts'],
] as const) {
  t.test(
    `a subscriber that stops reading holds no more than its queue may, and the others go on as if it were not there: ${name}`,
    async t => {
      const harness = await MqttHarness.start({ queueMessagesMax: LIMIT, receiveMaximum: 10 })
      const deaf = await harness.connect('deaf', connect)
      await deaf.subscribe('a', qos)
      const readers = [await harness.connect('r1', connect), await harness.connect('r2', connect)]
      for (const reader of readers) await reader.subscribe('a', qos)
      const pub = await harness.connect('pub')
      deaf.bytes.blocked = true
      const held: number[] = []
      for (let n = 0; n < ROUNDS; n++) {
        const counts = await round(pub, readers, n * ROUND, qos)
        t.same(counts, [ROUND, ROUND], `round ${n}: the others have all of it`)
        const info = harness.broker.clients().find(({ clientId }) => clientId === 'deaf')!
        held.push(info.queued + deaf.bytes.pendingBytes / 1000)
        t.ok(info.queued <= LIMIT, `${info.queued} in its queue`)
        t.equal(harness.broker.congested, false)
        t.equal(pub.bytes.paused, false, 'the publisher is not slowed down')
      }
      t.ok(deaf.bytes.pendingBytes <= 256 * 1024 + 2 * ROUND * 1100, `${deaf.bytes.pendingBytes} bytes wait for its socket`)
      t.equal(held.at(-1), held.at(-10), 'it does not grow any more')
      const { dropped } = harness.broker.status().counters
      t.equal(dropped['queue-full'], harness.broker.clients().find(({ clientId }) => clientId === 'deaf')!.dropped, 'the loss is its own')
      for (const entries of harness.disk.queues.values()) t.ok(entries.size <= LIMIT)

      deaf.bytes.drain()
      const all: string[] = []
      for (let packets = await deaf.take(); packets.length > 0; packets = await deaf.exchange(...pubacks(packets)))
        all.push(...texts(packets))
      t.equal(all.at(-1), `${ROUNDS * ROUND - 1}:${TEXT}`, 'what is newest it gets in the end')
      t.equal(all.length + dropped['queue-full'], ROUNDS * ROUND, 'and what it does not get is counted')
    },
  )
}

t.test('a member of a shared group that stops reading keeps its window, and the others get the rest', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 10 })
  const deaf = await harness.connect('deaf', persistent)
  const reader = await harness.connect('r1', persistent)
  for (const peer of [deaf, reader]) await peer.subscribe('$share/g/a', 1)
  deaf.bytes.blocked = true
  const pub = await harness.connect('pub')
  let got = 0
  for (let n = 0; n < 10; n++) {
    got += (await round(pub, [reader], n * ROUND, 1))[0]
    t.ok(got >= (n + 1) * ROUND - 10)
  }
  t.ok(harness.broker.clients().find(({ clientId }) => clientId === 'deaf')!.queued <= 10)
})
