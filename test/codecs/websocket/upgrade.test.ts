import t from 'tap'
import { answerUpgrade, headLength, upgradeFault, upgradeRequest } from '#codecs/websocket/index.ts'
import { Random } from '../../support/random.ts'

const RULES = { path: '/mqtt', mayOrigin: (origin: string) => origin !== 'https://evil.example' }
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const HEADERS: Record<string, string> = {
  Host: 'gw.example:8083',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Protocol': 'mqtt',
}

/** A request as it must be, but for these headers; undefined takes one out. */
function request(headers: Record<string, string | undefined> = {}, line = 'GET /mqtt HTTP/1.1'): string {
  const all = Object.entries({ ...HEADERS, ...headers }).filter(([, value]) => value !== undefined)
  return [line, ...all.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
}

const outcome = (head: string) => answerUpgrade(head, RULES)

t.test('a proper request is upgraded', async t => {
  const { answer, subprotocol } = outcome(request())
  t.equal(subprotocol, 'mqtt')
  t.equal(headLength(Buffer.from(answer)), answer.length)
  t.match(answer, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
  // RFC 6455 §1.3
  t.match(answer, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/)
  t.match(answer, /\r\nSec-WebSocket-Protocol: mqtt\r\n/)
  t.notMatch(answer, /Extensions/)
})

const TAKEN: [name: string, head: string, subprotocol: string][] = [
  ['small letters, other order of tokens', request({ Upgrade: 'WebSocket', Connection: 'keep-alive, upgrade' }), 'mqtt'],
  ['MQTT 3.1 clients', request({ 'Sec-WebSocket-Protocol': 'mqttv3.1' }), 'mqttv3.1'],
  ['the first that fits', request({ 'Sec-WebSocket-Protocol': 'chat, mqttv3.1 , mqtt' }), 'mqttv3.1'],
  ['a query', request({}, 'GET /mqtt?token=1 HTTP/1.1'), 'mqtt'],
  ['a whole URL as proxies send it', request({}, 'GET http://gw.example/mqtt HTTP/1.1'), 'mqtt'],
  ['an origin that may', request({ Origin: 'https://panel.example' }), 'mqtt'],
  ['extensions, which are not taken', request({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }), 'mqtt'],
]
for (const [name, head, subprotocol] of TAKEN) t.test(`taken: ${name}`, async t => t.match(outcome(head), { subprotocol }))

const REFUSED: [name: string, head: string, status: number, answer: RegExp][] = [
  ['another path', request({}, 'GET /chat HTTP/1.1'), 404, /is at \/mqtt/],
  ['a path that only begins so', request({}, 'GET /mqtt/x HTTP/1.1'), 404, /\/mqtt/],
  ['another method', request({}, 'POST /mqtt HTTP/1.1'), 405, /\r\nAllow: GET\r\n/],
  ['HTTP/1.0', request({}, 'GET /mqtt HTTP/1.0'), 505, /HTTP\/1\.1 is spoken/],
  ['no HTTP', 'hello\r\n\r\n', 400, /not a proper HTTP request/],
  ['an empty line', '\r\n\r\n', 400, /not a proper/],
  ['a browser that opens the page', request({ Upgrade: undefined, Connection: undefined }), 426, /\r\nUpgrade: websocket\r\n/],
  ['an old version of WebSocket', request({ 'Sec-WebSocket-Version': '8' }), 426, /\r\nSec-WebSocket-Version: 13\r\n/],
  ['no Connection', request({ Connection: 'keep-alive' }), 400, /Connection: Upgrade is missing/],
  ['no Host', request({ Host: undefined }), 400, /Host is missing/],
  ['no key', request({ 'Sec-WebSocket-Key': undefined }), 400, /Sec-WebSocket-Key/],
  ['a short key', request({ 'Sec-WebSocket-Key': 'c2hvcnQ=' }), 400, /16 bytes/],
  ['two keys', request({ 'sec-websocket-key': KEY }), 400, /16 bytes/],
  ['a body', request({ 'Content-Length': '5' }), 400, /no content/],
  ['a chunked body', request({ 'Transfer-Encoding': 'chunked' }), 400, /no content/],
  ['no subprotocol [MQTT-6.0.0-3]', request({ 'Sec-WebSocket-Protocol': undefined }), 400, /must offer mqtt/],
  ['another subprotocol', request({ 'Sec-WebSocket-Protocol': 'chat, stomp' }), 400, /must offer mqtt/],
  ['an origin that may not', request({ Origin: 'https://evil.example' }), 403, /websocket\.origins/],
  ['a folded header', request({ Host: 'a\r\n b' }), 400, /not a proper/],
  ['a header without name', request().replace('Host', ''), 400, /not a proper/],
  ['a space before the colon', request().replace('Host:', 'Host :'), 400, /not a proper/],
  ['a hundred headers more', request(Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`X-${i}`, 'y']))), 400, /not a proper/],
]
for (const [name, head, status, answer] of REFUSED) {
  t.test(`refused: ${name}`, async t => {
    const refused = outcome(head)
    t.equal(refused.subprotocol, undefined)
    t.ok(refused.answer.startsWith(`HTTP/1.1 ${status} `), refused.answer.slice(0, 60))
    t.match(refused.answer, answer)
    const [headers, body] = refused.answer.split('\r\n\r\n')
    t.match(headers, `Content-Length: ${Buffer.byteLength(body)}`)
    t.match(headers, 'Connection: close')
  })
}

t.test('a client and a server of this codec understand each other', async t => {
  const nonce = Buffer.alloc(16, 9)
  const { answer } = outcome(upgradeRequest({ host: 'gw.example', path: '/mqtt', nonce }))
  t.equal(upgradeFault(answer, nonce), undefined)
})

t.test('a client sees what is wrong with an answer', async t => {
  const nonce = Buffer.from(KEY, 'base64')
  const { answer } = outcome(request())
  const cases: [string, RegExp][] = [
    ['SSH-2.0-x\r\n\r\n', /does not speak HTTP/],
    [outcome(request({}, 'GET /x HTTP/1.1')).answer, /status 404/],
    [answer.replace('websocket', 'h2c'), /without Upgrade/],
    [answer.replace('s3pP', 'S3pP'), /somebody else/],
    [answer.replace('Protocol: mqtt', 'Protocol: stomp'), /"stomp"/],
    [answer.replace('Upgrade: ', 'Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade: '), /extension/],
  ]
  for (const [head, fault] of cases) t.match(upgradeFault(head.slice(0, head.indexOf('\r\n\r\n') + 4), nonce), fault)
})

t.test('any bytes get an answer', async t => {
  const random = new Random(5)
  const good = request({ Origin: 'https://panel.example' })
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(good)
    for (let changes = random.whole(1, 6); changes > 0; changes--) bytes[random.whole(0, bytes.length)] = random.whole(0, 256)
    if (!/^HTTP\/1\.1 \d{3} /.test(outcome(bytes.toString('latin1')).answer)) t.fail(bytes.toString('hex'))
    upgradeFault(bytes.toString('latin1'), Buffer.alloc(16))
  }
  t.pass('3000 requests')
})
