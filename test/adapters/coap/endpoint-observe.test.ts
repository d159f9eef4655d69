import t from 'tap'
import type { Notification, Observer } from '#adapters/coap/index.ts'
import {
  blockOption,
  CODE,
  type CoapMessage,
  decodeBlock,
  findOption,
  findUint,
  METHOD,
  OPTION,
  TYPE,
  uintOption,
} from '#codecs/coap/index.ts'
import { endpointBench, type RawPeer, show, text } from './support/bench.ts'

const OBSERVE = uintOption(OPTION.Observe, 0)
const CANCEL = uintOption(OPTION.Observe, 1)

/** An endpoint with `/obs`, whose observers the test drives. */
function bench(limits = {}) {
  const made = endpointBench(limits)
  const observers: Observer[] = []
  const ends: string[] = []
  made.endpoint.add({
    path: ['obs'],
    handlers: {
      [METHOD.GET]: exchange => {
        const observer = exchange.observe(end => ends.push(end))
        if (observer !== undefined) observers.push(observer)
        exchange.respond({ code: CODE.Content, payload: Buffer.from('now') })
      },
    },
  })
  made.endpoint.add({
    path: ['refused'],
    handlers: {
      [METHOD.GET]: exchange => {
        exchange.observe(end => ends.push(end))
        exchange.respond({ code: CODE.Forbidden })
      },
    },
  })
  return { ...made, observers, ends }
}

const register = (device: RawPeer, token = Uint8Array.of(1)) => device.one({ path: ['obs'], token, options: [OBSERVE] })
const sequence = (message: CoapMessage) => findUint(message.options, OPTION.Observe)
const note = (payload: string, confirmable = false): Notification => ({ code: CODE.Content, payload: Buffer.from(payload), confirmable })

t.test('a registration is answered with Observe, and notifications carry rising numbers (TD_COAP_OBS_01)', async t => {
  const { peer, observers, endpoint } = bench()
  const device = peer()
  const answer = register(device)
  t.equal(show(answer), 'ACK 2.05 [now]')
  const first = sequence(answer)!
  observers[0].notify(note('a'))
  observers[0].notify(note('b'))
  t.same(
    device.drain().map(message => [show(message), sequence(message)! - first]),
    [
      ['ACK 2.05 [now]', 0],
      ['NON 2.05 [a]', 1],
      ['NON 2.05 [b]', 2],
    ],
  )
  t.equal(endpoint.load.observers, 1)
})

t.test('without the option, with another method, and where the resource refuses, nobody observes', async t => {
  const { peer, endpoint, ends } = bench()
  const device = peer()
  t.equal(sequence(device.one({ path: ['obs'] })), undefined)
  const refused = device.one({ path: ['refused'], options: [OBSERVE] })
  t.equal(show(refused), 'ACK 4.03')
  t.equal(sequence(refused), undefined)
  t.same(ends, ['ended'])
  t.equal(endpoint.load.observers, 0)
})

t.test('Observe=1 with the token cancels (TD_COAP_OBS_07), and the answer goes without Observe', async t => {
  const { peer, endpoint, ends } = bench()
  const device = peer()
  register(device, Uint8Array.of(1))
  register(device, Uint8Array.of(2))
  const answer = device.one({ path: ['obs'], token: Uint8Array.of(1), options: [CANCEL] })
  t.equal(sequence(answer), undefined)
  t.same(ends, ['cancelled'])
  t.equal(endpoint.load.observers, 1)
})

t.test('a registration with the same token replaces the one before', async t => {
  const { peer, endpoint, ends, observers } = bench()
  const device = peer()
  register(device)
  register(device)
  t.same(ends, ['replaced'])
  t.equal(endpoint.load.observers, 1)
  observers[1].notify(note('x'))
  t.equal(device.drain().pop()!.type, TYPE.NON)
})

t.test('RST to a Confirmable or a Non-confirmable notification cancels (TD_COAP_OBS_09)', async t => {
  for (const confirmable of [true, false]) {
    const { peer, endpoint, ends, observers } = bench()
    const device = peer()
    register(device)
    device.drain()
    observers[0].notify(note('x', confirmable))
    device.reset(device.drain()[0].messageId)
    t.same(ends, ['reset'])
    t.equal(endpoint.load.observers, 0)
    observers[0].notify(note('y'))
    t.same(device.drain(), [])
  }
})

t.test('Confirmable notifications go one after the other, each until its ACK', async t => {
  const { peer, observers, clock } = bench()
  const device = peer()
  register(device)
  device.drain()
  const settled: boolean[] = []
  for (const payload of ['a', 'b', 'c']) observers[0].notify({ ...note(payload, true), settled: ok => settled.push(ok) })
  t.same(device.inbox.map(show), ['CON 2.05 [a]'])
  clock.advance(3000)
  t.equal(device.inbox.length, 2, 'sent again')
  device.acknowledge(device.drain()[0].messageId)
  t.same(settled, [true])
  const b = device.drain()
  t.same(b.map(text), ['b'])
  device.acknowledge(b[0].messageId)
  device.acknowledge(device.drain()[0].messageId)
  t.same(settled, [true, true, true])
  t.same(device.drain(), [])
})

t.test('an observer that does not acknowledge is gone after the last attempt (TD_COAP_OBS_08)', async t => {
  const { peer, observers, clock, ends, endpoint } = bench()
  const device = peer()
  register(device)
  const settled: boolean[] = []
  for (const payload of ['a', 'b']) observers[0].notify({ ...note(payload, true), settled: ok => settled.push(ok) })
  clock.advance(100_000)
  t.same(ends, ['timed-out'])
  t.same(settled, [false, false])
  t.match(endpoint.counters, { observersLost: 1, transmissionTimeouts: 1 })
  t.equal(endpoint.load.observers, 0)
})

t.test('every so many notifications one is Confirmable (RFC 7641 §4.5)', async t => {
  const { peer, observers } = bench({ confirmEvery: 4 })
  const device = peer()
  register(device)
  device.drain()
  for (let i = 1; i <= 4; i++) observers[0].notify(note(String(i)))
  const types = device.drain()
  t.same(
    types.map(message => message.type),
    [TYPE.NON, TYPE.NON, TYPE.NON, TYPE.CON],
  )
  observers[0].notify(note('5'))
  t.same(device.drain(), [], 'it waits for the ACK')
  device.acknowledge(types[3].messageId)
  t.same(device.drain().map(show), ['NON 2.05 [5]'])
})

t.test('what waits for a slow observer is bounded: the oldest Non-confirmable goes, counted; Confirmable ones stay', async t => {
  const { peer, observers, endpoint } = bench({ notificationsMax: 3 })
  const device = peer()
  register(device)
  device.drain()
  const dropped: string[] = []
  const add = (payload: string, confirmable: boolean) =>
    observers[0].notify({ ...note(payload, confirmable), settled: ok => ok || dropped.push(payload) })
  add('c1', true)
  add('n1', false)
  add('c2', true)
  for (const payload of ['n2', 'n3', 'n4', 'n5']) add(payload, false)
  t.same(dropped, ['n1', 'n2'])
  t.equal(endpoint.counters.notificationsDropped, 2)
  device.acknowledge(device.drain()[0].messageId)
  device.acknowledge(device.drain()[0].messageId)
  t.same(device.drain().map(text), ['n3', 'n4', 'n5'])
})

t.test('a long notification is its first block; the next one waits until the rest was fetched (TD_COAP_OBS_10)', async t => {
  const { peer, observers, clock } = bench()
  const device = peer()
  register(device)
  device.drain()
  observers[0].notify(note('x'.repeat(2500)))
  observers[0].notify(note('next'))
  const [first] = device.drain()
  t.equal(first.payload.length, 1024)
  t.same(decodeBlock(findOption(first.options, OPTION.Block2)!), { num: 0, more: true, szx: 6 })
  t.equal(findUint(first.options, OPTION.Size2), 2500)
  const rest = [1, 2].map(num => device.one({ path: ['obs'], options: [blockOption(OPTION.Block2, { num, more: false, szx: 6 })] }))
  t.same(
    rest.map(message => message.payload.length),
    [1024, 452],
  )
  t.same(findOption(rest[1].options, OPTION.ETag), findOption(first.options, OPTION.ETag))
  device.drain()
  clock.settle()
  t.same(device.drain().map(show), ['NON 2.05 [next]'])
})

t.test('a client that does not fetch the rest holds up what follows for a few seconds only', async t => {
  const { peer, observers, clock } = bench()
  const device = peer()
  register(device)
  device.drain()
  observers[0].notify(note('x'.repeat(2500)))
  observers[0].notify(note('next'))
  device.drain()
  clock.advance(4900)
  t.same(device.drain(), [])
  clock.advance(200)
  t.same(device.drain().map(show), ['NON 2.05 [next]'])
})

t.test('an end with a final answer tells the client, without Observe (TD_COAP_OBS_05)', async t => {
  const { peer, observers, endpoint } = bench()
  const device = peer()
  register(device)
  device.drain()
  observers[0].end('ended', { code: CODE.NotFound })
  const [final] = device.drain()
  t.equal(show(final), 'NON 4.04')
  t.equal(sequence(final), undefined)
  t.same(final.token, Buffer.of(1))
  t.equal(endpoint.load.observers, 0)
})

t.test('observers are bounded, by peer and overall: the answer then goes without Observe', async t => {
  const { peer, endpoint } = bench({ observersPerPeerMax: 2, observersMax: 3 })
  const device = peer(1)
  for (const token of [1, 2, 3]) register(device, Uint8Array.of(token))
  t.equal(endpoint.load.observers, 2)
  t.equal(sequence(device.inbox[0]), undefined)
  register(peer(2), Uint8Array.of(1))
  t.equal(sequence(register(peer(2), Uint8Array.of(2))), undefined)
  t.equal(endpoint.load.observers, 3)
})

t.test('an observer without a sign of life for long is asked, and gone if it does not answer', async t => {
  const { peer, clock, endpoint, ends } = bench({ observerSilenceMs: 60_000 })
  const there = peer(1)
  const away = peer(2)
  register(there)
  register(away)
  there.drain()
  for (let second = 0; second < 200; second++) {
    clock.advance(1000)
    for (const message of there.drain()) if (message.type === TYPE.CON) there.reset(message.messageId)
  }
  t.same(ends, ['timed-out'])
  t.equal(endpoint.load.observers, 1)
})

t.test('a peer with an observer is not forgotten while it observes', async t => {
  const { peer, clock, observers, endpoint } = bench()
  const device = peer()
  register(device)
  device.drain()
  clock.advance(3_600_000)
  t.equal(endpoint.load.peers, 1)
  observers[0].notify(note('still here'))
  t.same(device.drain().map(text), ['still here'])
})

t.test('close tells observers to look elsewhere', async t => {
  const { peer, endpoint, ends } = bench()
  const device = peer()
  register(device)
  device.drain()
  endpoint.close()
  t.same(device.drain().map(show), ['NON 5.03'])
  t.same(ends, ['stopped'])
})
