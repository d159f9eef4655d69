import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Admin, openAdmin, openControl } from '#admin/index.ts'
import { GatewayError } from '#base/errors.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { clientInfo, type FakeControl, fakeControl, messageAt } from './fake-control.ts'

const clock = systemClock()

interface Opened {
  admin: Admin
  control: FakeControl
  socketPath: string
}

function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-admin-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function open(t: Test, socketPath = join(folderFor(t), 'tidegate.sock')): Promise<Opened> {
  const control = fakeControl()
  const admin = await openAdmin({ control, clock, logger: silentLogger, socketPath, tcp: { host: '127.0.0.1', port: 0 } })
  t.teardown(() => admin.close())
  return { admin, control, socketPath }
}

interface Reply {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

function overTcp(port: number, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    request.on('error', reject)
    request.end()
  })
}

/** Sends bytes and resolves with all that comes back until the server closes. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setEncoding('utf8').on('data', chunk => (text += chunk))
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

t.test('the control socket has mode 0660 and answers with full rights', async t => {
  const { socketPath } = await open(t)
  t.equal(statSync(socketPath).mode & 0o777, 0o660)
  const answer = await openControl(socketPath).request('GET', '/api/v1/status')
  t.equal(answer.status, 200)
  t.match(answer.body, {
    version: '1.2.3',
    gateway_id: 'gw-test',
    ready: true,
    healthy: true,
    started_at: '2026-03-01T11:00:00.000Z',
    clock: { synchronised: true, time: '2026-03-01T12:00:00.000Z' },
    device: { model: 'Test Board', memory_bytes: 4096 },
    store: { condition: 'ok', used_bytes: 4096 },
    messages: { received: [1, 2, 3], unrouted: 7 },
    bridges: { waiting: 1 },
    listeners: 2,
  })
})

t.test('TCP serves health, readiness and metrics, and nothing else', async t => {
  const { admin, control } = await open(t)
  const port = admin.tcpPort as number
  t.match(await overTcp(port, '/healthz'), { status: 200, text: /"status":"ok"/ })
  t.match(await overTcp(port, '/readyz'), { status: 200 })
  const metrics = await overTcp(port, '/metrics')
  t.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  t.match(metrics.text, /^tidegate_clients 2$/m)
  for (const path of ['/api/v1/status', '/api/v1/clients', '/', '/no/such/path', '/api/v1/publish']) {
    t.match(await overTcp(port, path), { status: 401, text: /"code":"not-authorized"/ }, path)
  }
  t.equal((await overTcp(port, '/healthz', {}, 'POST')).status, 401)
  t.equal((await overTcp(port, '/api/v1/clients/x', {}, 'DELETE')).status, 401)
  t.same(control.fake.kicked, [])
})

t.test('TCP refuses a Host header that does not name loopback', async t => {
  const { admin } = await open(t)
  const port = admin.tcpPort as number
  t.equal((await overTcp(port, '/metrics', { host: `localhost:${port}` })).status, 200)
  t.match(await overTcp(port, '/metrics', { host: 'rebound.example' }), { status: 421, text: /"code":"wrong-host"/ })
  t.equal((await overTcp(port, '/metrics', { host: '192.0.2.7:18083' })).status, 421)
  t.match(await raw(port, 'GET /metrics HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 421 /)
})

t.test('health and readiness show in the status code', async t => {
  const { admin, control } = await open(t)
  const port = admin.tcpPort as number
  control.state.problems = ['the store is full']
  t.match(await overTcp(port, '/healthz'), { status: 200, text: /"degraded".*the store is full/ })
  control.state.healthy = false
  t.match(await overTcp(port, '/healthz'), { status: 503, text: /"failed"/ })
  control.state.ready = false
  t.equal((await overTcp(port, '/readyz')).status, 503)
  const head = await overTcp(port, '/readyz', {}, 'HEAD')
  t.same([head.status, head.text], [503, ''])
})

t.test('clients come in pages, ordered by their id, and can be filtered', async t => {
  const { control, socketPath } = await open(t)
  const api = openControl(socketPath)
  control.fake.infos = ['c', 'a', 'd', 'b'].map(id => clientInfo(id, { connected: id !== 'd', username: id === 'a' ? 'anna' : undefined }))
  t.match((await api.request('GET', '/api/v1/clients?limit=3')).body, {
    data: [{ client_id: 'a', connected_at: '2026-03-01T11:59:00.000Z' }, { client_id: 'b' }, { client_id: 'c' }],
    meta: { page: 1, limit: 3, count: 4, has_next: true },
  })
  t.match((await api.request('GET', '/api/v1/clients?limit=3&page=2')).body, { data: [{ client_id: 'd' }], meta: { has_next: false } })
  t.match((await api.request('GET', '/api/v1/clients?connected=false')).body, { data: [{ client_id: 'd' }], meta: { count: 1 } })
  t.match((await api.request('GET', '/api/v1/clients?username=anna')).body, { data: [{ client_id: 'a' }], meta: { count: 1 } })
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'page=0', 'page=-1', 'connected=yes']) {
    t.match(await api.request('GET', `/api/v1/clients?${query}`), { status: 400, body: { code: 'bad-request' } }, query)
  }
})

t.test('one client can be shown and kicked, whatever characters its id has', async t => {
  const { control, socketPath } = await open(t)
  const api = openControl(socketPath)
  control.fake.infos = [clientInfo('a/b c%?')]
  const path = `/api/v1/clients/${encodeURIComponent('a/b c%?')}`
  t.match(await api.request('GET', path), { status: 200, body: { client_id: 'a/b c%?' } })
  t.same(await api.request('DELETE', path), { status: 204, body: undefined })
  t.equal((await api.request('DELETE', `${path}?session=true`)).status, 204)
  t.same(control.fake.kicked, [
    ['a/b c%?', false],
    ['a/b c%?', true],
  ])
  t.match(await api.request('DELETE', '/api/v1/clients/nobody'), { status: 404, body: { code: 'not-found', message: /nobody/ } })
  t.match(await api.request('GET', '/api/v1/clients/%E0%A4%A'), { status: 400, body: { code: 'bad-request' } })
})

t.test('sessions and queues are those that outlive their connection, the longest queue first', async t => {
  const { control, socketPath } = await open(t)
  const api = openControl(socketPath)
  control.fake.infos = [
    clientInfo('short', { durable: true, queued: 1, sessionExpiryMs: 90_000 }),
    clientInfo('gone', { durable: false, queued: 9 }),
    clientInfo('long', { durable: true, queued: 7, connected: false, sessionExpiryMs: Number.POSITIVE_INFINITY }),
  ]
  const group = { members: 2, present: 0, queuedBytes: 300, inFlight: 0, dropped: 4 }
  control.fake.shared = [
    { name: '$share/g/a', durable: true, queued: 3, ...group },
    { name: '$share/m/a', durable: false, queued: 5, ...group },
  ]
  const sessions = (await api.request('GET', '/api/v1/sessions')).body as { data: Record<string, unknown>[] }
  t.match(sessions.data, [{ client_id: 'long' }, { client_id: 'short', session_expiry_seconds: 90 }])
  t.notOk('session_expiry_seconds' in (sessions.data[0] as object), 'for ever is left out')
  t.match((await api.request('GET', '/api/v1/queues')).body, {
    data: [{ client_id: 'long', queued: 7 }, { group: '$share/g/a', members: 2, connected: false, queued: 3 }, { client_id: 'short' }],
    meta: { count: 3 },
  })
})

t.test('subscriptions can be asked for by client', async t => {
  const { control, socketPath } = await open(t)
  control.fake.subs = [
    { clientId: 'b', filter: 'x/#', qos: 1 },
    { clientId: 'a', filter: 'y', qos: 0 },
  ]
  const { body } = await openControl(socketPath).request('GET', '/api/v1/subscriptions?client_id=b')
  t.same((body as { data: unknown }).data, [{ client_id: 'b', filter: 'x/#', qos: 1 }])
})

t.test('retained messages are listed without their payload and shown one by one with it', async t => {
  const { control, socketPath } = await open(t)
  const api = openControl(socketPath)
  control.fake.messages = [messageAt('a/b', 'héllo', { publisher: 'me' }), messageAt('c', 'x'), messageAt('d', 'y')]
  control.fake.messages[1] = Object.assign(messageAt('c', ''), { bytes: Buffer.from([0xff, 0xfe]), payloadEnd: 2 })
  const list = (await api.request('GET', '/api/v1/retained?limit=2')).body as { data: Record<string, unknown>[]; meta: unknown }
  t.match(list, {
    data: [{ topic: 'a/b', qos: 1, payload_bytes: 6, publisher: 'me', time_quality: 'synced' }, { topic: 'c' }],
    meta: { has_next: true },
  })
  t.notOk('payload' in (list.data[0] as object))
  t.match((await api.request('GET', '/api/v1/retained?limit=2&page=2')).body, { data: [{ topic: 'd' }], meta: { has_next: false } })
  t.match((await api.request('GET', '/api/v1/retained/a%2Fb')).body, { payload: 'héllo', payload_encoding: 'plain' })
  t.match((await api.request('GET', '/api/v1/retained/c')).body, { payload: '//4=', payload_encoding: 'base64' })
  t.equal((await api.request('GET', '/api/v1/retained/none')).status, 404)
})

t.test('listeners and bridges show their state, and a bridge can be paused and resumed', async t => {
  const { control, socketPath } = await open(t)
  const api = openControl(socketPath)
  t.match((await api.request('GET', '/api/v1/listeners')).body, {
    data: [{ name: 'local', connections: 2, counters: { accepted: 5 } }, { name: 'coap' }],
  })
  t.match((await api.request('GET', '/api/v1/bridges')).body, {
    data: [{ name: 'cloud', state: 'waiting', next_attempt_seconds: 1.5, queued: 12, dead_letters: 1, since: '2026-03-01T11:59:55.000Z' }],
  })
  t.match(await api.request('POST', '/api/v1/bridges/cloud/pause'), { status: 200, body: { state: 'paused' } })
  t.same(control.state.paused, ['cloud'])
  t.match(await api.request('POST', '/api/v1/bridges/cloud/resume'), { status: 200, body: { state: 'waiting' } })
  t.match(await api.request('POST', '/api/v1/bridges/none/pause'), { status: 404, body: { code: 'not-found' } })
  t.match(await api.request('GET', '/api/v1/bridges/none'), { status: 404 })
})

t.test('an unknown path, a wrong method and a fault of our own each have their answer', async t => {
  const { control, socketPath } = await open(t)
  const api = openControl(socketPath)
  t.match(await api.request('GET', '/api/v1/nothing'), { status: 404, body: { code: 'not-found' } })
  t.match(await api.request('POST', '/api/v1/status'), { status: 405, body: { code: 'wrong-method', message: /GET/ } })
  control.fake.clients = () => {
    throw new Error('a bug')
  }
  t.match(await api.request('GET', '/api/v1/clients'), { status: 500, body: { code: 'internal' } })
  t.equal((await api.request('GET', '/healthz')).status, 200, 'the next request is served')
})

t.test('a publish is answered when it is durable, by a client that is there only meanwhile', async t => {
  const { control, socketPath } = await open(t)
  const api = openControl(socketPath)
  const { fake } = control
  let commit = () => {}
  fake.commit = new Promise(resolve => (commit = resolve))
  let answered = false
  const publishing = api.request('POST', '/api/v1/publish', {
    topic: 'a/b',
    payload: 'aGk=',
    payload_encoding: 'base64',
    qos: 2,
    retain: true,
    message_expiry_seconds: 10,
    properties: {
      content_type: 'text/plain',
      payload_format_indicator: 1,
      correlation_data: 'AQI=',
      user_properties: [
        ['k', 'v'],
        ['k', 'w'],
      ],
    },
  })
  void publishing.then(() => (answered = true))
  await openControl(socketPath).request('GET', '/healthz')
  t.equal(answered, false)
  commit()
  t.match(await publishing, { status: 200, body: { topic: 'a/b', qos: 2, retain: true, payload_bytes: 2 } })
  t.match(fake.published[0], { topic: 'a/b', qos: 2, retain: true, expiresAtMs: 11_000 })
  t.equal(Buffer.from(fake.published[0]?.payload ?? []).toString(), 'hi')
  t.same(fake.published[0]?.properties, {
    contentType: 'text/plain',
    payloadFormatIndicator: 1,
    correlationData: Buffer.from([1, 2]),
    userProperties: [
      ['k', 'v'],
      ['k', 'w'],
    ],
  })
  t.same([fake.attachments, fake.detached], [['$api'], 1])
})

t.test('publishes at the same time share one client', async t => {
  const { control, socketPath } = await open(t)
  const { fake } = control
  const api = openControl(socketPath)
  let commit = () => {}
  fake.commit = new Promise(resolve => (commit = resolve))
  const publishing = ['a', 'b', 'c'].map(topic => api.request('POST', '/api/v1/publish', { topic }))
  await api.request('GET', '/healthz')
  commit()
  for (const each of publishing) t.equal((await each).status, 200)
  t.same([fake.attachments, fake.detached], [['$api'], 1])
  t.equal((await api.request('POST', '/api/v1/publish', { topic: 'd' })).status, 200)
  t.same([fake.attachments.length, fake.detached], [2, 2])
})

const wrongPublishes: [name: string, body: unknown, code: string][] = [
  ['no topic', {}, 'bad-request'],
  ['a wildcard', { topic: 'a/#' }, 'topic-invalid'],
  ['an empty topic', { topic: '' }, 'topic-invalid'],
  ['a list', [], 'bad-request'],
  ['a text', 'x', 'bad-request'],
  ['a QoS of 3', { topic: 'a', qos: 3 }, 'bad-request'],
  ['a QoS as text', { topic: 'a', qos: '1' }, 'bad-request'],
  ['a payload that is no text', { topic: 'a', payload: { x: 1 } }, 'bad-request'],
  ['base64 that is none', { topic: 'a', payload: 'a*b', payload_encoding: 'base64' }, 'bad-request'],
  ['an unknown encoding', { topic: 'a', payload_encoding: 'hex' }, 'bad-request'],
  ['an unknown member', { topic: 'a', retained: true }, 'bad-request'],
  ['an unknown property', { topic: 'a', properties: { x: 1 } }, 'bad-request'],
  ['user properties that are no texts', { topic: 'a', properties: { user_properties: { x: 1 } } }, 'bad-request'],
]

t.test('a wrong publish is refused with what is wrong', async t => {
  const { control, socketPath } = await open(t)
  const api = openControl(socketPath)
  for (const [name, body, code] of wrongPublishes) {
    t.match(await api.request('POST', '/api/v1/publish', body), { status: 400, body: { code } }, name)
  }
  t.same(control.fake.published, [])
})

t.test('what the broker refuses has its status', async t => {
  const { control, socketPath } = await open(t)
  const api = openControl(socketPath)
  const expected = { 'store-full': 507, 'store-failed': 507, 'server-busy': 503, 'quota-exceeded': 429, 'not-authorized': 403 } as const
  for (const [code, status] of Object.entries(expected)) {
    control.fake.refusal = new GatewayError(code as keyof typeof expected, 'no', { hint: 'wait' })
    t.same(await api.request('POST', '/api/v1/publish', { topic: 'a' }), { status, body: { code, message: 'no', hint: 'wait' } })
  }
  t.equal(control.fake.detached, 5)
})

t.test('a body that is too long is refused with 413 and the connection is closed', async t => {
  const { control, socketPath } = await open(t)
  const body = { topic: 'a', payload: 'x'.repeat(3 * 1024 * 1024) }
  const answer = await openControl(socketPath)
    .request('POST', '/api/v1/publish', body)
    .catch(error => error)
  // The server may close before the client has sent it all: either way nothing was published.
  if (!(answer instanceof GatewayError)) t.match(answer, { status: 413, body: { code: 'bad-request' } })
  t.same(control.fake.published, [])
  t.equal((await openControl(socketPath).request('GET', '/healthz')).status, 200)
})

t.test('headers that are too long are refused', async t => {
  const { admin } = await open(t)
  t.match(
    await raw(admin.tcpPort as number, `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  )
})

t.test('garbage is answered with 400 and harms nothing', async t => {
  const { admin } = await open(t)
  const port = admin.tcpPort as number
  t.match(await raw(port, '\x10\x0c\0\x04MQTT\x05\x02\0\x3c\0\0\0\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.equal((await overTcp(port, '/healthz')).status, 200)
})

t.test('a data directory too long for a socket path works', async t => {
  const folder = join(folderFor(t), 'd'.repeat(100), 'e'.repeat(100))
  mkdirSync(folder, { recursive: true })
  const { socketPath, admin } = await open(t, join(folder, 'tidegate.sock'))
  t.ok(Buffer.byteLength(socketPath) > 107)
  t.equal((await openControl(socketPath).request('GET', '/healthz')).status, 200)
  await admin.close()
  t.notOk(existsSync(socketPath))
})

t.test('a stale socket file is replaced', async t => {
  const path = join(folderFor(t), 'tidegate.sock')
  const stale = createServer()
  // A second name keeps the file when the server that bound it closes: nobody answers behind it.
  await new Promise<void>(resolve => stale.listen(`${path}.bound`, resolve))
  const { renameSync } = await import('node:fs')
  renameSync(`${path}.bound`, path)
  await new Promise(resolve => stale.close(resolve))
  t.ok(existsSync(path))
  const { socketPath } = await open(t, path)
  t.equal((await openControl(socketPath).request('GET', '/healthz')).status, 200)
})

t.test('a socket that somebody answers on is left alone', async t => {
  const { socketPath, control } = await open(t)
  const second = openAdmin({ control, clock, logger: silentLogger, socketPath, tcp: undefined })
  await t.rejects(second, { code: 'address-in-use', message: /another gateway answers/ })
  t.equal((await openControl(socketPath).request('GET', '/healthz')).status, 200)
})

t.test('a file that is no socket is left alone', async t => {
  const path = join(folderFor(t), 'tidegate.sock')
  writeFileSync(path, 'precious')
  const opening = openAdmin({ control: fakeControl(), clock, logger: silentLogger, socketPath: path, tcp: undefined })
  await t.rejects(opening, { code: 'listen-failed', message: /is not a socket/ })
  t.equal(statSync(path).size, 8)
})

t.test('a folder that is not there is one clear error', async t => {
  const path = join(folderFor(t), 'missing', 'tidegate.sock')
  await t.rejects(openAdmin({ control: fakeControl(), clock, logger: silentLogger, socketPath: path, tcp: undefined }), {
    code: 'listen-failed',
  })
})

t.test('a TCP port that is taken is one clear error, and the socket is gone again', async t => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const socketPath = join(folderFor(t), 'tidegate.sock')
  const opening = openAdmin({ control: fakeControl(), clock, logger: silentLogger, socketPath, tcp: { host: '127.0.0.1', port } })
  await t.rejects(opening, { code: 'address-in-use', message: new RegExp(`127\\.0\\.0\\.1:${port}`) })
  t.notOk(existsSync(socketPath))
})

t.test('closing ends idle connections, removes the file, and may be asked for twice', async t => {
  const { admin, socketPath } = await open(t)
  const idle = connect(admin.tcpPort as number, '127.0.0.1')
  await new Promise(resolve => idle.once('connect', resolve))
  const gone = new Promise(resolve => idle.once('close', resolve))
  idle.on('error', () => {}).resume()
  await Promise.all([admin.close(), admin.close()])
  await gone
  t.notOk(existsSync(socketPath))
  await t.rejects(openControl(socketPath).request('GET', '/healthz'), { code: 'not-running', message: /no gateway answers at/ })
})

t.test('a control socket that may not be used says so', async t => {
  const { socketPath } = await open(t)
  chmodSync(socketPath, 0)
  // Root may use any socket: it becomes nobody for this request.
  const root = process.geteuid?.() === 0
  if (root) process.seteuid?.(65_534)
  try {
    await t.rejects(openControl(socketPath).request('GET', '/healthz'), { code: 'not-authorized' })
  } finally {
    if (root) process.seteuid?.(0)
  }
})
