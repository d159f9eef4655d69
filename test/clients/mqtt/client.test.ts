import t from 'tap'
import { GatewayError } from '#base/errors.ts'
import { CLIENT_DEFAULTS, type ClientOptions, connectClient, type ReceivedMessage } from '#clients/mqtt/index.ts'
import type { PublishPacket } from '#codecs/mqtt/index.ts'
import { turns } from '../../bridges/turns.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { ScriptedServer, takeAll } from './scripted-server.ts'

function bench(server: ScriptedServer, more: Partial<ClientOptions> = {}) {
  const clock = new VirtualClock()
  const target = { endpoint: { scheme: 'mqtt' as const, host: 'broker.example', port: 1883 }, openTimeoutMs: 5000 }
  const connecting = connectClient({ ...CLIENT_DEFAULTS, target, open: server.open, clock, ...more })
  return { clock, connecting }
}

t.test('lines are published, many in one write, and each resolves when it is acknowledged', async t => {
  const server = new ScriptedServer()
  const taken: PublishPacket[] = []
  server.onPacket = takeAll(taken)
  const { clock, connecting } = bench(server)
  await turns(clock)
  const client = await connecting
  const writes = server.last.writes
  const all = Promise.all([0, 1, 2].map(qos => client.publish(`t/${qos}`, Buffer.from('x'), { qos: qos as 0 | 1 | 2, retain: qos === 1 })))
  await turns(clock)
  await all
  t.same(
    taken.map(packet => [packet.topic, packet.qos, packet.retain]),
    [
      ['t/0', 0, false],
      ['t/1', 1, true],
      ['t/2', 2, false],
    ],
  )
  t.equal(server.last.writes, writes + 2, 'three publishes in one write, the PUBREL in another')
  await Promise.all([client.end(), turns(clock)])
  t.equal(server.last.all('disconnect').length, 1)
})

t.test('publishes wait for the Receive Maximum of the server', async t => {
  const server = new ScriptedServer()
  server.onPacket = (packet, connection) => {
    if (packet.type === 'connect')
      connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0, properties: { receiveMaximum: 2 } })
  }
  const { clock, connecting } = bench(server)
  await turns(clock)
  const client = await connecting
  const done: number[] = []
  for (let i = 0; i < 5; i++) client.publish('t', Buffer.from(String(i)), { qos: 1 }).then(() => done.push(i), t.fail)
  await turns(clock)
  t.equal(server.last.all('publish').length, 2)
  server.last.send({ type: 'puback', packetId: 1, reasonCode: 0 })
  await turns(clock)
  t.equal(server.last.all('publish').length, 3)
  t.same(done, [0])
})

t.test('a full socket makes publishers wait, and lets them go on', async t => {
  const server = new ScriptedServer()
  const { clock, connecting } = bench(server)
  await turns(clock)
  const client = await connecting
  server.last.pendingBytes = 1 << 20
  let sent = false
  void client.publish('t', Buffer.from('x')).then(() => (sent = true))
  await turns(clock)
  t.equal(sent, false)
  server.last.drain()
  await turns(clock)
  t.equal(sent, true)
})

t.test('refusals and ends reject what waits', async t => {
  const server = new ScriptedServer()
  const ends: unknown[] = []
  const { clock, connecting } = bench(server, { onClose: error => ends.push(error?.code) })
  await turns(clock)
  const client = await connecting
  const refused = t.rejects(client.publish('t', Buffer.from('x'), { qos: 1 }), { code: 'not-authorized', message: /publishing on t/ })
  const lost = t.rejects(client.publish('t', Buffer.from('x'), { qos: 1 }), { code: 'connection-lost' })
  const subscribing = t.rejects(client.subscribe(['a']), { code: 'connection-lost' })
  server.last.send({ type: 'puback', packetId: 1, reasonCode: 0x87 })
  server.last.reset()
  await Promise.all([refused, lost, subscribing])
  t.same(ends, ['connection-lost'])
  await t.rejects(client.publish('t', Buffer.from('x')), { code: 'connection-lost' })
})

t.test('messages are handed out once and acknowledged', async t => {
  const server = new ScriptedServer()
  server.onPacket = takeAll([])
  const got: ReceivedMessage[] = []
  const { clock, connecting } = bench(server, { onMessage: message => got.push(message) })
  await turns(clock)
  const client = await connecting
  const subscribed = client.subscribe(['a/#', 'b'], { qos: 1 })
  await turns(clock)
  t.same(await subscribed, [1, 1])
  const message = { type: 'publish', topic: 'a', payload: Buffer.from('x'), qos: 2, retain: false, dup: false, packetId: 4 } as const
  server.last.send(message, { ...message, dup: true }, { type: 'pubrel', packetId: 4, reasonCode: 0 })
  await turns(clock)
  t.equal(got.length, 1)
  t.equal(server.last.all('pubrec').length, 2)
  t.equal(server.last.all('pubcomp').length, 1)
})

t.test('a refused subscription says which', async t => {
  const server = new ScriptedServer()
  server.onPacket = (packet, connection) => {
    if (packet.type === 'connect') connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 })
    if (packet.type === 'subscribe') connection.send({ type: 'suback', packetId: packet.packetId, reasonCodes: [0, 0x87] })
  }
  const { clock, connecting } = bench(server)
  await turns(clock)
  const client = await connecting
  const refused = t.rejects(client.subscribe(['a', 'secret/#']), { code: 'not-authorized', message: /subscribing to secret\/#/ })
  await turns(clock)
  await refused
})

t.test('a connection that cannot be made rejects with the reason', async t => {
  const server = new ScriptedServer()
  server.refuse = new GatewayError('connect-failed', 'nothing listens there')
  const { clock, connecting } = bench(server)
  const rejected = t.rejects(connecting, { code: 'connect-failed', message: /nothing listens/ })
  await turns(clock)
  await rejected
})
