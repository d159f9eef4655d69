/** CONNECT, the will handshake, and what a node is afterwards (MQTT-SN 1.2 §6.2, §6.3). */
import t from 'tap'
import { payloads, SnBench } from './bench.ts'

const ACCEPTED = { type: 'connack', returnCode: 0 }
const CONGESTION = { type: 'connack', returnCode: 1 }
const NOT_SUPPORTED = { type: 'connack', returnCode: 3 }
const DISCONNECT = { type: 'disconnect', durationSeconds: undefined }
const text = (value: string) => Buffer.from(value)

t.test('a node connects and is a client of the broker', async t => {
  const bench = await SnBench.start()
  const node = bench.node({ address: '2001:db8::7', port: 5000 })
  t.strictSame(await node.connect('node-1', { durationSeconds: 30 }), [ACCEPTED])
  t.match(bench.broker.clients(), [
    {
      clientId: 'node-1',
      connected: true,
      state: 'active',
      protocol: 'mqtt-sn',
      listener: 'sn',
      peer: '[2001:db8::7]:5000',
      keepAliveSeconds: 30,
    },
  ])
  t.match(bench.access.asked, [{ protocol: 'mqtt-sn', clientId: 'node-1', username: undefined, address: '2001:db8::7', listener: 'sn' }])
  t.equal(bench.engine.clients, 1)
})

t.test('the CONNACK waits for the disk', async t => {
  const bench = await SnBench.start()
  bench.store.hold()
  const node = bench.node()
  t.strictSame(await node.connect('node-1'), [])
  t.strictSame(await node.connect('node-1'), [], 'nor does the repeated CONNECT bring one before its time')
  bench.store.release()
  t.strictSame(await node.take(), [ACCEPTED])
})

t.test('who may not come in is refused', async t => {
  const bench = await SnBench.start({ clientsMax: 2 })
  bench.access.banned.add('bad')
  t.strictSame(await bench.node().connect('bad'), [NOT_SUPPORTED], 'by access')
  t.strictSame(await bench.node().connect('$gateway'), [NOT_SUPPORTED], 'a name of the gateway’s own')
  t.strictSame(await bench.node().connect(''), [NOT_SUPPORTED], 'without a name')
  t.strictSame(await bench.node().connect('a\0'), [NOT_SUPPORTED], 'with U+0000 in the name')
  t.strictSame(await bench.node().connect('x'.repeat(257)), [NOT_SUPPORTED], 'with too long a name')
  t.strictSame(await bench.node().connect('node', { protocolId: 2 }), [NOT_SUPPORTED], 'with another protocol')
  t.strictSame(await bench.node().connect('node-1'), [ACCEPTED])
  t.strictSame(await bench.node().connect('node-2'), [ACCEPTED])
  t.strictSame(await bench.node().connect('node-3'), [CONGESTION], 'when there are too many')
  t.strictSame(await bench.node().connect('node-2'), [ACCEPTED], 'but one of those may come again')
  t.equal(bench.engine.counters.refused, 7)
})

t.test('a slow decision lets in once, however often the node asks', async t => {
  const bench = await SnBench.start()
  bench.access.slow = true
  const node = bench.node()
  await node.connect('node-1')
  await node.connect('node-1')
  t.strictSame(await node.exchange({ type: 'pingreq', clientId: '' }), [DISCONNECT], 'nobody is there yet')
  t.equal(bench.access.asked.length, 1)
  bench.access.decide()
  t.strictSame(await node.take(), [ACCEPTED])
  bench.access.banned.add('node-2')
  const other = bench.node()
  await other.connect('node-2')
  bench.access.decide()
  t.strictSame(await other.take(), [NOT_SUPPORTED])
})

t.test('a repeated CONNECT gets its CONNACK again and changes nothing', async t => {
  const bench = await SnBench.start()
  const node = bench.node()
  await node.connect('node-1')
  const before = bench.broker.clients()[0]?.connectedAtMs
  bench.clock.advance(1)
  t.strictSame(await node.connect('node-1'), [ACCEPTED])
  t.equal(bench.broker.clients()[0]?.connectedAtMs, before)
  t.equal(bench.engine.counters.connected, 1)
})

t.test('a CONNECT after something else is a new connection', async t => {
  const bench = await SnBench.start()
  const node = bench.node()
  await node.connect('node-1')
  const topicId = await node.register('a/b')
  t.strictSame(await node.connect('node-1'), [ACCEPTED])
  t.equal(bench.engine.counters.connected, 2)
  t.match(await node.publish({ kind: 'normal', id: topicId }, 'x', 1), [{ type: 'puback', returnCode: 2 }], 'its topic ids are forgotten')
})

t.test('a node that comes from another address is the same client; the old address is told', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('will')
  const old = await bench.connected('node-1', { cleanSession: false })
  await old.subscribe('a/b')
  const node = bench.node()
  t.strictSame(await node.connect('node-1', { cleanSession: false }), [ACCEPTED])
  t.strictSame(await old.take(), [DISCONNECT])
  await bench.publish('a/b', 'hello', 1)
  t.strictSame(payloads(await node.drain()), ['hello'])
  t.strictSame(payloads(await old.take()), [])
  t.strictSame(await old.exchange({ type: 'pingreq', clientId: '' }), [DISCONNECT])
  t.strictSame(seen, [], 'and no will went out: it is here')
})

t.test('a node of another name at the same address ends the one before, with its will', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('gone')
  const node = bench.node()
  await node.connect('first', { will: true })
  await node.exchange({ type: 'willtopic', qos: 0, retain: false, topic: 'gone' })
  t.strictSame(await node.exchange({ type: 'willmsg', payload: text('first') }), [ACCEPTED])
  t.strictSame(await node.connect('second'), [ACCEPTED])
  await bench.settle()
  t.strictSame(seen, ['gone first'])
  t.equal(bench.engine.clients, 1)
})

t.test('will set: the handshake asks for topic and message, and the will goes out when the node is lost', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('will/#')
  const node = bench.node()
  t.strictSame(await node.connect('node-1', { will: true }), [{ type: 'willtopicreq' }])
  t.strictSame(await node.exchange({ type: 'willtopic', qos: 1, retain: true, topic: 'will/node-1' }), [{ type: 'willmsgreq' }])
  t.strictSame(await node.exchange({ type: 'willmsg', payload: text('gone') }), [ACCEPTED])
  await bench.pass(89_000)
  t.strictSame(seen, [])
  await bench.pass(3000)
  t.strictSame(seen, ['will/node-1 gone'])
  t.equal(Buffer.from(bench.broker.retained('will/node-1')!.payload).toString(), 'gone')
  t.strictSame(await node.exchange({ type: 'pingreq', clientId: '' }), [DISCONNECT], 'it is told when it comes back')
})

t.test('a DISCONNECT revokes the will', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('will')
  const node = bench.node()
  await node.connect('node-1', { will: true })
  await node.exchange({ type: 'willtopic', qos: 1, retain: false, topic: 'will' })
  await node.exchange({ type: 'willmsg', payload: text('gone') })
  t.strictSame(await node.exchange({ type: 'disconnect', durationSeconds: undefined }), [DISCONNECT])
  await bench.pass(300_000)
  t.strictSame(seen, [])
})

t.test('an empty WILLTOPIC means no will', async t => {
  const bench = await SnBench.start()
  const node = bench.node()
  await node.connect('node-1', { will: true })
  t.strictSame(await node.exchange({ type: 'willtopic', qos: 0, retain: false, topic: '' }), [ACCEPTED])
})

t.test('a will that cannot be is refused', async t => {
  const bench = await SnBench.start()
  for (const [qos, topic] of [
    [0, 'a/#'],
    [-1, 'a'],
    [0, 'a\0'],
  ] as const) {
    const node = bench.node()
    await node.connect('node-1', { will: true })
    t.strictSame(await node.exchange({ type: 'willtopic', qos, retain: false, topic }), [NOT_SUPPORTED])
  }
  bench.access.forbidden.add('secret')
  const node = bench.node()
  await node.connect('node-1', { will: true })
  await node.exchange({ type: 'willtopic', qos: 0, retain: false, topic: 'secret' })
  t.strictSame(await node.exchange({ type: 'willmsg', payload: text('x') }), [NOT_SUPPORTED], 'nor one that the rules forbid')
  t.equal(bench.engine.clients, 0)
})

t.test('the will handshake out of order', async t => {
  const bench = await SnBench.start()
  const stranger = bench.node()
  t.strictSame(await stranger.exchange({ type: 'willtopic', qos: 0, retain: false, topic: 'a' }), [DISCONNECT], 'without a CONNECT')
  t.strictSame(await stranger.exchange({ type: 'willmsg', payload: text('x') }), [DISCONNECT])
  const node = bench.node()
  await node.connect('node-1', { will: true })
  t.strictSame(await node.exchange({ type: 'willmsg', payload: text('x') }), [{ type: 'willtopicreq' }], 'the message before the topic')
  t.strictSame(await node.connect('node-1', { will: true }), [{ type: 'willtopicreq' }], 'CONNECT again')
  await node.exchange({ type: 'willtopic', qos: 0, retain: false, topic: 'a' })
  t.strictSame(await node.exchange({ type: 'willtopic', qos: 0, retain: false, topic: 'b' }), [{ type: 'willmsgreq' }], 'the topic again')
  t.strictSame(await node.exchange({ type: 'willmsg', payload: text('x') }), [ACCEPTED])
  t.strictSame(await node.exchange({ type: 'willmsg', payload: text('x') }), [ACCEPTED], 'the message again, because the CONNACK was lost')
  await node.exchange({ type: 'pingreq', clientId: '' })
  t.strictSame(await node.exchange({ type: 'willmsg', payload: text('x') }), [], 'long after: nothing')
  t.strictSame(await node.exchange({ type: 'willtopic', qos: 0, retain: false, topic: 'b' }), [])
})

t.test('a request for the will is repeated, and given up', async t => {
  const bench = await SnBench.start()
  const node = bench.node()
  await node.connect('node-1', { will: true })
  await bench.pass(10_000)
  t.strictSame(await node.take(), [{ type: 'willtopicreq' }])
  await bench.pass(10_000)
  t.strictSame(await node.take(), [], 'after connect_timeout it is over')
  t.equal(bench.engine.counters.handshakesAbandoned, 1)
  t.strictSame(await node.exchange({ type: 'willtopic', qos: 0, retain: false, topic: 'a' }), [DISCONNECT])
})

t.test('the will is kept without clean session, replaced, and deleted with an empty WILLTOPIC', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('will')
  const node = bench.node()
  const lose = async () => {
    await bench.pass(100_000)
    return seen.splice(0)
  }
  await node.connect('node-1', { will: true, cleanSession: false })
  await node.exchange({ type: 'willtopic', qos: 1, retain: false, topic: 'will' })
  await node.exchange({ type: 'willmsg', payload: text('one') })
  t.strictSame(await lose(), ['will one'])
  await node.connect('node-1', { cleanSession: false })
  t.strictSame(await lose(), ['will one'], 'it is still its will')
  await node.exchange({ type: 'disconnect', durationSeconds: undefined })
  await bench.crash()
  seen.length = 0
  const again = bench.watch('will')
  const reborn = await bench.connected('node-1', { cleanSession: false })
  await bench.pass(100_000)
  t.strictSame(again.splice(0), ['will one'], 'also after a restart of the gateway')
  await reborn.connect('node-1', { cleanSession: false, will: true })
  t.strictSame(await reborn.exchange({ type: 'willtopic', qos: 0, retain: false, topic: '' }), [ACCEPTED])
  await bench.pass(100_000)
  t.strictSame(again, [])
})

t.test('clean session without will: session and will are forgotten', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('will')
  const node = bench.node()
  await node.connect('node-1', { will: true, cleanSession: false })
  await node.exchange({ type: 'willtopic', qos: 1, retain: false, topic: 'will' })
  await node.exchange({ type: 'willmsg', payload: text('one') })
  await node.subscribe('a/b')
  await node.connect('node-1', { cleanSession: true })
  await bench.publish('a/b', 'x', 1)
  t.strictSame(await node.take(), [])
  await bench.pass(100_000)
  t.strictSame(seen, [])
})

t.test('the will is updated while connected, topic and message apart, and deleted', async t => {
  const bench = await SnBench.start()
  const seen = bench.watch('#')
  const node = bench.node()
  const connect = () => node.connect('node-1', { cleanSession: false })
  await connect()
  t.strictSame(
    await node.exchange({ type: 'willmsgupd', payload: text('x') }),
    [{ type: 'willmsgresp', returnCode: 3 }],
    'no topic to go with',
  )
  t.strictSame(await node.exchange({ type: 'willtopicupd', qos: 1, retain: false, topic: 'w/1' }), [
    { type: 'willtopicresp', returnCode: 0 },
  ])
  t.strictSame(await node.exchange({ type: 'willmsgupd', payload: text('one') }), [{ type: 'willmsgresp', returnCode: 0 }])
  t.strictSame(await node.exchange({ type: 'willtopicupd', qos: 0, retain: false, topic: 'w/2' }), [
    { type: 'willtopicresp', returnCode: 0 },
  ])
  t.strictSame(await node.exchange({ type: 'willtopicupd', qos: 0, retain: false, topic: 'w/#' }), [
    { type: 'willtopicresp', returnCode: 3 },
  ])
  bench.access.forbidden.add('secret')
  t.strictSame(await node.exchange({ type: 'willtopicupd', qos: 0, retain: false, topic: 'secret' }), [
    { type: 'willtopicresp', returnCode: 3 },
  ])
  await bench.pass(100_000)
  t.strictSame(seen.splice(0), ['w/2 one'])
  await connect()
  t.strictSame(await node.exchange({ type: 'willtopicupd', qos: 0, retain: false, topic: '' }), [{ type: 'willtopicresp', returnCode: 0 }])
  await bench.pass(100_000)
  t.strictSame(seen, [], 'deleted: none goes out')
  t.strictSame(await node.exchange({ type: 'willtopicupd', qos: 0, retain: false, topic: 'a' }), [DISCONNECT], 'without a connection')
})

t.test('keep-alive: what comes in time keeps the node, with half as much again as tolerance, a tenth above a minute', async t => {
  const bench = await SnBench.start()
  const short = await bench.connected('short', { durationSeconds: 10 })
  await bench.connected('long', { durationSeconds: 600 })
  await bench.connected('none', { durationSeconds: 0 })
  await bench.pass(14_000)
  t.strictSame(await short.exchange({ type: 'pingreq', clientId: '' }), [{ type: 'pingresp' }])
  await bench.pass(14_000)
  t.equal(bench.engine.clients, 3)
  await bench.pass(3000)
  t.equal(bench.engine.clients, 2)
  await bench.pass(631_000)
  t.match(
    bench.broker.clients().map(client => client.clientId),
    ['none'],
  )
  t.equal(bench.engine.counters.lost, 2)
})

t.test('a repeated DISCONNECT is answered again; one of a stranger is not, or two gateways could go on for ever', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  t.strictSame(await node.exchange({ type: 'disconnect', durationSeconds: undefined }), [DISCONNECT])
  t.strictSame(await node.exchange({ type: 'disconnect', durationSeconds: undefined }), [DISCONNECT])
  t.strictSame(await bench.node().exchange({ type: 'disconnect', durationSeconds: undefined }), [])
})

t.test('whoever is not connected is told so; what only gateways say is ignored', async t => {
  const bench = await SnBench.start()
  const stranger = bench.node()
  t.strictSame(await stranger.publish({ kind: 'normal', id: 1 }, 'x', 1), [DISCONNECT])
  t.strictSame(await stranger.subscribe('a'), [DISCONNECT])
  t.strictSame(await stranger.exchange({ type: 'unsubscribe', msgId: 1, topic: { kind: 'name', name: 'a' } }), [DISCONNECT])
  t.strictSame(await stranger.exchange({ type: 'register', topicId: 0, msgId: 1, topicName: 'a' }), [DISCONNECT])
  t.strictSame(await stranger.exchange({ type: 'pingreq', clientId: 'nobody' }), [DISCONNECT])
  for (const type of ['willtopicreq', 'willmsgreq', 'pingresp'] as const) t.strictSame(await stranger.exchange({ type }), [])
  t.strictSame(await stranger.exchange({ type: 'connack', returnCode: 0 }, { type: 'puback', topicId: 1, msgId: 1, returnCode: 0 }), [])
  t.equal(bench.engine.counters.unexpected, 5)
})

t.test('a kicked node is told, and its session stays', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1', { cleanSession: false })
  await node.subscribe('a/b')
  bench.broker.kick('node-1')
  t.strictSame(await node.take(), [DISCONNECT])
  await bench.publish('a/b', 'kept', 1)
  t.strictSame(payloads(await node.drain(await node.connect('node-1', { cleanSession: false }))), ['kept'])
})

t.test('taken over by a client of another protocol, the node is told', async t => {
  const bench = await SnBench.start()
  const node = await bench.connected('node-1')
  bench.other('node-1')
  t.strictSame(await node.take(), [DISCONNECT])
  t.equal(bench.engine.clients, 0)
})
