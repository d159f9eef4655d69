import t from 'tap'
import { deriveScramKeys, ScramExchange } from '#access/scram.ts'
import { GatewayError } from '#base/errors.ts'
import type { Access, ExchangeStep, Identity, ScramKeys } from '#broker/ports.ts'
import { encodePacket, type Packet, type Properties } from '#codecs/mqtt/index.ts'
import { publish, texts, types } from '../adapters/mqtt/packets.ts'
import { MqttHarness, type MqttPeer } from '../support/mqtt-harness.ts'
import { ScramClient } from '../support/scram-client.ts'
import { client, five, only, pingreq } from './peers.ts'

const METHOD = 'SCRAM-SHA-256'
const USERS = { alice: 'wonderland', bob: 'builder' }

/** A broker whose access offers SCRAM-SHA-256, and a method whose steps a test decides. */
async function start(steps?: (data: Uint8Array | undefined) => ExchangeStep | Promise<ExchangeStep>): Promise<MqttHarness> {
  const keys = new Map<string, ScramKeys>()
  for (const [name, password] of Object.entries(USERS))
    keys.set(name, await deriveScramKeys(password, Buffer.from('salt of 16 bytes'), 4096))
  const harness = new MqttHarness()
  const identityOf = (clientId: string, username: string): Identity => ({
    clientId,
    protocol: 'mqtt',
    username,
    address: undefined,
    anonymous: false,
    internal: false,
  })
  const access: Access = {
    generation: 0,
    denyAction: 'ignore',
    authenticate: ({ clientId }) => identityOf(clientId, ''),
    unrestricted: () => true,
    mayPublish: () => true,
    maySubscribe: () => true,
    mayReceive: () => true,
    exchange(method, { clientId }) {
      if (method === 'steps' && steps !== undefined) return { next: steps }
      if (method !== METHOD) return undefined
      return new ScramExchange({
        keysOf: name => keys.get(name),
        admit: username => identityOf(clientId, username),
        failed: async () => {},
        randomBytes: count => harness.clock.randomBytes(count),
        decoySecret: Buffer.from('secret'),
        decoyIterations: 4096,
      })
    },
  }
  harness.brokerOptions = { access }
  await harness.boot()
  return harness
}

const auth = (reasonCode: number, data: string | undefined, authenticationMethod = METHOD): Packet => ({
  type: 'auth',
  reasonCode,
  properties: { authenticationMethod, ...(data !== undefined && { authenticationData: Buffer.from(data) }) },
})

/** The exchange is asynchronous: settles until something has come. */
async function answer(peer: MqttPeer, ...packets: Packet[]): Promise<Packet[]> {
  if (packets.length > 0) peer.send(...packets)
  for (let i = 0; i < 100; i++) {
    const got = await peer.take()
    if (got.length > 0) return got
    await new Promise(resolve => setImmediate(resolve))
  }
  return []
}

function begin(harness: MqttHarness, id: string, properties: Properties): MqttPeer {
  const peer = harness.peer()
  peer.connect(id, { protocolVersion: 5, properties })
  return peer
}

const dataOf = (packet: { properties?: Properties }) => Buffer.from(packet.properties?.authenticationData ?? []).toString()

/** A client that is in by SCRAM. */
async function login(harness: MqttHarness, id: string, user: keyof typeof USERS): Promise<MqttPeer> {
  const scram = new ScramClient(user, USERS[user])
  const peer = begin(harness, id, { authenticationMethod: METHOD, authenticationData: Buffer.from(scram.first) })
  const challenge = only(await answer(peer), 'auth')
  await answer(peer, auth(0x18, scram.final(dataOf(challenge))))
  return peer
}

t.test(
  'a client authenticates by SCRAM-SHA-256 before its CONNACK, which proves the gateway too [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5]',
  async t => {
    const harness = await start()
    const scram = new ScramClient('alice', USERS.alice)
    const peer = begin(harness, 'c', { authenticationMethod: METHOD, authenticationData: Buffer.from(scram.first) })
    const challenge = only(await answer(peer), 'auth')
    t.match(challenge, { reasonCode: 0x18, properties: { authenticationMethod: METHOD } })
    const connack = only(await answer(peer, auth(0x18, scram.final(dataOf(challenge)))), 'connack')
    t.match(connack, { reasonCode: 0, properties: { authenticationMethod: METHOD } })
    t.ok(scram.believes(dataOf(connack)))
    t.match(harness.broker.clients(), [{ clientId: 'c', username: 'alice' }])
    await peer.subscribe('a', 0)
    const pub = await login(harness, 'p', 'bob')
    await pub.exchange(publish('a', 'x', 0))
    t.same(texts(await peer.take()), ['x'])
  },
)

t.test('a client may leave its first message to a second step', async t => {
  const harness = await start()
  const scram = new ScramClient('alice', USERS.alice)
  const peer = begin(harness, 'c', { authenticationMethod: METHOD })
  t.equal(dataOf(only(await answer(peer), 'auth')), '')
  const challenge = only(await answer(peer, auth(0x18, scram.first)), 'auth')
  t.match(await answer(peer, auth(0x18, scram.final(dataOf(challenge)))), [{ type: 'connack', reasonCode: 0 }])
})

t.test('a wrong password is refused with a CONNACK, and the connection closes [MQTT-4.12.0-4]', async t => {
  const harness = await start()
  for (const [name, password] of [
    ['alice', 'wrong'],
    ['nobody', 'x'],
  ] as const) {
    const scram = new ScramClient(name, password)
    const peer = begin(harness, 'c', { authenticationMethod: METHOD, authenticationData: Buffer.from(scram.first) })
    const challenge = only(await answer(peer), 'auth')
    t.match(await answer(peer, auth(0x18, scram.final(dataOf(challenge)))), [{ type: 'connack', reasonCode: 0x87 }])
    t.ok(peer.closed)
  }
  t.equal(harness.broker.clients().length, 0)
})

t.test('a method that nobody offers is refused [MQTT-4.12.0-1]', async t => {
  const harness = await start()
  const peer = begin(harness, 'c', { authenticationMethod: 'OTHER' })
  t.match(await answer(peer), [{ type: 'connack', reasonCode: 0x8c }])
  t.ok(peer.closed)
})

t.test('without a method there is no AUTH, from neither side [MQTT-4.12.0-6] [MQTT-4.12.0-7]', async t => {
  const harness = await start()
  const connack = only(await (await harness.connect('c', { protocolVersion: 5 })).take(), 'connack')
  t.equal(connack.properties?.authenticationMethod, undefined)
  const peer = await five(harness, 'd')
  t.match(await peer.exchange(auth(0x19, undefined)), [{ type: 'disconnect', reasonCode: 0x82 }])
  const three = await client(harness, 'e', 4)
  three.sendBytes(encodePacket(auth(0x19, undefined), 5))
  t.same(await three.take(), [])
  t.ok(three.closed)
})

t.test('until the CONNACK nothing but AUTH and DISCONNECT is taken [MQTT-3.1.2-30] [MQTT-3.14.0-1]', async t => {
  for (const packet of [
    pingreq,
    publish('a', 'x', 0),
    publish('a', 'x', 1, 1),
    { type: 'unsubscribe', packetId: 1, filters: ['a'] } as Packet,
  ]) {
    const harness = await start()
    const peer = begin(harness, 'c', { authenticationMethod: METHOD })
    await answer(peer)
    t.match(await answer(peer, packet), [{ type: 'connack', reasonCode: 0x82 }], packet.type)
    t.ok(peer.closed)
  }
  const harness = await start()
  const peer = begin(harness, 'c', { authenticationMethod: METHOD })
  await answer(peer)
  t.same(await peer.exchange({ type: 'disconnect', reasonCode: 0 }), [])
  t.ok(peer.closed)
})

t.test('AUTH with another method, another code or out of turn is refused [MQTT-4.12.0-5] [MQTT-4.12.1-1]', async t => {
  for (const packet of [auth(0x18, 'x', 'OTHER'), auth(0x19, 'x'), { type: 'auth', reasonCode: 0 } as Packet]) {
    const harness = await start()
    const peer = begin(harness, 'c', { authenticationMethod: METHOD })
    await answer(peer)
    t.match(await answer(peer, packet), [{ type: 'connack', reasonCode: 0x82 }])
    const later = await login(harness, 'd', 'alice')
    const wrong = packet.type === 'auth' && packet.reasonCode === 0x19 ? auth(0x18, 'x') : packet
    t.match(await answer(later, wrong), [{ type: 'disconnect', reasonCode: 0x82 }])
  }
})

t.test('a client authenticates again while messages flow [MQTT-4.12.1-1]', async t => {
  const harness = await start()
  const peer = await login(harness, 'c', 'alice')
  await peer.subscribe('a', 0)
  const scram = new ScramClient('alice', USERS.alice, 'another')
  const challenge = only(await answer(peer, auth(0x19, scram.first)), 'auth')
  t.match(challenge, { reasonCode: 0x18, properties: { authenticationMethod: METHOD } })
  t.same(types(await peer.exchange(publish('a', 'between', 0), pingreq)), ['publish', 'pingresp'])
  const done = only(await answer(peer, auth(0x18, scram.final(dataOf(challenge)))), 'auth')
  t.equal(done.reasonCode, 0)
  t.ok(scram.believes(dataOf(done)))
  t.notOk(peer.closed)
})

t.test('who fails to authenticate again, or comes as another, is disconnected [MQTT-4.12.1-2]', async t => {
  for (const [user, password] of [
    ['alice', 'wrong'],
    ['bob', USERS.bob],
  ] as const) {
    const harness = await start()
    const peer = await login(harness, 'c', 'alice')
    const scram = new ScramClient(user, password)
    const challenge = only(await answer(peer, auth(0x19, scram.first)), 'auth')
    t.match(await answer(peer, auth(0x18, scram.final(dataOf(challenge)))), [{ type: 'disconnect', reasonCode: 0x87 }])
    t.ok(peer.closed)
  }
})

t.test('an exchange that takes too long ends with the time for the CONNECT', async t => {
  const harness = await start()
  const peer = begin(harness, 'c', { authenticationMethod: METHOD })
  await answer(peer)
  harness.clock.advance(17_000)
  await harness.settle()
  t.ok(peer.closed)
  t.match(harness.listener.ended, { 'connect-timeout': 1 })
})

t.test('whatever those who decide throw, the client is refused and the gateway goes on', async t => {
  const identity: Identity = { clientId: 'c', protocol: 'mqtt', username: 'u', address: undefined, anonymous: false, internal: false }
  let fails = true
  const harness = await start(() => {
    if (fails) throw new Error('the directory is away')
    return { data: undefined, identity }
  })
  const refused = begin(harness, 'c', { authenticationMethod: 'steps' })
  t.match(await answer(refused), [{ type: 'connack', reasonCode: 0x80 }])
  fails = false
  const peer = begin(harness, 'c', { authenticationMethod: 'steps' })
  t.match(await answer(peer), [{ type: 'connack', reasonCode: 0 }])
  fails = true
  t.match(await answer(peer, auth(0x19, undefined, 'steps')), [{ type: 'disconnect', reasonCode: 0x80 }])
  const late = await start(() => Promise.reject(new GatewayError('server-busy', 'later', { reason: 0x88 })))
  const slow = begin(late, 'd', { authenticationMethod: 'steps' })
  t.match(await answer(slow), [{ type: 'connack', reasonCode: 0x88 }])
})
