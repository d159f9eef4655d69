import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import t from 'tap'
import type { GatewayError } from '#base/errors.ts'
import { systemClock } from '#base/system-clock.ts'
import { openStream, type Stream, type Target } from '#clients/mqtt/index.ts'
import { CERTIFICATES } from './certificates.ts'

interface Teardown {
  teardown(run: () => void): void
}

const clock = systemClock()

/** Opens a stream and tells what became of it. */
async function outcome(target: Partial<Target> & Pick<Target, 'endpoint'>): Promise<GatewayError | 'opened'> {
  return await new Promise(resolve => {
    let opened = false
    const stream: Stream = openStream(
      { openTimeoutMs: 10_000, ...target },
      {
        opened: () => {
          opened = true
          // Whoever refuses our certificate in TLS 1.3 says so only after the handshake.
          if (target.tls?.cert !== undefined || target.endpoint.scheme === 'mqtt') stream.end()
          else clock.defer(() => clock.setTimer(0, () => stream.end()))
        },
        data: () => {},
        drained: () => {},
        closed: error => resolve(error ?? (opened ? 'opened' : ('closed' as 'opened'))),
      },
      clock,
    )
  })
}

async function listen(t: Teardown, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as { port: number }).port
}

async function listenTls(t: Teardown, options: TlsOptions): Promise<number> {
  const server = createTlsServer(options, socket => socket.on('error', () => {}).resume())
  server.on('tlsClientError', () => {})
  return await listen(t, server)
}

t.test('bytes go both ways over TCP, what is pending leaves before the end', async t => {
  const got: Buffer[] = []
  let ended: () => void
  const over = new Promise<void>(resolve => (ended = resolve))
  const port = await listen(
    t,
    createServer(socket => {
      socket.write('hello')
      socket.on('data', chunk => got.push(chunk)).on('end', () => ended())
    }),
  )
  const heard = await new Promise<string>(resolve => {
    const stream = openStream(
      { endpoint: { scheme: 'mqtt', host: '127.0.0.1', port }, openTimeoutMs: 10_000 },
      {
        opened: () => {},
        data: chunk => {
          t.equal(stream.peer, `127.0.0.1:${port}`)
          stream.write(Buffer.alloc(3_000_000, 'x'))
          stream.end()
          stream.write(Buffer.from('too late'))
          resolve(Buffer.from(chunk).toString())
        },
        drained: () => {},
        closed: () => {},
      },
      clock,
    )
  })
  t.equal(heard, 'hello')
  await over
  t.equal(Buffer.concat(got).length, 3_000_000)
})

t.test('room in the socket is told', async t => {
  const port = await listen(
    t,
    createServer(socket => socket.resume()),
  )
  await new Promise<void>(resolve => {
    const stream = openStream(
      { endpoint: { scheme: 'mqtt', host: '127.0.0.1', port }, openTimeoutMs: 10_000 },
      {
        opened: () => stream.write(Buffer.alloc(48 << 20)),
        data: () => {},
        drained: () => {
          t.equal(stream.pendingBytes, 0)
          stream.destroy()
        },
        closed: () => resolve(),
      },
      clock,
    )
  })
})

t.test('what goes wrong with the network is told in words, with a hint', async t => {
  const free = createServer()
  const closedPort = await listen(t, free)
  await new Promise(resolve => free.close(resolve))
  const refused = await outcome({ endpoint: { scheme: 'mqtt', host: '127.0.0.1', port: closedPort } })
  t.match(refused, { code: 'connect-failed', message: /^127\.0\.0\.1:\d+ refuses the connection/, hint: /port/, retryable: true })

  const unknown = await outcome({ endpoint: { scheme: 'mqtt', host: 'no-such-host.invalid', port: 1883 } })
  t.match(unknown, { code: 'connect-failed', message: /^no-such-host\.invalid:1883 (is not known|cannot be looked up)/ })

  const mute = await listen(t, createServer())
  const late = await outcome({ endpoint: { scheme: 'mqtts', host: '127.0.0.1', port: mute }, openTimeoutMs: 300 })
  t.match(late, { code: 'timeout', message: /did not complete the connection and TLS handshake within 0\.3 s/ })

  const rude = await listen(
    t,
    createServer(socket => socket.resetAndDestroy()),
  )
  const reset = await outcome({ endpoint: { scheme: 'mqtts', host: '127.0.0.1', port: rude } })
  t.match(reset, { code: 'connection-lost' })

  const plain = await listen(
    t,
    createServer(socket => socket.end('220 smtp.example ESMTP\r\n')),
  )
  const noTls = await outcome({ endpoint: { scheme: 'mqtts', host: '127.0.0.1', port: plain } })
  t.match(noTls, { code: 'connect-failed', message: /does not speak TLS/ })
})

t.test('certificates are checked, and faults told in words', async t => {
  const folder = t.testdir({
    'ca.pem': CERTIFICATES.ca.cert,
    'client.pem': CERTIFICATES.client.cert,
    'client.key': CERTIFICATES.client.key,
    'other.key': CERTIFICATES.other.key,
    'garbage.pem': 'garbage',
  })
  const ca = `${folder}/ca.pem`
  const good = await listenTls(t, CERTIFICATES.server)
  const to = (port: number, tls: Target['tls'], host = '127.0.0.1') => outcome({ endpoint: { scheme: 'mqtts', host, port }, tls })

  t.equal(await to(good, { ca }), 'opened')
  t.equal(await to(good, { insecure: true }), 'opened')
  t.match(await to(good, undefined), { code: 'bad-credentials', message: /authority is not known here/, hint: /tls\.ca/ })
  t.match(await to(good, { ca, servername: 'other.example' }), { code: 'bad-credentials', message: /for another host/ })

  const expired = await listenTls(t, CERTIFICATES.expired)
  t.match(await to(expired, { ca }), { code: 'bad-credentials', message: /has expired/, hint: /clock/ })

  const other = await listenTls(t, CERTIFICATES.other)
  t.match(await to(other, { ca }), { message: /for another host/ })
  t.equal(await to(other, { ca, servername: 'other.example' }), 'opened')

  const selfSigned = await listenTls(t, { cert: CERTIFICATES.ca.cert, key: CERTIFICATES.server.key }).catch(() => undefined)
  t.equal(selfSigned, undefined, 'a pair that does not match is not served')

  const strict = await listenTls(t, { ...CERTIFICATES.server, ca: CERTIFICATES.ca.cert, requestCert: true, rejectUnauthorized: true })
  t.equal(await to(strict, { ca, cert: `${folder}/client.pem`, key: `${folder}/client.key` }), 'opened')

  t.match(await to(good, { ca: `${folder}/none.pem` }), { code: 'config-unreadable', message: /none\.pem does not exist/ })
  t.match(await to(good, { ca, cert: `${folder}/garbage.pem`, key: `${folder}/client.key` }), { message: /holds no PEM/ })
  t.match(await to(good, { ca, cert: `${folder}/client.pem`, key: `${folder}/other.key` }), { message: /does not belong to tls\.cert/ })
})

t.test('a server that wants a client certificate is understood', async t => {
  const port = await listenTls(t, { ...CERTIFICATES.server, ca: CERTIFICATES.ca.cert, requestCert: true, rejectUnauthorized: true })
  const folder = t.testdir({ 'ca.pem': CERTIFICATES.ca.cert })
  // In TLS 1.3 the refusal comes after the handshake: wait for it.
  const error = await new Promise<GatewayError | undefined>(resolve => {
    openStream(
      { endpoint: { scheme: 'mqtts', host: '127.0.0.1', port }, tls: { ca: `${folder}/ca.pem` }, openTimeoutMs: 10_000 },
      { opened: () => {}, data: () => {}, drained: () => {}, closed: resolve },
      clock,
    )
  })
  t.match(error, { code: 'bad-credentials', message: /does not accept the certificate of this gateway, or wants one/, hint: /tls\.cert/ })
})
