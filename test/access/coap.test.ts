/** The same access for CoAP devices. */
import t from 'tap'
import { type AccessSettings, GatewayAccess, PLAIN_ACCESS } from '#access/index.ts'
import { CoapEngine } from '#adapters/coap/index.ts'
import { silentLogger } from '#base/logger.ts'
import { createBroker } from '#broker/broker.ts'
import { METHOD, OPTION, TYPE, uintOption } from '#codecs/coap/index.ts'
import { CLIENT_LIMITS, RawPeer, show } from '../adapters/coap/support/bench.ts'
import { MemoryDisk, MemoryStore } from '../support/memory-store.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

async function site(more: Partial<AccessSettings>) {
  const clock = new VirtualClock(3)
  const store: MemoryStore = new MemoryStore({ clock, disk: new MemoryDisk(), runningMs: () => broker.runningMs() })
  const settings = { ...PLAIN_ACCESS, authenticators: { local: { kind: 'built-in' as const } }, ...more }
  const access = new GatewayAccess({ settings, clock, logger: silentLogger })
  const broker = await createBroker({ store, access, clock, logger: silentLogger })
  access.bind(broker)
  const peers = new Map<number, RawPeer>()
  const engine = new CoapEngine({
    broker,
    access,
    clock,
    logger: silentLogger,
    port: { send: (bytes: Uint8Array, _address: string, to: number) => peers.get(to)?.take(bytes) },
    listener: 'coap',
    limits: CLIENT_LIMITS,
    payloadBytesMax: 1 << 20,
    clientsMax: 100,
  })
  const peer = (number: number) => {
    const made = peers.get(number) ?? new RawPeer(engine, number)
    peers.set(number, made)
    return made
  }
  /** Lets real threads and the virtual disk work until `done`, or until the device has an answer. */
  async function work(until: () => boolean): Promise<void> {
    const end = performance.now() + 60_000
    while (!until()) {
      if (performance.now() > end) throw new Error('it does not happen')
      clock.settle()
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  return { clock, broker, access, engine, peer, work }
}

const OBSERVE = uintOption(OPTION.Observe, 0)
const put = (topic: string, ...query: string[]) => ({ code: METHOD.PUT, path: ['ps', ...topic.split('/')], payload: 'x', query })

t.test('a device that nobody knows gets 4.01, and so does one with a wrong password, a moment later', async t => {
  const { access, peer, clock, work } = await site({ anonymous: 'never' })
  let made = false
  void access.addUser('ann', 'secret').then(() => (made = true))
  await work(() => made)
  t.equal(show(peer(1).one(put('a'))), 'ACK 4.01')
  const right = peer(2)
  const early = right.ask(put('a', 'username=ann', 'password=secret'))
  let answers = early
  await work(() => (answers = [...answers, ...right.drain()]).length > 0)
  t.same(answers.map(show), ['ACK 2.04'])
  const wrong = peer(3)
  const before = access.counters().failedLogins
  t.same(wrong.ask(put('a', 'username=ann', 'password=guess')), [])
  await work(() => access.counters().failedLogins > before)
  t.same(wrong.drain(), [], 'the refusal is held back')
  clock.advance(250)
  await work(() => (answers = wrong.drain()).length > 0)
  t.same(answers.map(show), ['ACK 4.01'])
})

t.test('what the rules forbid is 4.01 without a name; reads, observations and preconditions are asked about too', async t => {
  const rules = [{ permit: 'allow' as const, who: { protocol: 'coap' }, action: 'all' as const, topics: ['open/#'] }]
  const { peer, work } = await site({ anonymous: 'always', rules })
  const device = peer(1)
  let answers = device.ask(put('open/a', 'retain=1'))
  await work(() => (answers = [...answers, ...device.drain()]).length > 0)
  t.same(answers.map(show), ['ACK 2.04'])
  t.equal(show(device.one(put('shut'))), 'ACK 4.01')
  t.equal(show(device.one({ path: ['ps', 'open', 'a'] })), 'ACK 2.05 [x]')
  t.equal(show(device.one({ path: ['ps', 'shut'] })), 'ACK 4.01')
  t.equal(show(device.one({ path: ['ps', 'shut'], options: [OBSERVE] })), 'ACK 4.01')
  t.equal(show(device.one({ path: ['ps', '#'], options: [OBSERVE] })), 'ACK 4.01')
  const [first] = device.ask({ path: ['ps', 'open', '+'], options: [OBSERVE] })
  t.equal(show(first), 'ACK 2.05')
})

t.test('an observed filter does not show what the rules deny, to a second observer of it neither', async t => {
  const rules = [{ permit: 'deny' as const, who: { protocol: 'coap' }, action: 'subscribe' as const, topics: ['a/secret'] }]
  const { peer, work } = await site({ anonymous: 'always', no_match: 'allow', rules })
  const device = peer(1)
  const write = async (topic: string) => {
    device.ask({ ...put(topic, 'retain=1'), payload: topic })
    const seen = device.drain()
    await work(() => seen.push(...device.drain()) > 0)
    return seen
  }
  for (const topic of ['a/b', 'a/secret', 'a/z']) t.same((await write(topic)).map(show), ['ACK 2.04'])
  t.equal(show(device.one({ path: ['ps', 'a', 'secret'], options: [OBSERVE] })), 'ACK 4.01')
  /** What is shown until nothing follows; each notification waits for the acknowledgement of the one before. */
  const shown = async () => {
    const payloads: string[] = []
    for (let quiet = 0; quiet < 5; quiet++) {
      let turns = 0
      await work(() => turns++ > 0)
      for (const { type, messageId, payload } of device.drain()) {
        if (type !== TYPE.CON) continue
        quiet = 0
        payloads.push(Buffer.from(payload).toString())
        device.acknowledge(messageId)
      }
    }
    return payloads.sort()
  }
  device.drain()
  for (const token of ['first', 'second']) {
    device.ask({ path: ['ps', 'a', '+'], query: ['qos=1'], options: [OBSERVE], token: Buffer.from(token) })
    t.same(await shown(), ['a/b', 'a/z'], token)
  }
  t.same((await write('a/secret')).map(show), ['ACK 2.04'])
  t.same(await shown(), [])
})

t.test('a device with a name that may not gets 4.03', async t => {
  const rules = [{ permit: 'allow' as const, who: { username: 'ann' }, action: 'all' as const, topics: ['open/#'] }]
  const { access, peer, work } = await site({ anonymous: 'never', rules })
  let made = false
  void access.addUser('ann', 'secret').then(() => (made = true))
  await work(() => made)
  const device = peer(1)
  const login = ['username=ann', 'password=secret']
  let answers = device.ask(put('shut', ...login))
  await work(() => (answers = [...answers, ...device.drain()]).length > 0)
  t.same(answers.map(show), ['ACK 4.03'])
  t.equal(show(device.one(put('open/a', ...login))), 'ACK 2.04')
})

t.test('a banned device is told so, and its observations end', async t => {
  const { access, peer, work } = await site({ anonymous: 'always' })
  const device = peer(1)
  t.equal(show(device.one({ path: ['ps', 'a'], options: [OBSERVE], query: ['clientid=dev'] })), 'ACK 2.05')
  device.drain()
  let banned = false
  void access.ban('client_id', 'dev', '', undefined).then(() => (banned = true))
  await work(() => banned)
  t.match(device.drain().map(show), [/4\.03/])
  t.equal(show(device.one(put('a', 'clientid=dev'))), 'ACK 4.01')
  t.equal(show(device.one(put('a', 'clientid=other'))), 'ACK 2.04')
})
