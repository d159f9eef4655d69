import t from 'tap'
import { Message } from '#broker/ports.ts'
import { CODE, findOption, findUint, METHOD, OPTION, TYPE, uintOption } from '#codecs/coap/index.ts'
import { engineBench, type RawPeer, show, text } from './support/bench.ts'

const OBSERVE = uintOption(OPTION.Observe, 0)
const put = { code: METHOD.PUT, payload: 'x' }
const ps = (topic: string) => ['ps', ...topic.split('/')]
const message = (topic: string, payload: string, more: object = {}) =>
  Message.from({ topic, payload: Buffer.from(payload), qos: 1, ...more })
const subscribe = (device: RawPeer, topic: string, query: string[] = [], token = Uint8Array.of(7)) =>
  device.one({ path: ps(topic), query, options: [OBSERVE], token })

t.test('PUT and POST publish: Confirmable is QoS 1, Non-confirmable QoS 0, unless qos= says otherwise', async t => {
  const { broker, peer } = engineBench()
  const device = peer()
  t.equal(show(device.one({ ...put, path: ps('a/b') })), 'ACK 2.04')
  t.equal(show(device.one({ ...put, code: METHOD.POST, path: ps('a/c'), type: TYPE.NON })), 'NON 2.04')
  device.one({ ...put, path: ps('d'), query: ['qos=0'] })
  device.one({ ...put, path: ps('e'), query: ['qos=2', 'retain=true'], type: TYPE.NON })
  t.same(
    broker.published.map(each => [each.topic, text(each), each.qos, each.retain]),
    [
      ['a/b', 'x', 1, false],
      ['a/c', 'x', 0, false],
      ['d', 'x', 0, false],
      ['e', 'x', 2, true],
    ],
  )
})

t.test('2.04 leaves only after the commit; an empty ACK goes before', async t => {
  const { broker, peer, clock } = engineBench()
  broker.autoCommit = false
  const device = peer()
  t.same(device.ask({ ...put, path: ps('a') }), [])
  t.same(device.ask({ ...put, path: ps('b') }), [])
  t.equal(broker.published.length, 2)
  broker.commit()
  t.same(device.drain().map(show), ['ACK 2.04', 'ACK 2.04'], 'a quick commit: piggybacked')
  t.same(device.ask({ ...put, path: ps('c') }), [])
  clock.advance(1000)
  t.same(device.drain().map(show), ['ACK 0.00'])
  broker.commit()
  t.same(device.drain().map(show), ['CON 2.04'])
})

t.test('a duplicate of a Confirmable PUT is answered and never published twice', async t => {
  const { broker, peer } = engineBench()
  broker.autoCommit = false
  const device = peer()
  const request = device.encode({ ...put, path: ps('a') })
  device.sendBytes(request)
  device.sendBytes(request)
  broker.commit()
  device.sendBytes(request)
  t.same(device.drain().map(show), ['ACK 2.04', 'ACK 2.04'])
  t.equal(broker.published.length, 1)
})

t.test('a body in blocks is one message', async t => {
  const { broker, peer } = engineBench()
  const device = peer()
  const block = (num: number, value: number, payload: string) =>
    device.one({
      code: METHOD.PUT,
      path: ps('a'),
      options: [{ number: OPTION.Block1, value: Buffer.of(value) }],
      payload,
      messageId: 50 + num,
    })
  t.equal(block(0, 0x08, 'x'.repeat(16)).code, CODE.Continue)
  t.equal(block(1, 0x10, 'yz').code, CODE.Changed)
  t.same(broker.published.map(text), [`${'x'.repeat(16)}yz`])
})

t.test('topics: percent-escapes are resolved, empty levels count, wildcards and nothing at all get 4.00', async t => {
  const { broker, peer } = engineBench()
  const device = peer()
  const code = (path: string[]) => show(device.one({ ...put, path })).slice(0, 8)
  t.equal(code(['ps', 'a%2Fb']), 'ACK 2.04')
  t.equal(code(['ps', 'a/b', 'ä']), 'ACK 2.04')
  t.equal(code(['ps', 'a', '']), 'ACK 2.04')
  t.same(
    broker.published.map(each => each.topic),
    ['a/b', 'a/b/ä', 'a/'],
  )
  for (const bad of [['ps'], ['ps', ''], ['ps', 'a', '#'], ['ps', '+'], ['ps', '%2B'], ['ps', 'a\u0000'], ['ps', '%ff']]) {
    t.equal(code(bad), 'ACK 4.00', JSON.stringify(bad))
  }
})

t.test('query values that make no sense get 4.00, unknown names are passed over', async t => {
  const { broker, peer } = engineBench()
  const device = peer()
  const code = (...query: string[]) => device.one({ ...put, path: ps('a'), query }).code
  for (const bad of [
    'qos=3',
    'qos=',
    'qos',
    'retain=maybe',
    'expiry=-1',
    'expiry=1e3',
    'expiry=99999999999',
    'clientid=',
    'clientid=$coap:x',
    'clientid=%ff',
  ]) {
    t.equal(code(bad), CODE.BadRequest, bad)
  }
  t.equal(code('other=1', 'retain=0', 'expiry=4294967295'), CODE.Changed)
  t.equal(broker.published.length, 1)
})

t.test('expiry= and Content-Format travel with the message', async t => {
  const { broker, peer, clock } = engineBench()
  clock.advance(500)
  peer().one({ ...put, path: ps('a'), query: ['expiry=60'], options: [uintOption(OPTION.ContentFormat, 50)] })
  t.match(broker.published, [{ expiresAtMs: 60_500, properties: { contentType: 'application/json' } }])
})

t.test('refusals: access 4.01 or 4.03, broker full 5.03 with Max-Age, too much uncommitted 5.03 with Max-Age, too large 4.13', async t => {
  const { broker, peer } = engineBench({ payloadBytesMax: 100 })
  const device = peer()
  const answer = (topic: string, query: string[] = [], payload = 'x') => device.one({ code: METHOD.PUT, path: ps(topic), query, payload })
  broker.denied.add('secret')
  broker.passwords.set('ann', 'pw')
  t.equal(answer('secret').code, CODE.Unauthorized)
  t.equal(answer('secret', ['username=ann', 'password=pw']).code, CODE.Forbidden)
  t.equal(answer('a', ['username=ann', 'password=no']).code, CODE.Unauthorized)
  t.equal(answer('a', [], 'x'.repeat(101)).code, CODE.RequestEntityTooLarge)
  broker.refusal = 0x97
  const full = answer('a')
  t.equal(full.code, CODE.ServiceUnavailable)
  t.equal(findUint(full.options, OPTION.MaxAge), 60)
  broker.refusal = 0x90
  t.equal(answer('a').code, CODE.BadRequest)
  broker.refusal = 0
  broker.congested = true
  const congested = answer('a')
  t.equal(congested.code, CODE.ServiceUnavailable)
  t.equal(findUint(congested.options, OPTION.MaxAge), 10)
  t.equal(broker.published.length, 0)
})

t.test('GET reads the retained value with its format, ETag and rest of life; 4.04, 4.06, 2.03', async t => {
  const { broker, peer, clock } = engineBench()
  const device = peer()
  broker.publish(message('a', '{"t":1}', { retain: true, properties: { contentType: 'application/json' }, expiresAtMs: 90_000 }))
  clock.advance(30_500)
  const get = (topic: string, ...options: { number: number; value: Uint8Array }[]) => device.one({ path: ps(topic), options })
  const answer = get('a')
  t.equal(show(answer), 'ACK 2.05 [{"t":1}]')
  t.equal(findUint(answer.options, OPTION.ContentFormat), 50)
  t.equal(findUint(answer.options, OPTION.MaxAge), 59)
  const etag = { number: OPTION.ETag, value: findOption(answer.options, OPTION.ETag)! }
  const valid = get('a', etag)
  t.equal(show(valid), 'ACK 2.03')
  t.same(findOption(valid.options, OPTION.ETag), etag.value)
  t.equal(get('a', uintOption(OPTION.Accept, 50)).code, CODE.Content)
  t.equal(get('a', uintOption(OPTION.Accept, 60)).code, CODE.NotAcceptable)
  t.equal(get('none').code, CODE.NotFound)
  t.match(show(get('+')), /4\.00/)
  broker.denied.add('a')
  t.equal(get('a').code, CODE.Unauthorized)
  broker.denied.clear()
  clock.advance(60_000)
  t.equal(get('a').code, CODE.NotFound, 'its time is over')
})

t.test('DELETE clears the retained value and is answered once that is durable', async t => {
  const { broker, peer } = engineBench()
  const device = peer()
  broker.publish(message('a', 'x', { retain: true }))
  broker.autoCommit = false
  t.same(device.ask({ code: METHOD.DELETE, path: ps('a') }), [])
  broker.commit()
  t.same(device.drain().map(show), ['ACK 2.02'])
  t.equal(broker.retainedMessages.size, 0)
  t.match(broker.published.pop(), { topic: 'a', retain: true, qos: 1 })
})

t.test('If-Match and If-None-Match ask about the retained value (4.12)', async t => {
  const { broker, peer } = engineBench()
  const device = peer()
  const code = (number: number, value: Uint8Array = Buffer.alloc(0)) =>
    device.one({ ...put, path: ps('a'), query: ['retain=1'], options: [{ number, value }] }).code
  t.equal(code(OPTION.IfMatch), CODE.PreconditionFailed)
  t.equal(code(OPTION.IfNoneMatch), CODE.Changed)
  t.equal(code(OPTION.IfNoneMatch), CODE.PreconditionFailed)
  t.equal(code(OPTION.IfMatch), CODE.Changed)
  const etag = findOption(device.one({ path: ps('a') }).options, OPTION.ETag)!
  t.equal(code(OPTION.IfMatch, etag), CODE.Changed)
  t.equal(code(OPTION.IfMatch, Buffer.from('other')), CODE.PreconditionFailed)
  t.equal(broker.published.length, 3)
})

t.test('Observe subscribes: the retained value is the answer, messages are notifications, ACKs acknowledge', async t => {
  const { broker, peer, clock } = engineBench()
  broker.publish(message('a', 'kept', { retain: true }))
  const device = peer()
  const answer = subscribe(device, 'a')
  t.equal(show(answer), 'ACK 2.05 [kept]')
  t.ok(findOption(answer.options, OPTION.Observe))
  const client = broker.attached.get('$coap:127.0.0.1:40000')!
  t.match(client.subscribed.get('a'), { qos: 1, retainHandling: 2 })
  device.drain()
  broker.publish(message('a', 'one', { properties: { contentType: 'application/json' } }))
  const [notification] = device.drain()
  t.equal(show(notification), 'CON 2.05 [one]')
  t.same(notification.token, Buffer.of(7))
  t.equal(findUint(notification.options, OPTION.ContentFormat), 50)
  t.same(client.acknowledged, [])
  device.acknowledge(notification.messageId)
  clock.settle()
  t.same(client.acknowledged, ['one'])
  broker.publish(message('a', 'zero', { qos: 0 }))
  t.same(device.drain().map(show), ['NON 2.05 [zero]'])
})

t.test('a Non-confirmable registration, or qos=0, subscribes with QoS 0', async t => {
  const { broker, peer } = engineBench()
  peer(1).ask({ type: TYPE.NON, path: ps('a'), options: [OBSERVE] })
  subscribe(peer(2), 'a', ['qos=0'])
  subscribe(peer(3), 'a', ['qos=2'])
  t.same(
    [...broker.attached.values()].map(client => client.subscribed.get('a')?.qos),
    [0, 0, 1],
  )
})

t.test('a filter with wildcards: retained messages follow the answer, for each of several observers once', async t => {
  const { broker, peer, clock } = engineBench()
  broker.publish(message('s/1', 'one', { retain: true, qos: 0 }))
  broker.publish(message('s/2', 'two', { retain: true, qos: 0 }))
  const device = peer()
  for (const token of [1, 2]) {
    device.drain()
    device.ask({ path: ps('s/+'), options: [OBSERVE], token: Uint8Array.of(token) })
    clock.settle()
    t.same(
      device.drain().map(each => [show(each), each.token[0]]),
      [
        ['ACK 2.05', token],
        ['NON 2.05 [one]', token],
        ['NON 2.05 [two]', token],
      ],
    )
  }
  broker.publish(message('s/3', 'three', { qos: 0 }))
  t.same(
    device.drain().map(each => each.token[0]),
    [1, 2],
  )
})

t.test('Observe=1 and RST unsubscribe, when the last observer of the filter is gone', async t => {
  const { broker, peer } = engineBench()
  const device = peer()
  subscribe(device, 'a', [], Uint8Array.of(1))
  subscribe(device, 'a', [], Uint8Array.of(2))
  const client = broker.attached.get('$coap:127.0.0.1:40000')!
  const cancel = device.one({ path: ps('a'), token: Uint8Array.of(1), options: [uintOption(OPTION.Observe, 1)] })
  t.equal(show(cancel), 'ACK 2.05')
  t.equal(findOption(cancel.options, OPTION.Observe), undefined)
  t.equal(client.subscribed.size, 1)
  device.drain()
  broker.publish(message('a', 'x', { qos: 0 }))
  device.reset(device.drain()[0].messageId)
  t.equal(client.subscribed.size, 0)
})

t.test('a subscription that access refuses is answered 4.01 or 4.03 without Observe', async t => {
  const { broker, peer, engine } = engineBench()
  broker.denied.add('secret')
  const answer = subscribe(peer(), 'secret')
  t.equal(show(answer), 'ACK 4.01')
  t.equal(findOption(answer.options, OPTION.Observe), undefined)
  t.equal(engine.endpoint.load.observers, 0)
})

t.test('a dead observer: its messages are discarded, counted, and the subscription is gone', async t => {
  const { broker, peer, clock } = engineBench()
  const device = peer()
  subscribe(device, 'a')
  const client = broker.attached.get('$coap:127.0.0.1:40000')!
  for (let i = 0; i < 40; i++) broker.publish(message('a', String(i)))
  t.equal(client.inFlight.size, 16, 'the rest waits in the broker’s queue')
  clock.advance(120_000)
  t.equal(client.subscribed.size, 0)
  t.ok(broker.discarded.length >= 16)
  t.ok(broker.discarded.every(reason => reason === 'refused-by-recipient'))
})

t.test('forty messages in a row reach a QoS 1 observer in order', async t => {
  const { broker, peer, clock } = engineBench()
  const device = peer()
  subscribe(device, 'a')
  device.drain()
  for (let i = 0; i < 40; i++) broker.publish(message('a', String(i)))
  const got: string[] = []
  for (let round = 0; round < 60; round++) {
    for (const each of device.drain()) {
      got.push(text(each))
      device.acknowledge(each.messageId)
    }
    clock.settle()
  }
  t.same(
    got,
    Array.from({ length: 40 }, (_, i) => String(i)),
  )
})

t.test('a mountpoint stands before every topic', async t => {
  const { broker, peer } = engineBench({ mountpoint: 'site-a/' })
  const device = peer()
  device.one({ ...put, path: ps('t'), query: ['retain=1'] })
  t.equal(broker.published[0].topic, 'site-a/t')
  t.equal(show(device.one({ path: ps('t') })), 'ACK 2.05 [x]')
  subscribe(device, 't')
  t.ok([...broker.attached.values()][0].subscribed.has('site-a/t'))
})

t.test('methods that /ps does not have get 4.05, and discovery names it', async t => {
  const device = engineBench().peer()
  t.equal(device.one({ path: ps('a'), code: METHOD.PATCH }).code, CODE.MethodNotAllowed)
  t.equal(text(device.one({ path: ['.well-known', 'core'] })), '</ps>;rt="core.ps";obs')
})
