/** An acknowledgement means durable: each test ends the gateway with SIGKILL as soon as the acknowledgement is there. */
import t, { type Test } from 'tap'
import { type GatewayProcess, hasProgram } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { Conversation } from './conversation.ts'
import { open, publishAll, receiveAll } from './flood.ts'
import { GatewayFixture } from './gateway-fixture.ts'

const ROUNDS = Number(process.env['E2E_ROUNDS'] ?? 5)
const MESSAGES = 2000
const PAYLOAD_BYTES = 100

/** A gateway that can be killed and started again with one call. */
class Mortal {
  readonly fixture: GatewayFixture
  #gateway: GatewayProcess

  static async start(t: Test): Promise<Mortal> {
    const fixture = await GatewayFixture.make(t, temporaryFolder(t))
    return new Mortal(fixture, await fixture.start())
  }

  private constructor(fixture: GatewayFixture, gateway: GatewayProcess) {
    this.fixture = fixture
    this.#gateway = gateway
  }

  /** At once. */
  kill(): void {
    this.#gateway.signal('SIGKILL')
  }

  async restart(): Promise<void> {
    await this.#gateway.end('SIGKILL')
    this.#gateway = await this.fixture.start()
  }

  talk(clientId: string, cleanStart = false): Promise<Conversation> {
    return Conversation.begin(this.fixture.mqttPort, clientId, cleanStart)
  }
}

t.test('2,000 messages for an offline session are there after a kill at their last PUBACK, round after round', async t => {
  if (!hasProgram(t)) return
  const gateway = await Mortal.start(t)
  const port = gateway.fixture.mqttPort
  const { socket } = await open(port, 'away', { cleanStart: false, filter: 'data/#' })
  socket.destroy()
  const each = { port, count: MESSAGES, payloadBytes: PAYLOAD_BYTES }
  for (let round = 0; round < ROUNDS; round++) {
    // Within the turn in which the PUBACK is read.
    const progress = (acknowledged: number) => acknowledged === MESSAGES && gateway.kill()
    await publishAll({ ...each, clientId: 'source', topic: 'data/a', first: round * MESSAGES, progress })
    await gateway.restart()
    t.match(await gateway.fixture.list('queues'), [{ queued: (round + 1) * MESSAGES }], `round ${round + 1}: all wait`)
  }
  await receiveAll({ ...each, clientId: 'away', first: 0, count: ROUNDS * MESSAGES })
  t.pass('all came, in order, each once and whole')
})

t.test('what a subscriber acknowledged may come again after a kill, but only as a suffix, in order and marked', async t => {
  if (!hasProgram(t)) return
  const gateway = await Mortal.start(t)
  const away = await gateway.talk('away')
  await away.subscribe('data/#', 1)
  const source = await gateway.talk('source', true)
  for (let n = 0; n < 100; n++) {
    source.publish('data/a', String(n), { qos: 1, packetId: n + 1 })
    const { packetId = 0 } = await away.expect('publish')
    away.send({ type: 'puback', packetId, reasonCode: 0 })
    await source.expect('puback')
  }
  gateway.kill()
  await gateway.restart()
  const again = await gateway.talk('away')
  t.ok(again.sessionPresent)
  const second = await gateway.talk('source', true)
  second.publish('data/a', '100', { qos: 1, packetId: 1 })
  const payloads: number[] = []
  while (payloads.at(-1) !== 100) {
    const { packetId = 0, payload, dup } = await again.expect('publish')
    const n = Number(Buffer.from(payload).toString())
    payloads.push(n)
    if (n < 100) t.ok(dup, `${n} is marked as a repetition`)
    again.send({ type: 'puback', packetId, reasonCode: 0 })
  }
  t.same(
    payloads,
    payloads.map((_, i) => 101 - payloads.length + i),
  )
})

t.test('a SUBACK, an UNSUBACK and the forgetting of a session are durable', async t => {
  if (!hasProgram(t)) return
  const gateway = await Mortal.start(t)
  const first = await gateway.talk('a')
  t.notOk(first.sessionPresent)
  await first.subscribe('x/#', 1)
  gateway.kill()
  await gateway.restart()
  const source = await gateway.talk('source', true)
  source.publish('x/1', 'one', { qos: 1, packetId: 1 })
  await source.expect('puback')
  gateway.kill()
  await gateway.restart()

  const second = await gateway.talk('a')
  t.ok(second.sessionPresent, 'the session is there')
  const { payload, packetId = 0 } = await second.expect('publish')
  t.equal(Buffer.from(payload).toString(), 'one', 'so is its message')
  second.send({ type: 'puback', packetId, reasonCode: 0 }, { type: 'unsubscribe', packetId: 2, filters: ['x/#'] })
  await second.expect('unsuback')
  gateway.kill()
  await gateway.restart()

  const third = await gateway.talk('a')
  t.ok(third.sessionPresent)
  const source2 = await gateway.talk('source', true)
  source2.publish('x/1', 'two', { qos: 1, packetId: 1 })
  await source2.expect('puback')
  await third.ping()
  t.pass('nothing came: neither what was acknowledged before the UNSUBACK nor what came after it')
  third.cut()
  const clean = await gateway.talk('a', true)
  t.notOk(clean.sessionPresent)
  // A later acknowledgement that had to be committed stands behind it in the store's stream.
  const other = await gateway.talk('b')
  await other.subscribe('y', 1)
  gateway.kill()
  await gateway.restart()
  t.notOk((await gateway.talk('a')).sessionPresent, 'the session is forgotten')
  t.ok((await gateway.talk('b')).sessionPresent)
})

t.test('retained messages, and that there is none any more, are durable', async t => {
  if (!hasProgram(t)) return
  const gateway = await Mortal.start(t)
  const source = await gateway.talk('source', true)
  for (const [i, value] of ['one', 'two', 'three'].entries()) source.publish('r/1', value, { qos: 1, packetId: i + 1, retain: true })
  source.publish('r/2', 'gone', { qos: 1, packetId: 4, retain: true })
  source.publish('r/2', '', { qos: 1, packetId: 5, retain: true })
  for (let i = 0; i < 5; i++) await source.expect('puback')
  gateway.kill()
  await gateway.restart()
  const reader = await gateway.talk('reader', true)
  await reader.subscribe('r/#', 1)
  const { topic, payload, retain } = await reader.expect('publish')
  t.same([topic, Buffer.from(payload).toString(), retain], ['r/1', 'three', true], 'the last writer wins')
  reader.publish('r/1', '', { qos: 0, packetId: 0, retain: true })
  await reader.expect('publish')
  await reader.ping()
  t.pass('r/2 is not there')
})

t.test('QoS 2 in and out delivers once, whatever is killed between its packets', async t => {
  if (!hasProgram(t)) return
  const gateway = await Mortal.start(t)
  const away = await gateway.talk('away')
  await away.subscribe('q', 2)
  away.cut()
  let source = await gateway.talk('source')
  source.publish('q', 'once', { qos: 2, packetId: 7 })
  await source.expect('pubrec')
  gateway.kill()
  await gateway.restart()

  source = await gateway.talk('source')
  t.ok(source.sessionPresent, 'the publisher has its session')
  source.publish('q', 'once', { qos: 2, packetId: 7, dup: true })
  await source.expect('pubrec')
  source.send({ type: 'pubrel', packetId: 7, reasonCode: 0 })
  await source.expect('pubcomp')
  gateway.kill()
  await gateway.restart()

  source = await gateway.talk('source')
  source.send({ type: 'pubrel', packetId: 7, reasonCode: 0 })
  await source.expect('pubcomp')
  source.publish('q', 'again', { qos: 2, packetId: 7 })
  await source.expect('pubrec')
  gateway.kill()
  await gateway.restart()

  let reader = await gateway.talk('away')
  const first = await reader.expect('publish')
  const second = await reader.expect('publish')
  t.same(
    [first, second].map(({ payload, qos }) => [Buffer.from(payload).toString(), qos]),
    [
      ['once', 2],
      ['again', 2],
    ],
  )
  reader.send({ type: 'pubrec', packetId: first.packetId ?? 0, reasonCode: 0 })
  t.equal((await reader.expect('pubrel')).packetId, first.packetId)
  gateway.kill()
  await gateway.restart()

  reader = await gateway.talk('away')
  const packets = [await reader.expect('pubrel'), await reader.expect('publish')] as const
  t.equal(packets[0].packetId, first.packetId, 'what was received is released, not sent again')
  t.match(packets[1], { packetId: second.packetId, dup: true, qos: 2 }, 'the other has its old packet id')
  reader.send(
    { type: 'pubcomp', packetId: first.packetId ?? 0, reasonCode: 0 },
    { type: 'pubrec', packetId: second.packetId ?? 0, reasonCode: 0 },
  )
  await reader.expect('pubrel')
  reader.send({ type: 'pubcomp', packetId: second.packetId ?? 0, reasonCode: 0 })
  await reader.ping()
  t.pass('nothing else came')
})
