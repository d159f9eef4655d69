import t from 'tap'
import type { Observer } from '#adapters/coap/index.ts'
import { CODE, findOption, METHOD, OPTION, TYPE, uintOption } from '#codecs/coap/index.ts'
import { endpointBench, show } from './support/bench.ts'

function bench(limits = {}) {
  const made = endpointBench(limits)
  let writes = 0
  made.endpoint.add({
    path: ['big'],
    handlers: {
      [METHOD.GET]: exchange => {
        exchange.observe(() => {})
        exchange.respond({ code: CODE.Content, payload: Buffer.alloc(500, 'x') })
      },
      [METHOD.POST]: exchange => {
        writes++
        exchange.respond({ code: CODE.Changed, payload: Buffer.alloc(500, 'x') })
      },
    },
  })
  made.endpoint.add({ path: ['small'], handlers: { [METHOD.GET]: exchange => exchange.respond({ code: CODE.Content }) } })
  return { ...made, writes: () => writes }
}

const NO_BUDGET = { unverifiedBurstBytes: 0, unverifiedBytesPerSecond: 0 }
const REMOTE = false

t.test('an answer of more than three times the request goes to an unverified peer only after an Echo (RFC 9175 §2.4)', async t => {
  const { peer, endpoint } = bench(NO_BUDGET)
  const device = peer(1, REMOTE)
  const challenge = device.one({ path: ['big'] })
  t.equal(show(challenge), 'ACK 4.01')
  const value = findOption(challenge.options, OPTION.Echo)!
  t.equal(value.length, 12)
  t.equal(endpoint.counters.challenges, 1)
  t.equal(device.one({ path: ['big'], options: [{ number: OPTION.Echo, value }] }).payload.length, 500)
  t.equal(device.one({ path: ['big'] }).payload.length, 500, 'verified from then on')
})

t.test('small answers need no Echo', async t => {
  const device = bench(NO_BUDGET).peer(1, REMOTE)
  t.equal(show(device.one({ path: ['small'] })), 'ACK 2.05')
  t.equal(show(device.one({ path: ['none'] })), 'ACK 4.04')
})

t.test('an Echo of another peer, an old one and a made-up one verify nobody', async t => {
  const { peer, clock } = bench(NO_BUDGET)
  const value = findOption(peer(1, REMOTE).one({ path: ['big'] }).options, OPTION.Echo)!
  const echo = (from: number, echoed: Uint8Array) =>
    show(peer(from, REMOTE).one({ path: ['big'], options: [{ number: OPTION.Echo, value: echoed }] }))
  t.match(echo(2, value), '4.01')
  t.match(echo(2, Buffer.alloc(12)), '4.01')
  t.match(echo(2, Buffer.alloc(3)), '4.01')
  clock.advance(301_000)
  t.match(echo(1, value), '4.01')
})

t.test('plain clients are served from a budget that all unverified peers share and that fills up again', async t => {
  const { peer, clock } = bench({ unverifiedBurstBytes: 1200, unverifiedBytesPerSecond: 600 })
  t.equal(peer(1, REMOTE).one({ path: ['big'] }).code, CODE.Content)
  t.equal(peer(2, REMOTE).one({ path: ['big'] }).code, CODE.Content)
  t.equal(peer(3, REMOTE).one({ path: ['big'] }).code, CODE.Unauthorized)
  clock.advance(1000)
  t.equal(peer(4, REMOTE).one({ path: ['big'] }).code, CODE.Content)
})

t.test('a request that changes something is carried out once and answered short, not challenged', async t => {
  const { peer, writes } = bench(NO_BUDGET)
  t.equal(show(peer(1, REMOTE).one({ path: ['big'], code: METHOD.POST })), 'ACK 2.04')
  t.equal(writes(), 1)
})

t.test('a peer on loopback cannot have forged its address', async t => {
  t.equal(
    bench(NO_BUDGET)
      .peer(1)
      .one({ path: ['big'] }).payload.length,
    500,
  )
})

t.test('an observer from an unknown address is pinged, and its RST verifies it', async t => {
  const { peer } = bench({ unverifiedBurstBytes: 700, unverifiedBytesPerSecond: 0 })
  const device = peer(1, REMOTE)
  const answers = device.ask({ path: ['big'], options: [uintOption(OPTION.Observe, 0)] })
  t.same(
    answers.map(message => [message.type, message.code]),
    [
      [TYPE.CON, 0],
      [TYPE.ACK, CODE.Content],
    ],
  )
  device.reset(answers[0].messageId)
  t.equal(device.one({ path: ['big'] }).payload.length, 500)
})

t.test('notifications to an unverified peer are Confirmable, so that nobody is flooded who does not want them', async t => {
  const { endpoint, peer } = endpointBench()
  const observers: Observer[] = []
  endpoint.add({
    path: ['obs'],
    handlers: {
      [METHOD.GET]: exchange => {
        observers.push(exchange.observe(() => {})!)
        exchange.respond({ code: CODE.Content })
      },
    },
  })
  const device = peer(1, REMOTE)
  device.ask({ path: ['obs'], options: [uintOption(OPTION.Observe, 0)] })
  device.drain()
  const note = { code: CODE.Content, payload: Buffer.from('x'), confirmable: false }
  observers[0].notify(note)
  observers[0].notify(note)
  const [first, ...more] = device.drain()
  t.equal(first.type, TYPE.CON)
  t.same(more, [], 'the next waits')
  device.acknowledge(first.messageId)
  t.same(
    device.drain().map(message => message.type),
    [TYPE.NON],
  )
})

t.test('an acknowledgement of a message id that is in flight verifies, one that was made up does not', async t => {
  const { peer, clock, endpoint } = bench({ ...NO_BUDGET, unverifiedBurstBytes: 0 })
  const late: (() => void)[] = []
  endpoint.add({ path: ['late'], handlers: { [METHOD.GET]: exchange => late.push(() => exchange.respond({ code: CODE.Content })) } })
  const device = peer(1, REMOTE)
  device.ask({ path: ['late'] })
  clock.advance(1000)
  late[0]()
  device.acknowledge(1)
  t.equal(device.one({ path: ['big'] }).code, CODE.Unauthorized)
  device.drain()
  clock.advance(4000)
  device.acknowledge(device.drain()[0].messageId)
  t.equal(device.one({ path: ['big'] }).code, CODE.Content)
})
