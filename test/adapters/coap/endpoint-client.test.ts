import t from 'tap'
import { CoapEndpoint, type EndpointLimits, type Notification, type Observer, type ReceivedResponse } from '#adapters/coap/index.ts'
import { isGatewayError } from '#base/errors.ts'
import { CODE, encodeMessage, METHOD, OPTION, TYPE } from '#codecs/coap/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { endpointBench, show, text } from './support/bench.ts'

/** Two endpoints and the datagrams between them, of which the test may lose some. */
function pair(limits: Partial<EndpointLimits> = {}, loopback = true) {
  const clock = new VirtualClock(5)
  let lose: (bytes: Uint8Array, fromClient: boolean) => boolean = () => false
  let datagrams = 0
  const wire = (to: () => CoapEndpoint, port: number) => ({
    send: (bytes: Uint8Array) => {
      datagrams++
      if (lose(bytes, port === 1)) return
      const copy = bytes.slice()
      clock.setTimer(10, () => to().receive(copy, { address: '192.0.2.1', port, loopback }))
    },
  })
  const client: CoapEndpoint = new CoapEndpoint(
    wire(() => server, 1),
    clock,
  )
  const server: CoapEndpoint = new CoapEndpoint(
    wire(() => client, 2),
    clock,
    limits,
  )
  const bodies: string[] = []
  const observers: Observer[] = []
  server.add({
    path: ['r'],
    handlers: {
      [METHOD.GET]: exchange => {
        const observer = exchange.observe(() => {})
        if (observer !== undefined) observers.push(observer)
        exchange.respond({ code: CODE.Content, payload: Buffer.alloc(3000, 'r'), contentFormat: 0 })
      },
      [METHOD.PUT]: exchange => {
        bodies.push(text(exchange.request))
        exchange.respond({ code: CODE.Changed })
      },
      [METHOD.POST]: exchange => void clock.setTimer(30_000, () => exchange.respond({ code: CODE.Created, payload: Buffer.from('late') })),
    },
  })
  const remote = { address: '192.0.2.1', port: 2, loopback }
  /** Lets time pass until a promise is settled. */
  const wait = async <T>(promise: Promise<T>): Promise<T> => {
    let open = true
    const settled = promise.finally(() => {
      open = false
    })
    settled.catch(() => {})
    for (let step = 0; open && step < 20_000; step++) {
      clock.advance(10)
      await new Promise(resolve => setImmediate(resolve))
    }
    return settled
  }
  const setLoss = (loss: typeof lose) => {
    lose = loss
  }
  return { clock, client, server, remote, bodies, observers, wait, setLoss, datagrams: () => datagrams }
}

const note = (payload: string, confirmable = true): Notification => ({ code: CODE.Content, payload: Buffer.from(payload), confirmable })

t.test('a request and its answer, long bodies in blocks both ways', async t => {
  const { client, remote, wait, bodies } = pair()
  const read = await wait(client.request(remote, { code: METHOD.GET, path: ['r'] }))
  t.match(read, { code: CODE.Content, contentFormat: 0 })
  t.equal(text(read), 'r'.repeat(3000))
  for (const szx of [0, 3, 6]) {
    const wrote = await wait(client.request(remote, { code: METHOD.PUT, path: ['r'], payload: Buffer.alloc(2500, 'w'), szx }))
    t.equal(wrote.code, CODE.Changed)
  }
  t.same(bodies, Array(3).fill('w'.repeat(2500)))
})

t.test('a server that wants smaller blocks gets them', async t => {
  const { client, remote, wait, bodies } = pair({ szxMax: 1 })
  const wrote = await wait(client.request(remote, { code: METHOD.PUT, path: ['r'], payload: Buffer.alloc(2500, 'w') }))
  t.equal(wrote.code, CODE.Changed)
  t.same(bodies, ['w'.repeat(2500)])
})

t.test('an answer that takes 30 s comes in a message of its own and is acknowledged', async t => {
  const { client, server, remote, wait, clock } = pair()
  t.equal(text(await wait(client.request(remote, { code: METHOD.POST, path: ['r'] }))), 'late')
  clock.advance(100_000)
  t.match(server.counters, { emptyAcks: 1, retransmissions: 0, transmissionTimeouts: 0 })
})

t.test('a third of all datagrams is lost: everything arrives, once (TD_COAP_CORE_21-23)', async t => {
  const { client, remote, wait, bodies, setLoss, clock } = pair()
  setLoss(() => clock.random() < 0.33)
  let failed = 0
  for (let i = 0; i < 40; i++) {
    try {
      await wait(client.request(remote, { code: METHOD.PUT, path: ['r'], payload: Buffer.from(String(i)) }))
    } catch {
      failed++
    }
  }
  t.same(bodies, [...new Set(bodies)])
  t.ok(bodies.length >= 40 - failed, `${bodies.length} of 40, ${failed} given up`)
  t.ok(failed < 5)
})

t.test('nobody there: time-out after five attempts; a rejection fails at once', async t => {
  const { client, remote, wait, setLoss, datagrams } = pair()
  setLoss(() => true)
  await t.rejects(wait(client.request(remote, { code: METHOD.GET, path: ['r'] })), { code: 'timeout', retryable: true })
  t.equal(datagrams(), 5)
  t.equal(client.load.requests, 0)
  const { endpoint, peer } = endpointBench()
  const raw = peer()
  const asked = endpoint.request(raw.remote, { code: METHOD.GET, path: ['x'] })
  raw.reset(raw.drain()[0].messageId)
  await t.rejects(asked, { code: 'refused' })
})

t.test('the request is lost and the answer was: the response in a message of its own stands for the lost ACK', async t => {
  const { endpoint, peer } = endpointBench()
  const raw = peer()
  const asked = endpoint.request(raw.remote, { code: METHOD.GET, path: ['x'] })
  const [request] = raw.drain()
  const response = { type: TYPE.CON, code: CODE.Content, messageId: 9, token: request.token, options: [], payload: Buffer.from('x') }
  raw.sendBytes(encodeMessage(response))
  t.same(raw.drain().map(show), ['ACK 0.00'])
  t.equal(text(await asked), 'x')
  raw.sendBytes(encodeMessage(response))
  t.same(raw.drain().map(show), ['ACK 0.00'], 'its duplicate is acknowledged again')
})

t.test('an ACK without response, then silence: time-out', async t => {
  const { endpoint, peer, clock } = endpointBench()
  const raw = peer()
  const asked = endpoint.request(raw.remote, { code: METHOD.GET, path: ['x'], timeoutMs: 5000 })
  raw.acknowledge(raw.drain()[0].messageId)
  clock.advance(5001)
  await t.rejects(asked, { code: 'timeout' })
})

t.test('a Non-confirmable request is sent once', async t => {
  const { endpoint, peer, clock } = endpointBench()
  const raw = peer()
  const asked = endpoint.request(raw.remote, { code: METHOD.GET, path: ['x'], confirmable: false, timeoutMs: 5000 })
  clock.advance(5001)
  t.equal(raw.inbox.length, 1)
  await t.rejects(asked, { code: 'timeout' })
})

t.test('a response from another address or with another token is nobody’s', async t => {
  const { endpoint, peer, clock } = endpointBench()
  const raw = peer(1)
  const asked = endpoint.request(raw.remote, { code: METHOD.GET, path: ['x'], timeoutMs: 1000 })
  const [request] = raw.drain()
  const response = { type: TYPE.CON, code: CODE.Content, messageId: 9, options: [], payload: Buffer.from('x') }
  peer(2).sendBytes(encodeMessage({ ...response, token: request.token }))
  raw.sendBytes(encodeMessage({ ...response, token: Buffer.of(1, 2, 3) }))
  t.same([...raw.drain(), ...peer(2).drain()].map(show), ['RST 0.00', 'RST 0.00'])
  clock.advance(100_000)
  await t.rejects(asked, { code: 'timeout' })
})

t.test('a response with an unknown critical option is rejected', async t => {
  const { endpoint, peer } = endpointBench()
  const raw = peer()
  const asked = endpoint.request(raw.remote, { code: METHOD.GET, path: ['x'] })
  const [{ token }] = raw.drain()
  const options = [{ number: 9, value: Buffer.of(1) }]
  raw.sendBytes(encodeMessage({ type: TYPE.CON, code: CODE.Content, messageId: 9, token, options, payload: Buffer.alloc(0) }))
  await t.rejects(asked, { code: 'decode-unsupported' })
  t.match(raw.drain().pop(), { type: TYPE.RST, messageId: 9 })
})

t.test('an Echo that is asked for is given (RFC 9175)', async t => {
  const { client, server, remote, wait } = pair({ unverifiedBurstBytes: 0, unverifiedBytesPerSecond: 0 }, false)
  t.equal((await wait(client.request(remote, { code: METHOD.GET, path: ['r'] }))).payload.length, 3000)
  t.equal(server.counters.challenges, 1)
})

t.test('an observation: first value, notifications in order with their blocks, cancel', async t => {
  const { client, server, remote, wait, observers, clock } = pair()
  const seen: ReceivedResponse[] = []
  let ended = false
  const observation = await wait(
    client.observe(
      remote,
      { code: METHOD.GET, path: ['r'] },
      response => seen.push(response),
      () => {
        ended = true
      },
    ),
  )
  t.equal(observation.response.payload.length, 3000)
  t.ok(observation.active)
  for (const payload of ['a', 'b'.repeat(2000), 'c']) {
    observers[0].notify(note(payload))
    for (let step = 0; step < 50; step++) {
      clock.advance(20)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  t.same(
    seen.map(response => response.payload.length),
    [1, 2000, 1],
  )
  await wait(observation.cancel())
  t.ok(ended)
  t.equal(server.load.observers, 0)
  t.equal(client.load.requests, 0)
})

t.test('a notification that was overtaken on the way is left out (RFC 7641 §3.4)', async t => {
  const { endpoint, peer, clock } = endpointBench()
  const raw = peer()
  const seen: string[] = []
  const started = endpoint.observe(raw.remote, { code: METHOD.GET, path: ['x'] }, response => seen.push(text(response)))
  const [{ token, messageId }] = raw.drain()
  const notify = async (sequence: number, id: number, type: 0 | 1 | 2 = TYPE.NON) => {
    const options = [{ number: OPTION.Observe, value: Buffer.of(sequence >> 8, sequence & 255) }]
    raw.sendBytes(encodeMessage({ type, code: CODE.Content, messageId: id, token, options, payload: Buffer.from(String(sequence)) }))
    await new Promise(resolve => setImmediate(resolve))
  }
  await notify(1000, messageId, TYPE.ACK)
  await started
  await notify(1002, 2)
  await notify(1001, 3)
  await notify(1003, 4)
  t.same(seen, ['1002', '1003'])
  clock.advance(129_000)
  await notify(5, 5)
  t.same(seen, ['1002', '1003', '5'], 'after 128 s any is newer')
})

t.test('a server that does not know Observe: one answer and no more', async t => {
  const { endpoint, peer } = endpointBench()
  const raw = peer()
  const started = endpoint.observe(raw.remote, { code: METHOD.GET, path: ['x'] }, () => {})
  const [{ token, messageId }] = raw.drain()
  raw.sendBytes(encodeMessage({ type: TYPE.ACK, code: CODE.Content, messageId, token, options: [], payload: Buffer.from('x') }))
  const observation = await started
  t.equal(text(observation.response), 'x')
  t.notOk(observation.active)
})

t.test('close fails what is waiting', async t => {
  const { client, remote, setLoss } = pair()
  setLoss(() => true)
  const asked = client.request(remote, { code: METHOD.GET, path: ['r'] })
  await Promise.resolve()
  client.close()
  try {
    await asked
    t.fail('it must not resolve')
  } catch (error) {
    t.ok(isGatewayError(error, 'server-busy'))
  }
})
