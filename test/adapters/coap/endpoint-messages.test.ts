import t from 'tap'
import type { ServerExchange } from '#adapters/coap/index.ts'
import { CODE, METHOD, OPTION, TYPE, uintOption } from '#codecs/coap/index.ts'
import { endpointBench, show } from './support/bench.ts'

/** An endpoint with `/fast`, which answers at once, and `/slow`, which answers when the test says so. */
function bench(limits = {}) {
  const made = endpointBench(limits)
  const waiting: ServerExchange[] = []
  let calls = 0
  made.endpoint.add({
    path: ['fast'],
    handlers: {
      [METHOD.GET]: exchange => exchange.respond({ code: CODE.Content, payload: Buffer.from(`call ${++calls}`) }),
      [METHOD.PUT]: exchange => exchange.respond({ code: CODE.Changed, payload: Buffer.from(`call ${++calls}`) }),
    },
  })
  made.endpoint.add({ path: ['slow'], handlers: { [METHOD.PUT]: exchange => waiting.push(exchange) } })
  made.endpoint.add({
    path: ['broken'],
    handlers: {
      [METHOD.GET]: () => {
        throw new Error('a bug')
      },
    },
  })
  return { ...made, waiting, calls: () => calls }
}

t.test('a quick answer rides on the ACK, with the message id and token of the request (TD_COAP_CORE_01, 10, 11)', async t => {
  const { peer } = bench()
  const answer = peer().one({ path: ['fast'], messageId: 77, token: Uint8Array.of(9, 8, 7) })
  t.match(answer, { type: TYPE.ACK, code: CODE.Content, messageId: 77, token: Buffer.of(9, 8, 7) })
})

t.test('a Non-confirmable request gets a Non-confirmable answer with another message id (TD_COAP_CORE_05)', async t => {
  const { peer } = bench()
  t.match(peer().one({ type: TYPE.NON, path: ['fast'] }), { type: TYPE.NON, code: CODE.Content, token: Buffer.of(1, 2) })
})

t.test('a duplicate is answered with the same bytes and handled once', async t => {
  const { peer, endpoint, calls } = bench()
  const device = peer()
  const request = device.encode({ code: METHOD.PUT, path: ['fast'] })
  device.sendBytes(request)
  device.sendBytes(request)
  t.same(device.raw[0], device.raw[1])
  t.equal(calls(), 1)
  t.equal(endpoint.counters.duplicates, 1)
})

t.test('a duplicate is recognised from the first reception on, before there is an answer', async t => {
  const { peer, waiting, clock } = bench()
  const device = peer()
  const request = device.encode({ code: METHOD.PUT, path: ['slow'], messageId: 5 })
  device.sendBytes(request)
  device.sendBytes(request)
  t.equal(waiting.length, 1)
  t.same(device.drain(), [], 'nothing to repeat yet')
  clock.advance(1000)
  t.same(device.drain().map(show), ['ACK 0.00'])
  device.sendBytes(request)
  t.same(device.drain().map(show), ['ACK 0.00'], 'the empty ACK again')
  t.equal(waiting.length, 1)
})

t.test('a Non-confirmable duplicate is dropped', async t => {
  const { peer, calls } = bench()
  const device = peer()
  const request = device.encode({ type: TYPE.NON, code: METHOD.PUT, path: ['fast'] })
  device.sendBytes(request)
  device.sendBytes(request)
  t.equal(device.inbox.length, 1)
  t.equal(calls(), 1)
})

t.test('message ids belong to their peer and their time: other peer, other content or a later day is no duplicate', async t => {
  const { peer, calls, clock } = bench()
  const one = peer(1)
  const ask = { code: METHOD.PUT, path: ['fast'], messageId: 9 }
  one.ask(ask)
  peer(2).ask(ask)
  t.equal(calls(), 2)
  one.ask({ ...ask, payload: 'the device has started anew and counts from 9 again' })
  t.equal(calls(), 3)
  one.ask({ ...ask, payload: 'the device has started anew and counts from 9 again' })
  t.equal(calls(), 3)
  clock.advance(247_001)
  one.ask({ ...ask, payload: 'the device has started anew and counts from 9 again' })
  t.equal(calls(), 4)
})

t.test('an answer that takes its time: empty ACK before ACK_TIMEOUT, then a Confirmable response (TD_COAP_CORE_09, 16)', async t => {
  const { peer, clock, waiting, endpoint } = bench()
  const device = peer()
  device.ask({ code: METHOD.PUT, path: ['slow'], messageId: 5 })
  t.equal(endpoint.load.pending, 1)
  clock.advance(999)
  t.same(device.inbox, [])
  clock.advance(1)
  t.match(device.drain(), [{ type: TYPE.ACK, code: 0, messageId: 5, token: Buffer.alloc(0) }])
  clock.advance(60_000)
  waiting[0].respond({ code: CODE.Changed })
  const [response] = device.drain()
  t.match(response, { type: TYPE.CON, code: CODE.Changed, token: Buffer.of(1, 2) })
  device.acknowledge(response.messageId)
  clock.advance(300_000)
  t.same(device.inbox, [])
  t.equal(endpoint.load.pending, 0)
})

t.test('an answer within the delay still rides on the ACK, and the timer has nothing to say', async t => {
  const { peer, clock, waiting, endpoint } = bench()
  const device = peer()
  device.ask({ code: METHOD.PUT, path: ['slow'] })
  device.ask({ code: METHOD.PUT, path: ['slow'] })
  clock.advance(500)
  for (const exchange of waiting) exchange.respond({ code: CODE.Changed })
  t.same(device.drain().map(show), ['ACK 2.04', 'ACK 2.04'])
  clock.advance(5000)
  t.same(device.drain(), [])
  t.equal(endpoint.counters.emptyAcks, 0)
})

t.test('a separate response is sent again with doubling pauses, five times in all (RFC 7252 §4.2)', async t => {
  const { peer, clock, waiting, endpoint } = bench()
  const device = peer()
  device.ask({ code: METHOD.PUT, path: ['slow'] })
  clock.advance(1000)
  device.drain()
  waiting[0].respond({ code: CODE.Changed })
  const times: number[] = []
  const begin = clock.monotonic()
  for (let step = 0; step < 1000; step++) {
    for (const _ of device.drain()) times.push(clock.monotonic() - begin)
    clock.advance(100)
  }
  t.equal(times.length, 5)
  t.equal(times[0], 0)
  t.ok(times[1] >= 2000 && times[1] <= 3100, `first pause ${times[1]}`)
  for (const at of [2, 3, 4]) t.ok(Math.abs((times[at] - times[at - 1]) / (times[at - 1] - times[at - 2]) - 2) < 0.15)
  t.equal(endpoint.counters.transmissionTimeouts, 1)
})

t.test('NSTART: one Confirmable message at a time to a peer, others do not wait for it', async t => {
  const { peer, clock, waiting } = bench()
  const one = peer(1)
  const two = peer(2)
  one.ask({ code: METHOD.PUT, path: ['slow'] })
  one.ask({ code: METHOD.PUT, path: ['slow'] })
  two.ask({ code: METHOD.PUT, path: ['slow'] })
  clock.advance(1000)
  one.drain()
  two.drain()
  for (const exchange of waiting) exchange.respond({ code: CODE.Changed })
  t.equal(one.inbox.length, 1)
  t.equal(two.inbox.length, 1)
  one.acknowledge(one.drain()[0].messageId)
  t.same(one.drain().map(show), ['CON 2.04'])
})

t.test('ping is answered with RST (TD_COAP_CORE_31)', async t => {
  const { peer } = bench()
  const device = peer()
  device.sendBytes(Buffer.from('40001234', 'hex'))
  t.match(device.drain(), [{ type: TYPE.RST, messageId: 0x1234 }])
  device.sendBytes(Buffer.from('50001234', 'hex'))
  t.same(device.drain(), [], 'an Empty Non-confirmable message means nothing')
})

t.test('what is malformed is rejected when Confirmable and ignored otherwise; other versions always', async t => {
  const { peer, endpoint } = bench()
  const device = peer()
  for (const bad of ['49010007', '40010007ff', '40200007', '40010007f0']) {
    device.sendBytes(Buffer.from(bad, 'hex'))
    t.match(device.drain(), [{ type: TYPE.RST, messageId: 7 }], bad)
  }
  for (const silent of ['59010007', '50010007ff', '80010007', '40', '60010007', '70450007', '60450007', '70000007']) {
    device.sendBytes(Buffer.from(silent, 'hex'))
    t.same(device.drain(), [], silent)
  }
  t.match(endpoint.counters, { malformed: 8, ignored: 2, unexpected: 2 })
})

t.test('a response that nobody asked for is rejected when Confirmable', async t => {
  const { peer, endpoint } = bench()
  const device = peer()
  device.sendBytes(Buffer.from('41450007aa', 'hex'))
  t.match(device.drain(), [{ type: TYPE.RST, messageId: 7 }])
  t.equal(endpoint.counters.unexpected, 1)
})

t.test('No-Response: the unwanted classes stay unsaid, a Confirmable request is still acknowledged (RFC 7967)', async t => {
  const { peer } = bench()
  const device = peer()
  const quiet = (value: number) => [uintOption(OPTION.NoResponse, value)]
  t.same(device.ask({ code: METHOD.PUT, path: ['fast'], options: quiet(2) }).map(show), ['ACK 0.00'])
  t.same(device.ask({ type: TYPE.NON, code: METHOD.PUT, path: ['fast'], options: quiet(26) }), [])
  t.same(device.ask({ type: TYPE.NON, path: ['none'], options: quiet(2) }).map(show), ['NON 4.04'])
  t.same(device.ask({ type: TYPE.NON, path: ['none'], options: quiet(8) }), [])
})

t.test('a resource that throws is our bug: the peer gets 5.00 and everything goes on', async t => {
  const { peer, endpoint } = bench()
  const device = peer()
  t.equal(show(device.one({ path: ['broken'] })), 'ACK 5.00')
  t.equal(show(device.one({ path: ['fast'] })), 'ACK 2.05 [call 1]')
  t.equal(endpoint.counters.handlerErrors, 1)
})

t.test('too many requests without an answer: newcomers get 5.03 with Max-Age', async t => {
  const { peer } = bench({ pendingMax: 2 })
  const device = peer()
  device.ask({ code: METHOD.PUT, path: ['slow'] })
  device.ask({ code: METHOD.PUT, path: ['slow'] })
  const answer = device.one({ code: METHOD.PUT, path: ['slow'] })
  t.equal(answer.code, CODE.ServiceUnavailable)
  t.equal(answer.options[0].number, OPTION.MaxAge)
})

t.test('peers are bounded: the longest idle goes, and idle ones are forgotten in time', async t => {
  const { peer, endpoint, clock } = bench({ peersMax: 3 })
  for (let port = 1; port <= 10; port++) {
    peer(port).ask({ path: ['fast'] })
    clock.advance(10)
  }
  t.equal(endpoint.load.peers, 3)
  t.equal(endpoint.counters.peersForgotten, 7)
  clock.advance(300_000)
  t.equal(endpoint.load.peers, 0)
})

t.test('after close nothing is answered', async t => {
  const { peer, endpoint } = bench()
  endpoint.close()
  endpoint.close()
  t.same(peer().ask({ path: ['fast'] }), [])
})
