import t from 'tap'
import { CODE, FORMAT, METHOD, OPTION, stringOption, TYPE, uintOption } from '#codecs/coap/index.ts'
import { endpointBench, show, text } from './support/bench.ts'

function bench() {
  const made = endpointBench()
  const seen: unknown[] = []
  made.endpoint.add({
    path: ['r'],
    formats: [FORMAT.Text],
    handlers: {
      [METHOD.GET]: exchange => {
        seen.push(exchange.request)
        exchange.respond({ code: CODE.Content })
      },
      [METHOD.PUT]: exchange => exchange.respond({ code: CODE.Changed }),
    },
    attributes: { rt: 'x' },
  })
  made.endpoint.add({ path: ['tree'], subtree: true, handlers: { [METHOD.GET]: exchange => exchange.respond({ code: CODE.Content }) } })
  return { ...made, seen }
}

t.test('unknown paths get 4.04, unknown methods 4.05, wrong formats 4.15 (TD_COAP_CORE_12)', async t => {
  const device = bench().peer()
  const code = (ask: object) => show(device.one(ask))
  t.equal(code({ path: ['none'] }), 'ACK 4.04')
  t.equal(code({}), 'ACK 4.04')
  t.equal(code({ path: ['r'], code: METHOD.DELETE }), 'ACK 4.05')
  t.equal(code({ path: ['r'], code: METHOD.FETCH }), 'ACK 4.05')
  t.equal(code({ path: ['r'], code: 31 }), 'ACK 4.05', 'a method that nobody has defined')
  t.equal(code({ path: ['r'], code: METHOD.PUT, options: [uintOption(OPTION.ContentFormat, 50)] }), 'ACK 4.15')
  t.equal(code({ path: ['r'], code: METHOD.PUT, options: [uintOption(OPTION.ContentFormat, 0)] }), 'ACK 2.04')
  t.equal(code({ path: ['r', 'x'] }), 'ACK 4.04')
  t.equal(code({ path: ['tree', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'] }), 'ACK 2.05')
  t.equal(code({ path: ['tree'] }), 'ACK 2.05')
})

t.test('critical options that are unknown, repeated or of wrong length get 4.02 (TD_COAP_CORE_14)', async t => {
  const { peer, endpoint } = bench()
  const device = peer()
  const bad = (...options: { number: number; value: Uint8Array }[]) => show(device.one({ path: ['r'], options }))
  t.equal(bad({ number: 9, value: Buffer.of(1) }), 'ACK 4.02 [option 9]')
  t.equal(bad({ number: 2049, value: Buffer.of(1) }), 'ACK 4.02 [option 2049]')
  t.equal(bad(uintOption(OPTION.Accept, 0), uintOption(OPTION.Accept, 0)), 'ACK 4.02 [option Accept]')
  t.equal(bad({ number: OPTION.Accept, value: Buffer.of(1, 2, 3) }), 'ACK 4.02 [option Accept]')
  t.equal(bad({ number: OPTION.IfNoneMatch, value: Buffer.of(1) }), 'ACK 4.02 [option If-None-Match]')
  t.equal(bad({ number: OPTION.UriHost, value: Buffer.alloc(0) }), 'ACK 4.02 [option Uri-Host]')
  t.equal(endpoint.counters.badOptions, 6)
  t.same(device.ask({ type: TYPE.NON, path: ['r'], options: [{ number: 9, value: Buffer.of(1) }] }), [], 'Non-confirmable: ignored')
})

t.test('elective options that are unknown, repeated or of wrong length are passed over', async t => {
  const { peer, seen } = bench()
  const options = [
    { number: 2, value: Buffer.of(1) },
    uintOption(OPTION.ContentFormat, 0),
    uintOption(OPTION.ContentFormat, 50),
    { number: OPTION.MaxAge, value: Buffer.alloc(5) },
    { number: OPTION.Observe, value: Buffer.alloc(4) },
  ]
  t.equal(show(peer().one({ path: ['r'], options })), 'ACK 2.05')
  t.match(seen, [{ contentFormat: 0, observe: undefined }])
})

t.test('a proxy is not what this is: 5.05', async t => {
  const device = bench().peer()
  t.match(show(device.one({ options: [stringOption(OPTION.ProxyUri, 'coap://example.org/x')] })), 'ACK 5.05')
  t.match(show(device.one({ path: ['r'], options: [stringOption(OPTION.ProxyScheme, 'http')] })), 'ACK 5.05')
})

t.test('paths and queries that are not UTF-8, and block exponent 7, get 4.00', async t => {
  const device = bench().peer()
  t.match(show(device.one({ options: [{ number: OPTION.UriPath, value: Buffer.of(0xff) }] })), /4\.00/)
  t.match(show(device.one({ path: ['r'], options: [{ number: OPTION.UriQuery, value: Buffer.of(0xc0) }] })), /4\.00/)
  t.match(show(device.one({ path: ['r'], options: [{ number: OPTION.Block2, value: Buffer.of(7) }] })), /4\.00/)
})

t.test('the resources are listed at /.well-known/core, filtered by query (TD_COAP_LINK_01-09)', async t => {
  const device = bench().peer()
  const core = (...query: string[]) => device.one({ path: ['.well-known', 'core'], query })
  t.equal(text(core()), '</r>;rt="x"')
  t.match(core().options, [{ number: OPTION.ContentFormat, value: Buffer.of(40) }])
  t.equal(text(core('rt=x')), '</r>;rt="x"')
  t.equal(text(core('rt=y')), '')
  const accept = (format: number) => device.one({ path: ['.well-known', 'core'], options: [uintOption(OPTION.Accept, format)] })
  t.equal(show(accept(50)), 'ACK 4.06')
  t.equal(accept(40).code, CODE.Content)
})

t.test('a resource that was removed is gone', async t => {
  const { endpoint, peer } = endpointBench()
  const resource = { path: ['x'], handlers: {} }
  endpoint.add(resource)
  t.equal(show(peer().one({ path: ['x'] })), 'ACK 4.05')
  endpoint.remove(resource)
  t.equal(show(peer().one({ path: ['x'] })), 'ACK 4.04')
})
