import t from 'tap'
import { GatewayError } from '#base/errors.ts'
import { withdrawBridges } from '#bridges/index.ts'
import { accept, takeAll } from '../clients/mqtt/scripted-server.ts'
import { BridgeBench, settings } from './bench.ts'
import { pass } from './turns.ts'

const DOWN = new GatewayError('connect-failed', 'broker.example:1883 refuses the connection: nothing listens there', {
  hint: 'look',
  retryable: true,
})
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i))

t.test('what is published locally arrives at the upstream, with its time', async t => {
  const bench = await BridgeBench.start({ out: [{ from: 'sensors/#', to: 'site/${rest}', qos: 2 }] })
  t.match(bench.bridge.status(), {
    name: 'cloud',
    kind: 'mqtt',
    url: 'mqtt://broker.example:1883',
    state: 'connected',
    lastError: undefined,
  })
  bench.publish('sensors/a', 'one', { properties: { contentType: 'text/plain', userProperties: [['k', 'v']] }, retain: true })
  bench.publish('sensors/b', 'two', { qos: 2 })
  bench.publish('other', 'not for the upstream')
  await bench.turns()
  t.match(bench.taken, [
    {
      topic: 'site/a',
      qos: 1,
      retain: true,
      properties: {
        contentType: 'text/plain',
        userProperties: [
          ['k', 'v'],
          ['tidegate-time', String(bench.clock.now())],
          ['tidegate-time-quality', 'synced'],
        ],
      },
    },
    { topic: 'site/b', qos: 2, retain: false },
  ])
  t.match(bench.bridge.status(), { queued: 0, inFlight: 0, sent: 2, received: 0 })
})

t.test('while the upstream is away messages wait, and then go in order', async t => {
  const bench = new BridgeBench()
  bench.upstream.refuse = DOWN
  await bench.boot()
  for (const n of numbers(1, 500)) bench.publish('sensors/a', n, { qos: Number(n) % 3 === 0 ? 0 : 1 })
  await pass(bench.clock, 10_000)
  const away = bench.bridge.status()
  t.match(away, { state: 'waiting', queued: 500, inFlight: 0 })
  t.match(away.lastError, /refuses the connection: nothing listens there \(look\)/)
  t.ok(away.attempts >= 2 && away.nextAttemptInMs !== undefined)
  bench.upstream.refuse = undefined
  bench.upstream.onPacket = takeAll(bench.taken)
  await pass(bench.clock, 20_000)
  t.same(bench.texts, numbers(1, 500))
  t.ok(
    bench.taken.every(packet => packet.qos === 1),
    'QoS 0 was spooled and sent at QoS 1',
  )
  t.match(bench.bridge.status(), { state: 'connected', queued: 0, sent: 500 })
})

t.test('with qos0 = false QoS 0 is sent while connected, and lost while not', async t => {
  const bench = await BridgeBench.start({ spool: { qos0: false } })
  bench.publish('sensors/a', 'now', { qos: 0 })
  await bench.turns()
  t.match(bench.taken, [{ qos: 0 }])
  bench.upstream.refuse = DOWN
  bench.upstream.last.reset()
  await bench.turns()
  bench.publish('sensors/a', 'lost', { qos: 0 })
  bench.publish('sensors/a', 'kept', { qos: 1 })
  bench.upstream.refuse = undefined
  await pass(bench.clock, 5000)
  t.same(bench.texts, ['now', 'kept'])
  t.equal(bench.bridge.status().dropped, 1)
})

t.test('what was not acknowledged goes again with its packet id and DUP, before anything newer', async t => {
  const bench = await BridgeBench.start({ out: [{ from: 'sensors/#', qos: 2 }] })
  bench.upstream.onPacket = accept
  bench.publish('sensors/a', '1')
  bench.publish('sensors/a', '2', { qos: 2 })
  await bench.turns()
  const first = bench.upstream.last.all('publish')
  t.same(
    first.map(packet => [packet.qos, packet.dup]),
    [
      [1, false],
      [2, false],
    ],
  )
  bench.upstream.last.reset()
  bench.publish('sensors/a', '3')
  bench.upstream.onPacket = takeAll(bench.taken)
  await pass(bench.clock, 5000)
  t.same(
    bench.upstream.last.all('publish').map(packet => [Buffer.from(packet.payload).toString(), packet.packetId, packet.dup]),
    [
      ['1', first[0].packetId, true],
      ['2', first[1].packetId, true],
      ['3', (first[1].packetId ?? 0) + 1, false],
    ],
  )
  t.equal(bench.bridge.status().queued, 0)
})

t.test('QoS 2 is exactly once through a crash at every step', async t => {
  for (const dieAt of ['publish', 'pubrec', 'pubrel', 'pubcomp']) {
    const bench = await BridgeBench.start({ out: [{ from: 'sensors/#', qos: 2 }] })
    const answer = takeAll(bench.taken)
    let dead = false
    let died = 0
    bench.upstream.onPacket = (packet, connection) => {
      if (dead && packet.type !== 'connect') return
      // The upstream keeps its own state through it all; what dies is the link, and the gateway behind it.
      const cut = died === 0 && ((dieAt === 'pubrec' && packet.type === 'publish') || (dieAt === 'pubcomp' && packet.type === 'pubrel'))
      const swallow = died === 0 && (dieAt === packet.type || cut)
      if (swallow) {
        died++
        dead = true
        if (dieAt === packet.type) return
        connection.ended = true // what it answers is lost
      }
      answer(packet, connection)
    }
    // Reconnect so that the scripted session is known to the new answering function.
    bench.upstream.last.reset()
    await pass(bench.clock, 5000)
    bench.publish('sensors/a', 'x', { qos: 2 })
    await bench.turns()
    t.equal(died, 1, `died at ${dieAt}`)
    dead = false
    await bench.crash({ out: [{ from: 'sensors/#', qos: 2 }] })
    bench.publish('sensors/a', 'y', { qos: 2 })
    await pass(bench.clock, 5000)
    t.same(bench.texts, ['x', 'y'], dieAt)
    t.equal(bench.bridge.status().queued, 0, dieAt)
    t.equal(bench.upstream.last.all('connect')[0].cleanStart, false)
  }
})

t.test('an upstream that lost its session completes what it had already received', async t => {
  const bench = await BridgeBench.start({ out: [{ from: 'sensors/#', qos: 2 }] })
  const answer = takeAll(bench.taken)
  bench.upstream.onPacket = (packet, connection) => {
    if (packet.type !== 'pubrel') answer(packet, connection)
  }
  bench.upstream.last.reset()
  await pass(bench.clock, 5000)
  bench.publish('sensors/a', 'x', { qos: 2 })
  await bench.turns()
  t.equal(bench.upstream.last.all('pubrel').length, 1)
  bench.upstream.last.reset()
  bench.upstream.onPacket = takeAll(bench.taken) // knows nothing: session present 0, PUBCOMP 0x92
  await pass(bench.clock, 5000)
  t.equal(bench.upstream.last.all('publish').length, 0)
  t.equal(bench.upstream.last.all('pubrel').length, 1)
  t.match(bench.bridge.status(), { queued: 0, state: 'connected' })
  t.same(bench.texts, ['x'])
})

t.test('the Receive Maximum of the upstream is kept', async t => {
  const bench = new BridgeBench()
  bench.upstream.onPacket = (packet, connection) => {
    if (packet.type === 'connect')
      connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0, properties: { receiveMaximum: 3 } })
  }
  await bench.boot()
  for (const n of numbers(1, 10)) bench.publish('sensors/a', n)
  await bench.turns()
  t.equal(bench.upstream.last.all('publish').length, 3)
  t.equal(bench.bridge.status().inFlight, 3)
  bench.upstream.last.send({ type: 'puback', packetId: bench.upstream.last.all('publish')[0].packetId ?? 0, reasonCode: 0 })
  await bench.turns()
  t.equal(bench.upstream.last.all('publish').length, 4)
})

t.test('an upstream without QoS 2, without retain or with small packets gets what it can take', async t => {
  const bench = new BridgeBench()
  const answer = takeAll(bench.taken)
  bench.upstream.onPacket = (packet, connection) => {
    const properties = { maximumQos: 1 as const, retainAvailable: false, maximumPacketSize: 200 }
    if (packet.type === 'connect') connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0, properties })
    else answer(packet, connection)
  }
  await bench.boot({ out: [{ from: 'sensors/#', qos: 2 }] })
  bench.publish('sensors/a', 'two', { qos: 2, retain: true })
  bench.publish('sensors/a', 'x'.repeat(300))
  bench.publish('sensors/a', 'next')
  await bench.turns()
  t.match(bench.taken, [
    { qos: 1, retain: false },
    { qos: 1, retain: false },
  ])
  t.same(bench.texts, ['two', 'next'])
  t.match(bench.bridge.status(), { queued: 0, deadLetters: 1, sent: 2 })
  t.match(bench.bridge.deadLetters.list(), [{ topic: 'sensors/a', payloadBytes: 300, why: /does not take packets of this size/ }])
})

t.test('an upstream that only knows QoS 0 still empties the spool', async t => {
  const bench = new BridgeBench()
  const answer = takeAll(bench.taken)
  bench.upstream.onPacket = (packet, connection) => {
    if (packet.type === 'connect') connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0, properties: { maximumQos: 0 } })
    else answer(packet, connection)
  }
  await bench.boot({ out: [{ from: 'sensors/#', qos: 2 }] })
  for (const qos of [0, 1, 2] as const) bench.publish('sensors/a', String(qos), { qos })
  await bench.turns()
  t.same(
    bench.taken.map(packet => packet.qos),
    [0, 0, 0],
  )
  t.match(bench.bridge.status(), { queued: 0, sent: 3 })
})

t.test('a message that the upstream refuses is put aside after its retries; the rest flows', async t => {
  const bench = await BridgeBench.start()
  const answer = takeAll(bench.taken)
  bench.upstream.onPacket = (packet, connection) => {
    if (packet.type === 'publish' && packet.topic === 'sensors/bad')
      connection.send({ type: 'puback', packetId: packet.packetId ?? 0, reasonCode: 0x87 })
    else answer(packet, connection)
  }
  bench.publish('sensors/bad', 'bad')
  for (const n of numbers(1, 5)) bench.publish('sensors/a', n)
  await bench.turns()
  t.same(bench.texts, numbers(1, 5), 'nothing waits for the refused one')
  t.match(bench.bridge.status(), { queued: 1, deadLetters: 0, lastError: /publishing sensors\/bad: the server does not permit this/ })
  await pass(bench.clock, 10_000)
  t.equal(bench.upstream.last.packets.filter(packet => packet.type === 'publish' && packet.topic === 'sensors/bad').length, 4)
  t.match(bench.bridge.status(), { queued: 0, deadLetters: 1 })
  const [letter] = bench.bridge.deadLetters.list()
  t.match(letter, { topic: 'sensors/bad', qos: 1, publisher: 'device', why: /does not permit/ })
  t.equal(Buffer.from(letter.payload).toString(), 'bad')
  await bench.crash()
  t.equal(bench.bridge.deadLetters.list().length, 1, 'it survives a restart')
})

t.test('0x97 makes the bridge wait, and nothing is put aside', async t => {
  const bench = await BridgeBench.start()
  const answer = takeAll(bench.taken)
  let full = true
  bench.upstream.onPacket = (packet, connection) => {
    if (full && packet.type === 'publish') connection.send({ type: 'puback', packetId: packet.packetId ?? 0, reasonCode: 0x97 })
    else answer(packet, connection)
  }
  for (const n of numbers(1, 3)) bench.publish('sensors/a', n)
  await bench.turns()
  for (const n of numbers(4, 6)) bench.publish('sensors/a', n)
  await pass(bench.clock, 30_000)
  t.ok(bench.upstream.last.all('publish').length < 30, 'it backs off')
  t.match(bench.bridge.status(), { queued: 6, deadLetters: 0, state: 'connected', lastError: /quota/ })
  full = false
  await pass(bench.clock, 60_000)
  t.same(bench.texts, numbers(1, 6))
})

t.test('an upstream that closes on every message loses nothing', async t => {
  const bench = await BridgeBench.start()
  bench.upstream.onPacket = (packet, connection) => {
    if (packet.type === 'publish') connection.close()
    else accept(packet, connection)
  }
  for (const n of numbers(1, 5)) bench.publish('sensors/a', n)
  await pass(bench.clock, 1_800_000, 1000)
  t.match(bench.bridge.status(), { queued: 5, deadLetters: 0, lastError: /closed the connection/ })
  t.ok(bench.upstream.connections.length < 60, `it backs off: ${bench.upstream.connections.length} connections in half an hour`)
  bench.upstream.onPacket = takeAll(bench.taken)
  await pass(bench.clock, 300_000, 1000)
  // While it looks for somebody to blame, the second may go ahead of the first.
  t.same([...bench.texts].sort(), numbers(1, 5))
  t.equal(bench.bridge.status().deadLetters, 0)
})

t.test('one message on which the upstream closes is found out and put aside', async t => {
  const bench = await BridgeBench.start({ version: '3.1.1' })
  const answer = takeAll(bench.taken)
  bench.upstream.onPacket = (packet, connection) => {
    if (packet.type === 'publish' && Buffer.from(packet.payload).toString() === '3') connection.close()
    else answer(packet, connection)
  }
  bench.upstream.last.reset()
  for (const n of numbers(1, 6)) bench.publish('sensors/a', n)
  await pass(bench.clock, 900_000, 1000)
  t.same([...new Set(bench.texts)], ['1', '2', '4', '5', '6'])
  t.match(bench.bridge.status(), { queued: 0, deadLetters: 1 })
  t.match(bench.bridge.deadLetters.list(), [{ why: /closes the connection whenever it is sent/ }])
})

t.test('the pace is kept', async t => {
  const bench = await BridgeBench.start({ pace: { messages_per_second: 10, burst: 5 } })
  for (const n of numbers(1, 40)) bench.publish('sensors/a', n)
  await bench.turns()
  t.equal(bench.taken.length, 5)
  await pass(bench.clock, 1000, 50)
  t.equal(bench.taken.length, 15)
  await pass(bench.clock, 5000, 50)
  t.same(bench.texts, numbers(1, 40))
})

t.test('a full socket leaves messages in the spool until there is room', async t => {
  const bench = await BridgeBench.start()
  bench.upstream.last.pendingBytes = 100_000
  bench.publish('sensors/a', '1')
  await bench.turns()
  t.same(bench.texts, [])
  bench.upstream.last.drain()
  await bench.turns()
  t.same(bench.texts, ['1'])
})

t.test('waits grow with jitter to two minutes, and begin anew once the link has proved itself', async t => {
  const bench = new BridgeBench()
  bench.upstream.refuse = DOWN
  await bench.boot()
  const waits: number[] = []
  for (let i = 0; i < 12; i++) {
    const wait = bench.bridge.status().nextAttemptInMs ?? 0
    waits.push(wait)
    await pass(bench.clock, wait + 1, wait + 1)
  }
  t.ok(waits[0] >= 1000 && waits[0] <= 2000, String(waits[0]))
  t.ok(
    waits.slice(7).every(wait => wait >= 60_000 && wait <= 120_000),
    String(waits),
  )
  t.not(waits[10], waits[11])
  bench.upstream.refuse = undefined
  bench.upstream.onPacket = accept
  await pass(bench.clock, 130_000)
  t.equal(bench.bridge.status().attempts, 0, 'it has stood for ten seconds')
  bench.upstream.last.reset()
  await bench.turns()
  t.ok((bench.bridge.status().nextAttemptInMs ?? 0) <= 2000)
})

t.test('a link that never lasts keeps its long waits', async t => {
  const bench = new BridgeBench()
  bench.upstream.onPacket = (packet, connection) => {
    accept(packet, connection)
    connection.send({ type: 'disconnect', reasonCode: 0x8e })
  }
  await bench.boot()
  await pass(bench.clock, 600_000, 1000)
  t.ok(bench.upstream.connections.length < 16, String(bench.upstream.connections.length))
  t.match(bench.bridge.status().lastError, /newer connection with the same client id/)
  t.equal(
    bench.logger.messages('warn').filter(message => message === 'the upstream is away').length <= bench.upstream.connections.length,
    true,
  )
})

t.test('a new route applies to what comes; what waits goes by the route it was queued for', async t => {
  const bench = new BridgeBench()
  bench.upstream.refuse = DOWN
  await bench.boot({
    out: [
      { from: 'sensors/#', to: 'old/${rest}' },
      { from: 'gone/#', to: 'x/${rest}' },
    ],
  })
  bench.publish('sensors/a', '1')
  bench.publish('gone/a', '2')
  await bench.turns()
  await bench.crash({ out: [{ from: 'sensors/#', to: 'new/${rest}' }] })
  bench.publish('sensors/a', '3')
  bench.publish('gone/a', '4')
  await bench.turns()
  await bench.bridge.reload(settings({ out: [{ from: 'sensors/#', to: 'newer/${rest}' }] }))
  bench.publish('sensors/a', '5')
  bench.upstream.refuse = undefined
  bench.upstream.onPacket = takeAll(bench.taken)
  await pass(bench.clock, 10_000)
  t.same(
    bench.taken.map(packet => `${packet.topic} ${Buffer.from(packet.payload).toString()}`),
    ['old/a 1', 'x/a 2', 'new/a 3', 'newer/a 5'],
  )
  t.equal(
    [...bench.broker.records('$bridge:cloud').entries()].filter(([key]) => key.startsWith('route/')).length,
    1,
    'old routes are forgotten',
  )
})

t.test('a change of routes leaves the connection, a change of server makes a new one', async t => {
  const bench = await BridgeBench.start()
  await bench.bridge.reload(settings({ out: [{ from: 'more/#' }], in: [{ from: 'cmd/#' }] }))
  bench.publish('more/a', '1')
  bench.publish('sensors/a', 'no longer')
  await bench.turns()
  t.equal(bench.upstream.connections.length, 1)
  t.same(bench.texts, ['1'])
  t.match(bench.upstream.last.all('subscribe'), [{ subscriptions: [{ filter: 'cmd/#', qos: 1 }] }])
  // It answers for the other server as well, and still has the session: what is not ours is wiped first.
  await bench.bridge.reload(settings({ url: { scheme: 'mqtt', host: 'other.example', port: 1883 }, out: [{ from: 'more/#' }] }))
  bench.publish('more/a', '2')
  await pass(bench.clock, 5000)
  t.same(
    bench.upstream.connections.map(connection => [connection.target.endpoint.host, connection.all('disconnect').length]),
    [
      ['broker.example', 1],
      ['other.example', 1],
      ['other.example', 1],
      ['other.example', 0],
    ],
  )
  t.same(bench.texts, ['1', '2'])
})

t.test('a session at the upstream that is not ours is wiped before anything is sent', async t => {
  const bench = new BridgeBench()
  const answer = takeAll(bench.taken)
  bench.upstream.onPacket = answer
  // Another gateway with the same id leaves its session behind.
  const other = new BridgeBench()
  other.upstream.onPacket = answer
  await other.boot()
  await other.bridge.stop()
  await bench.boot()
  bench.publish('sensors/a', '1', { qos: 2 })
  await pass(bench.clock, 5000)
  t.same(bench.texts, ['1'])
  t.same(
    bench.upstream.connections.map(connection => [connection.all('connect')[0].cleanStart, connection.all('publish').length]),
    [
      [false, 0],
      [true, 0],
      [false, 1],
    ],
  )
  t.equal(bench.upstream.connections[1].all('connect')[0].properties?.sessionExpiryInterval, undefined)
  await bench.crash()
  t.equal(bench.upstream.connections.length, 4, 'now it is known')
})

t.test('with clean_start QoS 2 goes at QoS 1: the upstream could not remember it', async t => {
  const bench = await BridgeBench.start({ clean_start: true, out: [{ from: 'sensors/#', qos: 2 }] })
  bench.publish('sensors/a', '1', { qos: 2 })
  await bench.turns()
  t.match(bench.taken, [{ qos: 1 }])
  t.match(bench.bridge.status(), { queued: 0, sent: 1 })
})

t.test('a bridge that is no longer configured takes nothing more; what waits stays', async t => {
  const bench = new BridgeBench()
  bench.upstream.refuse = DOWN
  await bench.boot()
  t.same(withdrawBridges(bench.broker, ['cloud']), [], 'it is configured')
  bench.publish('sensors/a', '1')
  await bench.bridge.stop()
  t.same(withdrawBridges(bench.broker, []), ['cloud'])
  bench.publish('sensors/a', '2')
  await bench.turns()
  t.equal(bench.bridge.status().queued, 1)
  bench.upstream.refuse = undefined
  bench.upstream.onPacket = takeAll(bench.taken)
  await bench.crash()
  bench.publish('sensors/a', '3')
  await bench.turns()
  t.same(bench.texts, ['1', '3'], 'it came back')
  await bench.bridge.stop()
  t.same(withdrawBridges(bench.broker, []), [])
  await bench.turns()
  t.notOk(
    bench.broker.clients().some(client => client.clientId === '$bridge:cloud'),
    'an empty spool goes',
  )
  t.same([...bench.broker.records('$bridge:cloud').entries()], [])
})

t.test('pause and resume, over a restart too', async t => {
  const bench = await BridgeBench.start()
  await bench.bridge.pause()
  t.equal(bench.bridge.status().state, 'paused')
  bench.publish('sensors/a', '1')
  await bench.turns()
  await bench.crash()
  await pass(bench.clock, 10_000)
  t.match(bench.bridge.status(), { state: 'paused', queued: 1 })
  t.equal(bench.upstream.connections.length, 1)
  await bench.bridge.resume()
  await bench.turns()
  t.same(bench.texts, ['1'])
})

t.test('stop waits for what is in flight, then says goodbye', async t => {
  const bench = await BridgeBench.start()
  bench.upstream.onPacket = accept
  bench.publish('sensors/a', '1')
  await bench.turns()
  const stopping = bench.bridge.stop()
  await bench.turns()
  bench.publish('sensors/a', '2')
  await bench.turns()
  t.equal(bench.upstream.last.all('disconnect').length, 0)
  bench.upstream.last.send({ type: 'puback', packetId: bench.upstream.last.all('publish')[0].packetId ?? 0, reasonCode: 0 })
  await bench.turns()
  await stopping
  t.equal(bench.upstream.last.all('publish').length, 1)
  t.equal(bench.upstream.last.all('disconnect').length, 1)
  t.match(bench.bridge.status(), { state: 'stopped', queued: 1 })
  await pass(bench.clock, 300_000, 5000)
  t.equal(bench.upstream.connections.length, 1)
})

t.test('stop does not wait for ever', async t => {
  const bench = await BridgeBench.start()
  bench.upstream.onPacket = accept
  bench.publish('sensors/a', '1')
  await bench.turns()
  const stopping = bench.bridge.stop()
  await bench.turns()
  await pass(bench.clock, 1000)
  await stopping
  t.equal(bench.upstream.last.all('disconnect').length, 1)
})

t.test('a JSON envelope carries the time where MQTT 3.1.1 cannot', async t => {
  const bench = await BridgeBench.start({ version: '3.1.1', out: [{ from: 'sensors/#', envelope: 'json' }] })
  bench.clock.isSynchronised = false
  bench.publish('sensors/a', '{"v":21.50000000000000000001}')
  bench.publish('sensors/a', 'plain text')
  const route = bench.broker.route('sensors/a')
  t.ok(route)
  bench.publish('sensors/a', '')
  await bench.turns()
  const at = bench.clock.now()
  t.same(bench.texts, [
    `{"tidegate-time":${at},"tidegate-time-quality":"unsynced","topic":"sensors/a","encoding":"json","payload":{"v":21.50000000000000000001}}`,
    `{"tidegate-time":${at},"tidegate-time-quality":"unsynced","topic":"sensors/a","encoding":"text","payload":"plain text"}`,
    `{"tidegate-time":${at},"tidegate-time-quality":"unsynced","topic":"sensors/a","encoding":"text","payload":""}`,
  ])
})

t.test('what the spool does when it is full is what was configured', async t => {
  for (const [when_full, expected, code] of [
    ['drop-oldest', ['2', '3'], 0],
    ['drop-newest', ['1', '2'], 0],
    ['reject', ['1', '2'], -0x97],
  ] as const) {
    const bench = new BridgeBench()
    bench.upstream.refuse = DOWN
    await bench.boot({ spool: { when_full, max_bytes: 200 } })
    bench.publish('sensors/a', '1')
    bench.publish('sensors/a', '2')
    const outcome = bench.publish('sensors/a', '3')
    t.equal(Math.min(outcome, 0), code, when_full)
    bench.upstream.refuse = undefined
    bench.upstream.onPacket = takeAll(bench.taken)
    await pass(bench.clock, 10_000)
    t.same(bench.texts, expected, when_full)
  }
})
