import t from 'tap'
import type { SharedStrategy } from '#broker/sharing.ts'
import { SHARED_TERMS } from '#broker/sharing.ts'
import { formOf } from '#broker/subscription.ts'
import type { ConnectPacket, MqttVersion, Packet } from '#codecs/mqtt/index.ts'
import { DISCONNECT, pubacks, publish, texts } from '../adapters/mqtt/packets.ts'
import { MqttHarness, type MqttPeer } from '../support/mqtt-harness.ts'

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `m${from + i}`)

function connecting(version: MqttVersion, durable: boolean): Partial<ConnectPacket> {
  const base = { protocolVersion: version, cleanStart: !durable }
  return version === 5 && durable ? { ...base, properties: { sessionExpiryInterval: 3600 } } : base
}

async function member(harness: MqttHarness, id: string, filter: string, qos: 0 | 1 | 2, version: MqttVersion = 4, durable = true) {
  const peer = await harness.connect(id, connecting(version, durable))
  const [suback] = (await peer.subscribe(filter, qos)).filter(packet => packet.type === 'suback')
  if (suback?.type !== 'suback' || suback.reasonCodes[0] !== qos) throw new Error(`${filter} was not granted`)
  return peer
}

async function granted(peer: MqttPeer, filter: string): Promise<number[]> {
  return (await peer.subscribe(filter, 1)).flatMap(packet => (packet.type === 'suback' ? packet.reasonCodes : []))
}

async function send(harness: MqttHarness, topic: string, from: number, to: number, qos: 0 | 1 | 2 = 1, id = 'pub') {
  const pub = await harness.connect(id)
  for (let n = from; n <= to; n++) {
    pub.send(publish(topic, `m${n}`, qos, qos === 0 ? undefined : (n % 65_535) + 1))
    if (n % 30 === 0) await pub.take()
  }
  return await pub.take()
}

async function harnessWith(strategy: SharedStrategy, limits = {}): Promise<MqttHarness> {
  const harness = new MqttHarness(limits)
  harness.brokerOptions = { sharedTerms: () => ({ ...SHARED_TERMS, strategy }) }
  await harness.boot()
  return harness
}

/** Takes and acknowledges until nothing comes any more. */
async function drain(peer: MqttPeer): Promise<string[]> {
  const all: string[] = []
  for (let packets = await peer.take(); packets.length > 0; packets = await peer.exchange(...pubacks(packets))) {
    all.push(...texts(packets))
    if (pubacks(packets).length === 0) break
  }
  return all
}

const groupQueue = (harness: MqttHarness) => {
  const number = Number(Buffer.from([...(harness.disk.records.get('shared')?.values() ?? [])][0] ?? []).toString())
  return harness.disk.queues.get(number)
}
const unique = (all: string[]) => [...new Set(all)].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))

for (const version of [3, 4, 5] as const) {
  for (const filter of ['$share/g/a/+', '$queue/a/+']) {
    t.test(`MQTT ${version}: members of ${filter} get each message once, in turn, and both kinds of subscription side by side`, async t => {
      const harness = await MqttHarness.start()
      const one = await member(harness, 'one', filter, 1, version)
      const two = await member(harness, 'two', filter, 1, version, false)
      const plain = await member(harness, 'plain', 'a/b', 1, version, false)
      await send(harness, 'a/b', 1, 10)
      t.same(
        [texts(await one.take()), texts(await two.take())],
        [
          ['m1', 'm3', 'm5', 'm7', 'm9'],
          ['m2', 'm4', 'm6', 'm8', 'm10'],
        ],
      )
      t.same(texts(await plain.take()), numbers(1, 10))
    })
  }

  t.test(
    `MQTT ${version}: what a member did not acknowledge goes to another when it leaves, in order and before what is newer`,
    async t => {
      const harness = await MqttHarness.start({ receiveMaximum: 4 })
      const one = await member(harness, 'one', '$share/g/a', 1, version)
      const two = await member(harness, 'two', '$share/g/a', 1, version)
      await send(harness, 'a', 1, 12)
      const first = await one.take()
      t.same(texts(first), ['m1', 'm3', 'm5', 'm7'])
      t.same(texts(await two.take()), ['m2', 'm4', 'm6', 'm8'])
      one.send(...pubacks(first).slice(0, 1))
      t.same(texts(await one.take()), ['m9'])
      one.vanish()
      const twos = numbers(1, 8).filter((_, i) => i % 2 === 1)
      two.send(...pubacks(await two.take()))
      t.same(await drain(two), [], 'its window is full')
      t.same(twos.length, 4)
    },
  )
}

t.test('a member that goes gives back what it had, and the other gets it before what is newer', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 4 })
  const one = await member(harness, 'one', '$share/g/a', 1)
  const two = await member(harness, 'two', '$share/g/a', 1)
  await send(harness, 'a', 1, 12)
  const twos = await two.take()
  one.vanish()
  await harness.settle()
  t.same(texts(await two.exchange(...pubacks(twos))), ['m1', 'm3', 'm5', 'm7'])
  t.equal(groupQueue(harness)?.size, 8)
  two.vanish()
  await harness.settle()
  const again = await harness.connect('two', connecting(4, true))
  const packets = await again.take()
  t.same(texts(packets), ['m1', 'm3', 'm5', 'm7'], 'after a reconnection it is the same again')
  t.ok(
    packets.every(packet => packet.type !== 'publish' || packet.dup),
    'as a repetition',
  )
  again.send(...pubacks(packets))
  t.same(await drain(again), numbers(9, 12))
  t.equal(groupQueue(harness)?.size, 0)
  t.match(harness.broker.status(), { queued: 0, queuedBytes: 0 })
})

t.test('a redelivery to the member that had it before has its packet id [MQTT-4.4.0-1]', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 3 })
  const one = await member(harness, 'one', '$share/g/a', 1)
  await send(harness, 'a', 1, 5)
  const ids = (packets: Packet[]) => packets.flatMap(packet => (packet.type === 'publish' ? [packet.packetId] : []))
  const before = ids(await one.take())
  one.vanish()
  const again = await harness.connect('one', connecting(4, true))
  const packets = await again.take()
  t.same(ids(packets), before)
  again.send(...pubacks(packets))
  t.same(texts(await again.take()), ['m4', 'm5'])
})

t.test('while all members are away the group’s one queue keeps what comes, over a power cut too', async t => {
  const harness = await MqttHarness.start()
  for (const id of ['one', 'two']) await (await member(harness, id, '$share/g/a', 1)).exchange(DISCONNECT)
  await send(harness, 'a', 1, 3000)
  t.equal(groupQueue(harness)?.size, 3000)
  t.match(harness.broker.groups(), [{ name: '$share/g/a', members: 2, present: 0, durable: true, queued: 3000, inFlight: 0 }])
  await harness.crash()
  t.equal(harness.broker.status().queued, 3000)
  const one = await harness.connect('one', connecting(4, true))
  const two = await harness.connect('two', connecting(4, true))
  const got: string[][] = [[], []]
  for (let quiet = 0; quiet < 2; ) {
    let moved = 0
    for (const [i, peer] of [one, two].entries()) {
      const packets = await peer.take()
      got[i].push(...texts(packets))
      peer.send(...pubacks(packets))
      moved += packets.length
    }
    quiet = moved === 0 ? quiet + 1 : 0
  }
  t.same(unique(got.flat()), numbers(1, 3000))
  t.equal(got.flat().length, 3000)
  for (const part of got) t.ok(part.length > 100, `each has a share (${part.length})`)
  for (const part of got) t.same(part, unique(part), 'each in order')
  t.equal(groupQueue(harness)?.size, 0)
})

t.test('QoS 2 stays with the member that it was sent to, until its session ends', async t => {
  const harness = await MqttHarness.start()
  const one = await member(harness, 'one', '$share/g/a', 2)
  const two = await member(harness, 'two', '$share/g/a', 2)
  await send(harness, 'a', 1, 4, 2)
  const ones = await one.take()
  t.same(texts(ones), ['m1', 'm3'])
  one.vanish()
  t.same(texts(await two.take()), ['m2', 'm4'], 'nothing is given to another [MQTT-4.8.2-5]')
  await harness.crash()
  const again = await harness.connect('one', connecting(4, true))
  const packets = (await again.take()).slice(1)
  t.same(
    packets,
    ones.map(packet => ({ ...packet, dup: true })),
    'its delivery is completed [MQTT-4.8.2-4]',
  )
  again.vanish()
  await harness.connect('one', { cleanStart: true })
  const second = await harness.connect('two', connecting(4, true))
  t.same(texts(await second.take()), ['m2', 'm4'])
  t.equal(harness.broker.status().counters.dropped['no-session'], 2, 'what ended with the session is counted')
})

t.test('a publish to a group of absent members is acknowledged after the commit, and its SUBACK too', async t => {
  const harness = await MqttHarness.start()
  const one = await harness.connect('one', connecting(4, true))
  await one.take()
  harness.store.hold()
  t.same(await one.subscribe('$share/g/a', 1), [])
  harness.store.release()
  t.match(await one.take(), [{ type: 'suback' }])
  one.vanish()
  await harness.settle()
  const pub = await harness.connect('pub')
  await pub.take()
  harness.store.hold()
  t.same(await pub.exchange(publish('a', 'm1', 1, 1)), [])
  harness.store.release()
  t.match(await pub.take(), [{ type: 'puback' }])
})

t.test('the group ends with its last member: what waits is dropped and counted, and the disk has nothing of it', async t => {
  const harness = await MqttHarness.start()
  const one = await member(harness, 'one', '$share/g/a', 1)
  const two = await member(harness, 'two', '$share/g/a', 1)
  await two.exchange(DISCONNECT)
  one.vanish()
  await send(harness, 'a', 1, 5)
  t.equal(groupQueue(harness)?.size, 5)
  for (const id of ['one', 'two']) await (await harness.connect(id, { cleanStart: true })).exchange(DISCONNECT)
  await harness.settle()
  t.equal(harness.broker.status().counters.dropped['no-session'], 5)
  t.equal(harness.disk.records.has('shared'), false)
  t.same(
    [...harness.disk.queues.values()].filter(queue => queue.size > 0),
    [],
  )
})

t.test('an unsubscription completes what was begun and leaves the rest to the others [MQTT-3.10.4-3]', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 2 })
  const one = await member(harness, 'one', '$share/g/a', 1)
  await send(harness, 'a', 1, 5)
  const begun = await one.take()
  t.same(texts(begun), ['m1', 'm2'])
  const two = await harness.connect('two', connecting(4, true))
  two.send({
    type: 'subscribe',
    packetId: 1,
    subscriptions: [{ filter: '$share/g/a', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  })
  await one.exchange({ type: 'unsubscribe', packetId: 9, filters: ['$share/g/a'] })
  const rest = await two.take()
  two.send(...pubacks(rest))
  t.same([...texts(rest), ...(await drain(two))], ['m3', 'm4', 'm5'])
  one.vanish()
  await harness.crash()
  const again = await harness.connect('one', connecting(4, true))
  t.same(texts(await again.take()), ['m1', 'm2'])
  t.equal(groupQueue(harness)?.size ?? 0, 0)
})

t.test('QoS, RETAIN and subscription identifier are each member’s own', async t => {
  const harness = await MqttHarness.start()
  const peers: MqttPeer[] = []
  for (const [i, qos] of ([0, 1, 2] as const).entries()) {
    const peer = await harness.connect(`m${i}`, connecting(5, true))
    await peer.exchange({
      type: 'subscribe',
      packetId: 1,
      subscriptions: [{ filter: '$share/g/a', qos, noLocal: false, retainAsPublished: i === 1, retainHandling: 0 }],
      properties: { subscriptionIdentifier: [i + 1] },
    })
    peers.push(peer)
  }
  const pub = await harness.connect('pub')
  for (let n = 0; n < 3; n++) await pub.exchange(publish('a', `m${n}`, 2, n + 1, true))
  const got = await Promise.all(peers.map(peer => peer.take()))
  t.match(
    got.map(packets => packets[0]),
    [
      { qos: 0, retain: false, properties: { subscriptionIdentifier: [1] } },
      { qos: 1, retain: true, properties: { subscriptionIdentifier: [2] } },
      { qos: 2, retain: false, properties: { subscriptionIdentifier: [3] } },
    ],
  )
})

t.test('a shared subscription gets no retained messages', async t => {
  const harness = await MqttHarness.start()
  await (await harness.connect('pub')).exchange(publish('a', 'kept', 1, 1, true))
  t.same(texts(await (await member(harness, 'one', '$share/g/a', 1)).take()), [])
})

t.test('what no member can take waits for the first that can, and a slow member keeps nobody waiting', async t => {
  const harness = await MqttHarness.start({ receiveMaximum: 2 })
  const slow = await member(harness, 'slow', '$share/g/a', 1)
  const quick = await member(harness, 'quick', '$share/g/a', 1)
  await send(harness, 'a', 1, 100)
  t.same(texts(await slow.take()), ['m1', 'm3'])
  t.same(await drain(quick), ['m2', ...numbers(4, 100)])
})

t.test('a filter says which group it belongs to, if it names one rightly [MQTT-4.8.2-1, -2]', async t => {
  for (const filter of ['$share/', '$share/g', '$share//a', '$share/g+/a', '$share/#/a']) t.equal(formOf(filter), undefined, filter)
  t.same(formOf('$share/g/a/#'), { kind: 'shared', group: 'g', filter: 'a/#' })
  t.same(formOf('$share/g//a'), { kind: 'shared', group: 'g', filter: '/a' })
  t.same(formOf('$queue/a'), { kind: 'shared', group: '$queue', filter: 'a' })
  t.same(formOf('$exclusive/a'), { kind: 'exclusive', filter: 'a' })
  for (const filter of ['a/$share/g', '$share', '$SYS/#', '$shared/g/a']) t.same(formOf(filter), { kind: 'plain', filter }, filter)
})

t.test('sticky: one member gets all while it is there, then another', async t => {
  const harness = await harnessWith('sticky')
  const peers = [await member(harness, 'one', '$share/g/a', 1), await member(harness, 'two', '$share/g/a', 1)]
  await send(harness, 'a', 1, 20)
  const got = await Promise.all(peers.map(drain))
  t.same(
    got.map(part => part.length).sort((a, b) => a - b),
    [0, 20],
  )
  peers[got[0].length > 0 ? 0 : 1].vanish()
  await send(harness, 'a', 21, 25)
  t.same(await drain(peers[got[0].length > 0 ? 1 : 0]), numbers(21, 25))
})

t.test('by client and by topic: each has one member, and a burst beyond its window keeps to it in order', async t => {
  for (const strategy of ['hash-client', 'hash-topic'] as const) {
    const harness = await harnessWith(strategy, { receiveMaximum: 3 })
    const peers = [await member(harness, 'one', '$share/g/+', 1), await member(harness, 'two', '$share/g/+', 1)]
    for (let n = 1; n <= 8; n++) await send(harness, `t${n}`, n * 100, n * 100 + 9, 1, `p${n}`)
    const got = await Promise.all(peers.map(drain))
    for (const part of got) t.ok(part.length > 0 && part.length % 10 === 0, `${strategy}: ${part.length}`)
    for (const part of got) t.same(part, unique(part), 'in order')
    t.equal(got.flat().length, 80)
  }
})

t.test('random: everybody has a share', async t => {
  const harness = await harnessWith('random', { receiveMaximum: 100 })
  const peers = [await member(harness, 'one', '$share/g/a', 0), await member(harness, 'two', '$share/g/a', 0)]
  await send(harness, 'a', 1, 60, 0)
  const got = await Promise.all(peers.map(async peer => texts(await peer.take())))
  t.same(unique(got.flat()), numbers(1, 60))
  for (const part of got) t.ok(part.length > 10, String(part.length))
})

t.test('a group at its limits drops its oldest, or refuses, as configured', async t => {
  for (const whenFull of ['drop-oldest', 'drop-newest', 'reject'] as const) {
    const harness = new MqttHarness()
    harness.brokerOptions = {
      sharedTerms: () => ({ strategy: 'round-robin', queue: { ...SHARED_TERMS.queue, messagesMax: 10, whenFull } }),
    }
    await harness.boot()
    await (await member(harness, 'one', '$share/g/a', 1)).exchange(DISCONNECT)
    const pub = await harness.connect('pub', { protocolVersion: 5 })
    const answers: Packet[] = []
    for (let n = 1; n <= 15; n++) answers.push(...(await pub.exchange(publish('a', `m${n}`, 1, n))))
    const refused = answers.filter(packet => packet.type === 'puback' && packet.reasonCode === 0x97).length
    t.equal(refused, whenFull === 'reject' ? 5 : 0)
    t.same(await drain(await harness.connect('one', connecting(4, true))), whenFull === 'drop-oldest' ? numbers(6, 15) : numbers(1, 10))
    t.equal(harness.broker.status().counters.dropped['queue-full'], whenFull === 'reject' ? 0 : 5)
  }
})

t.test('an exclusive filter has one holder; the next may have it when that one leaves, also after a power cut', async t => {
  for (const version of [3, 4, 5] as const) {
    const harness = await MqttHarness.start()
    const one = await harness.connect('one', connecting(version, true))
    t.same(await granted(one, '$exclusive/a/+'), [1])
    t.same(await granted(one, '$exclusive/a/+'), [1], 'the holder may change it')
    await harness.crash()
    const two = await harness.connect('two', connecting(version, true))
    t.same(await granted(two, '$exclusive/a/+'), [version === 5 ? 0x97 : 0x80])
    await send(harness, 'a/b', 1, 2)
    t.same(texts(await two.take()), [])
    const back = await harness.connect('one', connecting(version, true))
    t.same(await drain(back), ['m1', 'm2'])
    await back.exchange({ type: 'unsubscribe', packetId: 3, filters: ['$exclusive/a/+'] })
    t.same(await granted(two, '$exclusive/a/+'), [1])
    await send(harness, 'a/b', 3, 3)
    t.same([texts(await two.take()), texts(await back.take())], [['m3'], []])
  }
})
