/** Sleeping nodes (MQTT-SN 1.2 §6.14), and all of it over a restart of the gateway. */
import t from 'tap'
import { payloads, SnBench, type TestNode } from './bench.ts'

const DISCONNECT = { type: 'disconnect', durationSeconds: undefined }
const PINGRESP = { type: 'pingresp' }
const ping = (clientId: string) => ({ type: 'pingreq', clientId }) as const

async function sleeper(bench: SnBench, filter = 'a/b', qos: 0 | 1 | 2 = 1, cleanSession = true): Promise<TestNode> {
  const node = await bench.connected('sleeper', { cleanSession })
  await node.subscribe(filter, qos)
  t.strictSame(await node.sleep(600), [DISCONNECT])
  return node
}

const state = (bench: SnBench) => bench.broker.clients().find(client => client.clientId === 'sleeper')

t.test('a node without messages is told at once that there are none', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  t.match(state(bench), { connected: true, state: 'asleep' })
  t.strictSame(await node.exchange(ping('sleeper')), [PINGRESP])
  t.match(state(bench), { state: 'asleep' })
})

t.test('one message at QoS 1 comes before PINGRESP, which waits for its PUBACK', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  await bench.publish('a/b', 'one', 1)
  t.strictSame(await node.take(), [], 'not while it sleeps')
  const came = await node.exchange(ping('sleeper'))
  t.match(came, [{ type: 'publish', qos: 1, dup: false }])
  t.match(state(bench), { state: 'awake' })
  t.strictSame(await node.exchange(ping('sleeper')), [], 'an impatient second PINGREQ changes nothing')
  t.strictSame(
    (await node.drain(came)).map(packet => packet.type),
    ['publish', 'pingresp'],
  )
  t.match(state(bench), { state: 'asleep', queued: 0 })
})

t.test('several messages at QoS 1 come in order before PINGRESP', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  for (let i = 0; i < 20; i++) await bench.publish('a/b', String(i), 1)
  const came = await node.drain(await node.exchange(ping('sleeper')))
  t.strictSame(
    payloads(came),
    Array.from({ length: 20 }, (_, i) => String(i)),
  )
  t.strictSame(came.at(-1), PINGRESP)
  t.equal(came.filter(packet => packet.type === 'pingresp').length, 1)
})

t.test('several messages at QoS 2 come in order, each to its end, before PINGRESP', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench, 'a/b', 2)
  for (let i = 0; i < 3; i++) await bench.publish('a/b', String(i), 2)
  const came = await node.drain(await node.exchange(ping('sleeper')))
  t.strictSame(
    came.map(packet => packet.type),
    ['publish', 'pubrel', 'publish', 'pubrel', 'publish', 'pubrel', 'pingresp'],
  )
  t.strictSame(payloads(came), ['0', '1', '2'])
})

t.test('QoS 0 is kept too while a node sleeps', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  for (const [index, qos] of [0, 1, 0].entries()) await bench.publish('a/b', String(index), qos as 0 | 1)
  const came = await node.drain(await node.exchange(ping('sleeper')))
  t.strictSame(payloads(came), ['0', '1', '2'])
  t.strictSame(came.at(-1), PINGRESP)
})

t.test('topics that are new to a sleeping node are registered when it wakes', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench, 'a/+')
  for (const topic of ['a/1', 'a/2', 'a/1']) await bench.publish(topic, topic, 1)
  const came = await node.drain(await node.exchange(ping('sleeper')))
  t.strictSame(
    came.map(packet => packet.type),
    ['register', 'publish', 'register', 'publish', 'publish', 'pingresp'],
  )
})

t.test('messages beyond what memory holds come from disk, in order, before PINGRESP', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  for (let i = 0; i < 1500; i++) await bench.publish('a/b', String(i), 1)
  const came = await node.drain(await node.exchange(ping('sleeper')))
  t.strictSame(
    payloads(came),
    Array.from({ length: 1500 }, (_, i) => String(i)),
  )
  t.strictSame(came.at(-1), PINGRESP)
})

t.test('messages that expired meanwhile hold nobody up', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  const source = bench.other('expiring')
  const { Message } = await import('#broker/ports.ts')
  for (let i = 0; i < 3; i++) {
    const message = Message.from({ topic: 'a/b', payload: Buffer.from('x'), qos: 1, expiresAtMs: bench.broker.runningMs() + 1000 })
    source.publish(bench.broker.route('a/b')!, message)
  }
  await bench.pass(5000)
  t.strictSame(await node.exchange(ping('sleeper')), [PINGRESP])
  t.match(bench.broker.status().counters.dropped, { expired: 3 })
})

t.test('what comes while a node is awake is sent as well, up to a bound', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  await bench.publish('a/b', 'first', 1)
  let came = await node.exchange(ping('sleeper'))
  let published = 0
  const all: string[] = []
  while (came.length > 0 && came[0]?.type === 'publish') {
    all.push(...payloads(came))
    await bench.publish('a/b', String(published++), 1)
    const publish = came[0]
    came = await node.exchange({ type: 'puback', topicId: 3, msgId: publish.msgId, returnCode: 0 })
  }
  t.strictSame(came, [PINGRESP])
  t.equal(all.length, 65)
  t.match(state(bench), { state: 'asleep', queued: published - 64 })
})

t.test('an awake node that does not answer sleeps on, and gets the message at its next PINGREQ', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  await bench.publish('a/b', 'one', 1)
  t.match(await node.exchange(ping('sleeper')), [{ type: 'publish', dup: false }])
  await bench.pass(41_000)
  t.strictSame((await node.take()).length, 3)
  t.match(state(bench), { state: 'asleep', queued: 1 })
  const came = await node.exchange(ping('sleeper'))
  t.match(came, [{ type: 'publish', dup: true }])
  t.strictSame((await node.drain(came)).at(-1), PINGRESP)
})

t.test('a message that ten wakings do not get rid of is given up', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  await bench.publish('a/b', 'poison', 1)
  await bench.publish('a/b', 'good', 1)
  for (let times = 0; times < 10; times++) {
    t.match(await node.exchange(ping('sleeper')), [{ type: 'publish' }])
    await bench.pass(30_000)
    await node.take()
    await bench.pass(11_000)
  }
  t.strictSame(payloads(await node.drain()), ['good'])
  t.match(bench.broker.status().counters.dropped, { 'refused-by-recipient': 1 })
})

t.test('what was in flight when a node went to sleep comes again with DUP', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('sleeper')
  await node.subscribe('a/b')
  await bench.publish('a/b', 'one', 1)
  t.match(await node.take(), [{ type: 'publish', dup: false }])
  t.strictSame(await node.sleep(60), [DISCONNECT])
  await bench.pass(30_000)
  t.strictSame(await node.take(), [], 'no retransmission into its sleep')
  t.match(await node.exchange(ping('sleeper')), [{ type: 'publish', dup: true }])
})

t.test('sleep is supervised: a node that oversleeps is lost, with its will', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('will')
  const node = await bench.connected('sleeper', { cleanSession: false })
  await node.exchange({ type: 'willtopicupd', qos: 0, retain: false, topic: 'will' }, { type: 'willmsgupd', payload: Buffer.from('gone') })
  await node.sleep(600)
  await bench.pass(650_000)
  t.strictSame(await node.exchange(ping('sleeper')), [PINGRESP], 'within the tolerance')
  await bench.pass(650_000)
  t.strictSame(seen, [])
  await bench.pass(12_000)
  t.strictSame(seen, ['will gone'])
  t.strictSame(await node.exchange(ping('sleeper')), [DISCONNECT])
})

t.test('a sleeping node changes its duration, comes back by CONNECT, or leaves for good', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench, 'a/b', 1, false)
  t.strictSame(await node.sleep(3600), [DISCONNECT])
  await bench.pass(3_000_000)
  await bench.publish('a/b', 'one', 1)
  const came = await node.drain(await node.connect('sleeper', { cleanSession: false }))
  t.strictSame(payloads(came), ['one'])
  t.match(state(bench), { state: 'active' })
  await node.sleep(3600)
  t.strictSame(await node.exchange(DISCONNECT as { type: 'disconnect'; durationSeconds: undefined }), [DISCONNECT])
  t.match(state(bench), { connected: false })
})

t.test('a CONNECT with clean session throws away what waited', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  await bench.publish('a/b', 'one', 1)
  t.match(await node.connect('sleeper'), [{ type: 'connack', returnCode: 0 }])
  t.strictSame(await node.take(), [])
})

t.test('a sleeping node may publish without waking', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  const node = await sleeper(bench)
  await bench.publish('a/b', 'waits', 1)
  t.match(await node.publish({ kind: 'predefined', id: 1 }, 'x', 1), [{ type: 'puback', returnCode: 0 }])
  t.match(seen, ['a/b waits', 'site/one x'])
  t.match(state(bench), { state: 'asleep', queued: 1 })
})

t.test('change of address while asleep: the PINGREQ’s client id finds the session, if access agrees', async t => {
  const bench = await SnBench.start()
  const old = await sleeper(bench)
  await bench.publish('a/b', 'one', 1)
  bench.access.banned.add('192.0.2.66')
  const thief = bench.node({ address: '192.0.2.66', port: 1 })
  t.strictSame(await thief.exchange(ping('sleeper')), [DISCONNECT])
  t.match(state(bench), { state: 'asleep', queued: 1 })
  const node = bench.node({ address: '192.0.2.7', port: 7000 })
  const came = await node.drain(await node.exchange(ping('sleeper')))
  t.strictSame(
    came.map(packet => packet.type),
    ['publish', 'pingresp'],
  )
  t.strictSame(await old.take(), [])
  t.strictSame(await old.exchange(ping('')), [DISCONNECT], 'nobody is at the old address')
  bench.access.slow = true
  const third = bench.node()
  t.strictSame(await third.exchange(ping('sleeper'), ping('sleeper')), [])
  bench.access.decide()
  t.strictSame(await third.take(), [PINGRESP], 'also when access takes its time')
})

t.test('an active node is not moved by a PINGREQ: it has to CONNECT', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('sleeper')
  t.strictSame(await bench.node().exchange(ping('sleeper')), [DISCONNECT])
  t.strictSame(await node.exchange(ping('sleeper')), [PINGRESP])
})

t.test('a sleeping node whose address another one has got is found by its name', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  await node.connect('newcomer')
  await bench.publish('a/b', 'one', 1)
  t.strictSame(await node.take(), [])
  await bench.crash()
  const elsewhere = bench.node()
  t.strictSame(
    (await elsewhere.drain(await elsewhere.exchange(ping('sleeper')))).map(packet => packet.type),
    ['publish', 'pingresp'],
  )
  t.strictSame(await node.exchange(ping('newcomer')), [PINGRESP])
})

t.test('the DISCONNECT of a node that goes to sleep waits for the disk', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('sleeper')
  bench.store.hold()
  t.strictSame(await node.sleep(60), [])
  bench.store.release()
  t.strictSame(await node.take(), [DISCONNECT])
})

for (const cleanSession of [true, false]) {
  t.test(`a sleeping node's messages survive a crash of the gateway (clean session: ${cleanSession})`, async t => {
    const bench = await SnBench.start()
    const node = await sleeper(bench, 'a/+', 1, cleanSession)
    for (let i = 0; i < 50; i++) await bench.publish('a/1', String(i), 1)
    await bench.crash()
    t.match(state(bench), { connected: true, state: 'asleep', queued: 50 })
    const came = await node.drain(await node.exchange(ping('sleeper')))
    t.strictSame(
      payloads(came),
      Array.from({ length: 50 }, (_, i) => String(i)),
    )
    t.strictSame(came.at(-1), PINGRESP)
    await bench.crash()
    await bench.publish('a/1', 'later', 1)
    t.strictSame(
      (await node.drain(await node.exchange(ping('sleeper')))).map(packet => packet.type),
      ['publish', 'pingresp'],
      'it still knows the topic',
    )
  })
}

t.test('an active node goes on over a crash: its address, topic ids, subscriptions and will are known', async t => {
  const bench = await SnBench.start()
  const node = bench.node({ nodeId: '0a0b' })
  await node.connect('active', { will: true })
  await node.exchange({ type: 'willtopic', qos: 0, retain: false, topic: 'will' })
  await node.exchange({ type: 'willmsg', payload: Buffer.from('gone') })
  const id = await node.register('up')
  await node.subscribe('down')
  await bench.crash()
  const seen = bench.watch('#')
  t.match(await node.publish({ kind: 'normal', id }, 'x', 1), [{ type: 'puback', returnCode: 0 }])
  await bench.publish('down', 'y', 1)
  t.match(await node.drain(), [{ type: 'publish' }], 'without a REGISTER: it knows the id')
  await bench.pass(100_000)
  t.strictSame(seen, ['up x', 'down y', 'will gone'])
})

t.test('what was lost or has left stays so over a crash', async t => {
  const bench = await SnBench.start()
  const left = await bench.connected('left', { cleanSession: false })
  await left.exchange({ type: 'disconnect', durationSeconds: undefined })
  const clean = await bench.connected('clean')
  await clean.exchange({ type: 'disconnect', durationSeconds: undefined })
  await bench.crash()
  t.equal(bench.engine.clients, 0)
  t.match(bench.broker.clients(), [{ clientId: 'left', connected: false }])
  t.strictSame(
    [...bench.broker.records('mqtt-sn').entries()].map(([key]) => key),
    ['left'],
  )
})

t.test('over an orderly restart nodes are told nothing and go on', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  await bench.publish('a/b', 'one', 1)
  bench.broker.prepareStop()
  bench.engine.close()
  bench.broker.stop()
  await bench.settle()
  t.strictSame(await node.take(), [])
  await bench.store.close()
  bench.clock.forget()
  await bench.boot()
  t.strictSame(
    (await node.drain(await node.exchange(ping('sleeper')))).map(packet => packet.type),
    ['publish', 'pingresp'],
  )
})

t.test('a node that may no longer come in after the restart is not brought back', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  bench.access.banned.add('sleeper')
  await bench.crash()
  t.equal(bench.engine.clients, 0)
  t.strictSame(await node.exchange(ping('sleeper')), [DISCONNECT])
})

t.test('records of nodes whose session has expired are forgotten', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1', { cleanSession: false })
  await node.register('a/b')
  await node.exchange({ type: 'disconnect', durationSeconds: undefined })
  bench.broker.kick('node-1', true)
  t.equal([...bench.broker.records('mqtt-sn').entries()].length, 1)
  await bench.pass(3_601_000)
  t.equal([...bench.broker.records('mqtt-sn').entries()].length, 0)
  t.equal([...bench.broker.records('mqtt-sn/node-1').entries()].length, 0)
})

t.test('records that are damaged cost their node, and nothing else', async t => {
  const bench = await SnBench.start()
  const node = await sleeper(bench)
  bench.broker.records('mqtt-sn').put('broken', Buffer.from('{"listener":'))
  bench.broker.records('mqtt-sn/sleeper').put('77', Buffer.from('nonsense'))
  await bench.settle()
  await bench.crash()
  t.strictSame(await node.exchange(ping('sleeper')), [PINGRESP])
})

t.test('without a disk a node sleeps too, with its messages in memory alone', async t => {
  const bench = await SnBench.start()
  bench.store.fail('full')
  await bench.publish('a/b', 'x', 1, true)
  const node = await bench.connected('sleeper')
  await node.subscribe('a/c')
  await bench.publish('a/c', 'one', 1)
  t.match(await node.take(), [{ type: 'publish', dup: false }])
  t.strictSame(await node.sleep(60), [DISCONNECT])
  await bench.publish('a/c', 'two', 1)
  t.strictSame(await node.take(), [])
  const came = await node.exchange(ping('sleeper'))
  t.match(came, [{ type: 'publish', dup: true }])
  const all = await node.drain(came)
  t.strictSame(payloads(all), ['one', 'two'])
  t.strictSame(all.at(-1), PINGRESP)
})
