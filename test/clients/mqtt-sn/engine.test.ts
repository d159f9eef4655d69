/** The client side of MQTT-SN against the gateway's, without a network. */
import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import { SnClient, type SnClientOptions, type SnMessage } from '#clients/mqtt-sn/index.ts'
import { decodePacket, encodePacket, type SnPacket } from '#codecs/mqtt-sn/index.ts'
import { SnBench, type TestNode } from '../../adapters/mqtt-sn/bench.ts'

interface Rig {
  bench: SnBench
  node: TestNode
  client: SnClient
  messages: SnMessage[]
  /** Packets that the client has sent. */
  sent: SnPacket[]
  /** Datagrams are lost, both ways. */
  cut: boolean
  disconnects: number
  /** Lets it settle and gives what was promised. */
  done<T>(promise: Promise<T>): Promise<T>
}

async function rig(options: Partial<SnClientOptions> = {}): Promise<Rig> {
  const bench = await SnBench.start()
  const node = bench.node()
  const messages: SnMessage[] = []
  const made: Rig = {
    bench,
    node,
    messages,
    sent: [],
    cut: false,
    disconnects: 0,
    async done(promise) {
      promise.catch(() => {})
      await bench.settle()
      await bench.settle()
      return promise
    },
    client: new SnClient({
      clientId: 'node-1',
      cleanSession: true,
      keepAliveSeconds: 60,
      clock: bench.clock,
      send: bytes => {
        made.sent.push(decodePacket(bytes))
        if (!made.cut) node.sendBytes(bytes)
      },
      onMessage: message => messages.push(message),
      onDisconnect: () => made.disconnects++,
      ...options,
    }),
  }
  node.onDatagram = bytes => {
    if (!made.cut) made.client.receive(bytes)
  }
  return made
}

const show = (messages: readonly SnMessage[]) => messages.map(({ topic, payload, qos }) => `${topic} ${Buffer.from(payload)} ${qos}`)

t.test('it connects with a will, registers, publishes at every QoS and says good-bye', async t => {
  const { bench, client, done } = await rig({ will: { topic: 'will', message: Buffer.from('gone'), qos: 1, retain: false } })
  const seen = bench.watch('#')
  await done(client.connect())
  const id = await done(client.register('a/b'))
  t.equal(await client.register('a/b'), id, 'a name that is known is not registered again')
  for (const qos of [0, 1, 2] as const) await done(client.publish({ kind: 'normal', id }, Buffer.from(String(qos)), qos))
  t.strictSame(seen, ['a/b 0', 'a/b 1', 'a/b 2'])
  await done(client.disconnect())
  t.equal(bench.engine.clients, 0)
  await bench.pass(200_000)
  t.equal(seen.length, 3)
})

t.test('it receives at every QoS, by name, wildcard, short name and predefined id', async t => {
  const { bench, client, messages, done } = await rig()
  await done(client.connect())
  t.equal(await done(client.subscribe({ kind: 'name', name: 'a/+' }, 2)), 2)
  await done(client.subscribe({ kind: 'name', name: 'one' }, 1))
  await done(client.subscribe({ kind: 'short', name: 'ab' }, 1))
  await done(client.subscribe({ kind: 'predefined', id: 1 }, 1))
  for (const [topic, qos] of [
    ['a/x', 2],
    ['one', 1],
    ['ab', 0],
    ['site/one', 1],
  ] as const)
    await bench.publish(topic, 'x', qos)
  await bench.settle()
  t.strictSame(show(messages), ['a/x x 2', 'one x 1', 'ab x 0', 'predefined:1 x 1'])
  t.match(bench.broker.clients()[0], { queued: 0 })
})

t.test('it sleeps, and wakes to its messages', async t => {
  const { bench, client, messages, sent, done } = await rig()
  await done(client.connect())
  await done(client.subscribe({ kind: 'name', name: 'a/b' }, 1))
  await done(client.sleep(600))
  sent.length = 0
  for (let i = 0; i < 5; i++) await bench.publish('a/b', String(i), 1)
  await bench.pass(500_000)
  t.strictSame(sent, [], 'no PINGREQ in its sleep')
  await done(client.wake())
  t.strictSame(show(messages), ['a/b 0 1', 'a/b 1 1', 'a/b 2 1', 'a/b 3 1', 'a/b 4 1'])
})

t.test('it keeps itself alive', async t => {
  const made = await rig()
  const { bench, client, done } = made
  await done(client.connect())
  await bench.pass(600_000)
  t.equal(bench.engine.clients, 1, JSON.stringify([made.sent, bench.engine.counters]))
})

t.test('what is not answered is sent again, PUBLISH with DUP, and fails in the end', async t => {
  const made = await rig({ retryIntervalMs: 1000, retries: 2 })
  const { bench, client, sent, done } = made
  await done(client.connect())
  made.cut = true
  sent.length = 0
  const lost = done(client.publish({ kind: 'short', name: 'ab' }, Buffer.from('x'), 1))
  const next = client.publish({ kind: 'short', name: 'ab' }, Buffer.from('y'), 1)
  lost.catch(() => {})
  next.catch(() => {})
  await bench.pass(1000)
  t.match(
    sent,
    [
      { type: 'publish', dup: false },
      { type: 'publish', dup: true },
    ],
    'one request at a time',
  )
  await bench.pass(2000)
  await t.rejects(lost, { code: 'timeout', retryable: true })
  made.cut = false
  await bench.pass(1000)
  await done(next)
})

t.test('a refusal says what was refused and why', async t => {
  const { bench, client, done } = await rig()
  bench.access.banned.add('node-1')
  await t.rejects(done(client.connect()), { code: 'refused', reason: 3, message: /CONNECT: not supported, or not allowed/ })
  bench.access.banned.clear()
  await done(client.connect())
  await t.rejects(done(client.register('a/#')), { code: 'refused', reason: 3 })
  await t.rejects(done(client.publish({ kind: 'normal', id: 77 }, Buffer.from('x'), 1)), {
    reason: 2,
    message: /does not know the topic id/,
  })
  await t.rejects(done(client.subscribe({ kind: 'predefined', id: 77 }, 1)), { code: 'refused', reason: 2 })
})

t.test('a gateway that has forgotten it is noticed', async t => {
  const made = await rig()
  const { bench, client, done } = made
  await done(client.connect())
  bench.broker.kick('node-1')
  await bench.settle()
  t.equal(made.disconnects, 1)
  t.notOk(client.connected)
  await t.rejects(done(client.wake()), { code: 'refused', hint: 'connect again' })
})

t.test('a topic id that it does not know is refused, and a repeated QoS 2 message taken once', async t => {
  const made = await rig()
  const { client, messages, sent, done } = made
  await done(client.connect())
  made.cut = true
  const publish = (id: number, qos: 1 | 2): SnPacket => ({
    type: 'publish',
    dup: false,
    qos,
    retain: false,
    topic: { kind: 'normal', id },
    msgId: 9,
    payload: Buffer.from('x'),
  })
  client.receive(encodePacket(publish(500, 1)))
  t.match(sent.at(-1), { type: 'puback', returnCode: 2 })
  client.receive(encodePacket({ type: 'register', topicId: 500, msgId: 1, topicName: 'a/b' }))
  for (let i = 0; i < 2; i++) client.receive(encodePacket(publish(500, 2)))
  t.strictSame(show(messages), ['a/b x 2'])
  client.receive(encodePacket({ type: 'pubrel', msgId: 9 }))
  t.match(sent.at(-1), { type: 'pubcomp', msgId: 9 })
  client.receive(Buffer.from('nonsense'))
  t.equal(messages.length, 1)
})

t.test('closed, it fails what was under way', async t => {
  const made = await rig()
  made.cut = true
  const connecting = made.client.connect()
  made.client.close()
  try {
    await connecting
    t.fail('it connected')
  } catch (error) {
    t.ok(isGatewayError(error, 'connection-lost'))
  }
})
