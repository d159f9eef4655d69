import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect as connectTcp, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { GatewayError } from '#base/errors.ts'
import { systemClock } from '#base/system-clock.ts'
import { openStream, type Stream, type Target } from '#clients/mqtt/index.ts'
import { answerUpgrade, closePayload, encodeFrame, OPCODES } from '#codecs/websocket/index.ts'
import { authority, openListener, TLS_DEFAULTS } from '../../listeners/tls-support.ts'

const clock = systemClock()

/** A stream whose events are promises. */
class Opened {
  readonly stream: Stream
  received = ''
  readonly opened: Promise<void>
  readonly closed: Promise<GatewayError | undefined>
  #wake: () => void = () => {}

  constructor(target: Partial<Target> & Pick<Target, 'endpoint'>) {
    const opened = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<GatewayError | undefined>()
    this.opened = opened.promise
    this.closed = closed.promise
    const events = {
      opened: () => opened.resolve(),
      data: (chunk: Uint8Array) => {
        this.received += Buffer.from(chunk).toString('latin1')
        this.#wake()
      },
      drained: () => {},
      closed: (error?: GatewayError) => closed.resolve(error),
    }
    this.stream = openStream({ openTimeoutMs: 5000, ...target }, events, clock)
  }

  async until(text: string): Promise<void> {
    while (!this.received.includes(text)) await new Promise<void>(resolve => (this.#wake = resolve))
  }
}

/** A server that answers the first bytes with these. */
async function answering(t: Test, answer: (request: string) => string | Buffer): Promise<number> {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', chunk => socket.write(answer(String(chunk))))
    t.teardown(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as { port: number }).port
}

/** An HTTP proxy that lets through what bears this name and password. */
async function proxy(t: Test, authorization?: string): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const server = createServer(socket => {
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    socket.once('data', chunk => {
      const head = String(chunk)
      asked.push(head.split('\r\n')[0])
      const wanted = authorization && `Proxy-Authorization: Basic ${Buffer.from(authorization).toString('base64')}`
      if (wanted !== undefined && !head.includes(wanted)) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      const [, host, port] = /^CONNECT ([^:]+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? []
      const onward = connectTcp({ host: host!, port: Number(port) }, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.pipe(onward).pipe(socket)
      })
      t.teardown(() => onward.destroy())
      onward.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: (server.address() as { port: number }).port, asked }
}

const ws = (port: number, path = '/mqtt') => ({ endpoint: { scheme: 'ws' as const, host: '127.0.0.1', port, path } })

t.test('bytes go both ways over ws, long ones too, until one side ends', async t => {
  const { acceptor, port } = await openListener(t, { transport: 'ws' })
  const client = new Opened(ws(port))
  await client.opened
  const accepted = await acceptor.next()
  client.stream.write(Buffer.from('hello '))
  client.stream.write(Buffer.alloc(200_000, 'x'))
  await accepted.until(({ receivedBytes }) => receivedBytes === 200_006)
  t.ok(String(accepted.received).startsWith('hello xxx'))
  t.match(client.stream.peer, `127.0.0.1:${port}`)
  accepted.connection.write(Buffer.from('well'))
  await client.until('well')
  client.stream.end()
  t.equal(await client.closed, undefined)
  await accepted.until(({ closes }) => closes.length > 0)
})

t.test('over wss, with the certificate of the authority, or a pre-shared key', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const psk = join(pki.folder, 'psk.txt')
  writeFileSync(psk, 'meter-7:00ff00ff00ff00ff\n', { mode: 0o600 })
  const { acceptor, port } = await openListener(t, { transport: 'wss', tls: { ...TLS_DEFAULTS, ...pki.server(), psk_file: psk } })
  const endpoint = { scheme: 'wss' as const, host: '127.0.0.1', port, path: '/mqtt' }
  const byCertificate = new Opened({ endpoint, tls: { ca: pki.ca.cert } })
  await byCertificate.opened
  t.equal((await acceptor.next()).connection.pskIdentity, undefined)
  const key = Buffer.from('00ff00ff00ff00ff', 'hex')
  const byKey = new Opened({ endpoint, tls: { psk: { identity: 'meter-7', key } } })
  await byKey.opened
  t.equal((await acceptor.next()).connection.pskIdentity, 'meter-7')
  const wrong = new Opened({ endpoint, tls: { psk: { identity: 'meter-7', key: Buffer.from('1234', 'hex') } } })
  t.match(await wrong.closed, { code: 'bad-credentials', message: /pre-shared key/ })
  // A server that shows a certificate instead, even one that is good, has not proved the key.
  const unknown = new Opened({ endpoint, tls: { ca: pki.ca.cert, psk: { identity: 'nobody', key } } })
  t.match(await unknown.closed, { code: 'bad-credentials', message: /instead of using the pre-shared key/ })
  const unverified = new Opened({ endpoint, tls: { psk: { identity: 'nobody', key } } })
  t.match(await unverified.closed, { code: 'bad-credentials', message: /instead of using the pre-shared key/ })
  byCertificate.stream.destroy()
  byKey.stream.destroy()
})

t.test('what a server does wrong is said in words', async t => {
  const { port } = await openListener(t, { transport: 'ws' })
  t.match(await new Opened(ws(port, '/other')).closed, { code: 'refused', message: /status 404/, hint: /path in the URL/ })
  const ssh = await answering(t, () => 'SSH-2.0-x\r\n\r\n')
  t.match(await new Opened(ws(ssh)).closed, { message: /does not speak HTTP/ })
  const endless = await answering(t, () => 'x'.repeat(10_000))
  t.match(await new Opened(ws(endless)).closed, { message: /does not speak HTTP/ })
  const silent = await answering(t, () => '')
  t.match(await new Opened({ ...ws(silent), openTimeoutMs: 100 }).closed, { code: 'timeout', message: /WebSocket handshake within 0\.1 s/ })
})

t.test('a close with a code is the reason of the end; a server that masks breaks the rules', async t => {
  const cases: [Buffer, RegExp][] = [
    [encodeFrame(OPCODES.close, closePayload(1013, 'too busy')), /closed the WebSocket with code 1013: too busy/],
    [encodeFrame(OPCODES.binary, Buffer.from('x'), 7), /broke the rules of WebSocket: .*masked/],
  ]
  for (const [bytes, words] of cases) {
    const server = await answering(t, request =>
      Buffer.concat([Buffer.from(answerUpgrade(request, { path: '/mqtt', mayOrigin: () => true }).answer), bytes]),
    )
    t.match(await new Opened(ws(server)).closed, { code: 'connection-lost', message: words })
  }
})

t.test('an HTTP proxy makes the way for every scheme', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const tls = { ...TLS_DEFAULTS, ...pki.server() }
  const way = await proxy(t, 'me:secret')
  for (const [scheme, transport] of [
    ['mqtt', 'tcp'],
    ['mqtts', 'tls'],
    ['ws', 'ws'],
    ['wss', 'wss'],
  ] as const) {
    const secure = transport === 'tls' || transport === 'wss'
    const { acceptor, port } = await openListener(t, { transport, ...(secure && { tls }) })
    const endpoint = { scheme, host: 'localhost', port, path: '/mqtt' }
    const through = { host: '127.0.0.1', port: way.port, username: 'me', password: 'secret' }
    const client = new Opened({ endpoint, tls: { ca: pki.ca.cert }, proxy: through })
    await client.opened
    const accepted = await acceptor.next()
    client.stream.write(Buffer.from('hello'))
    await accepted.until(({ receivedBytes }) => receivedBytes === 5)
    accepted.connection.write(Buffer.from('well'))
    await client.until('well')
    client.stream.destroy()
    t.equal(way.asked.at(-1), `CONNECT localhost:${port} HTTP/1.1`)
  }
})

t.test('a proxy that refuses, and one that is not there, are named', async t => {
  const way = await proxy(t, 'me:secret')
  const endpoint = { scheme: 'mqtt' as const, host: '127.0.0.1', port: 1 }
  const through = { host: '127.0.0.1', port: way.port, username: 'me', password: 'wrong' }
  t.match(await new Opened({ endpoint, proxy: through }).closed, {
    code: 'bad-credentials',
    message: `the proxy 127.0.0.1:${way.port} wants a user name`,
  })
  t.match(await new Opened({ endpoint, proxy: { ...through, password: 'secret' } }).closed, { code: 'refused', message: /status 502/ })
  t.match(await new Opened({ endpoint, proxy: { host: '127.0.0.1', port: 1 } }).closed, {
    message: /^127\.0\.0\.1:1 refuses the connection/,
  })
  const mute = await answering(t, () => '')
  t.match(await new Opened({ endpoint, openTimeoutMs: 100, proxy: { host: '127.0.0.1', port: mute } }).closed, { code: 'timeout' })
})
