import t from 'tap'
import { endpointUrl, parseServerUrl, readServerUrl } from '#clients/mqtt/index.ts'

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
    ['ws://host', /not available yet/],
    ['wss://host/mqtt', /not available yet/],
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
