import t from 'tap'
import { endpointUrl, parseServerUrl, readProxyUrl, readServerUrl } from '#clients/mqtt/index.ts'

t.test('URLs of servers are read', async t => {
  const cases: [string, string][] = [
    ['mqtt://host', 'mqtt://host:1883'],
    ['mqtts://broker.example', 'mqtts://broker.example:8883'],
    ['mqtt://192.0.2.1:18830', 'mqtt://192.0.2.1:18830'],
    ['mqtt://[2001:db8::1]:80', 'mqtt://[2001:db8::1]:80'],
    ['MQTT://host/', 'mqtt://host:1883'],
  ]
  for (const [text, url] of cases) t.equal(endpointUrl(parseServerUrl(text)), url, text)
})

t.test('what is no URL of an MQTT server gets a sentence', async t => {
  const cases: [string, RegExp][] = [
    ['broker.example', /not a URL/],
    ['http://host', /must begin with/],
    ['unix:///run/m.sock', /not available yet/],
    ['ws://host/mqtt#part', /part after "#"/],
    ['mqtt://user:hunter2@host', /does not belong/],
    ['mqtt://host/topic', /ends with its port/],
    ['mqtt://host:70000', /not a valid URL/],
    ['mqtt://host:0', /port 0/],
  ]
  for (const [text, words] of cases) {
    const reading = readServerUrl(text)
    t.match(reading.ok ? '' : reading.message, words, text)
    t.notMatch(reading.ok ? '' : reading.message, /hunter2/, 'no secrets')
    t.throws(() => parseServerUrl(text), { code: 'usage' })
  }
})

t.test('WebSocket has a path, the usual one for a URL without', async t => {
  t.same(readServerUrl('ws://host'), { ok: true, value: { scheme: 'ws', host: 'host', port: 80, path: '/mqtt' } })
  t.same(readServerUrl('wss://host:8084/'), { ok: true, value: { scheme: 'wss', host: 'host', port: 8084, path: '/' } })
  const signed = parseServerUrl('wss://[2001:db8::1]/a/b?token=hunter2')
  t.same(signed, { scheme: 'wss', host: '2001:db8::1', port: 443, path: '/a/b?token=hunter2' })
  t.equal(endpointUrl(signed), 'wss://[2001:db8::1]:443/a/b', 'queries may hold secrets')
})

t.test('a proxy is spoken to by HTTP and has no path', async t => {
  t.same(readProxyUrl('http://proxy.example:8080'), { ok: true, value: { host: 'proxy.example', port: 8080 } })
  for (const text of ['https://proxy.example', 'http://proxy.example/x', 'proxy.example:8080']) t.equal(readProxyUrl(text).ok, false, text)
})
