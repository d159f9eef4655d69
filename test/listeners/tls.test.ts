import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { connect } from 'node:tls'
import t from 'tap'
import { eventually } from '../support/eventually.ts'
import { peer } from '../support/peers.ts'
import { runToEnd } from '../support/program.ts'
import { dial } from './support.ts'
import { authority, openTls, shakeHands, shakenOff } from './tls-support.ts'

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`bytes go both ways over ${version}`, async t => {
    const pki = authority(t)
    if (pki === undefined) return
    const { acceptor, port, listener } = await openTls(t, pki.server())
    const client = await shakeHands(port, { ca: pki.caText, minVersion: version, maxVersion: version })
    t.equal(client.getProtocol(), version)
    const accepted = await acceptor.next()
    t.match(accepted.connection, { transport: 'tls', loopback: true, remote: { address: '127.0.0.1', port: client.localPort } })
    client.write('hello')
    await accepted.until(({ receivedBytes }) => receivedBytes === 5)
    accepted.connection.write(Buffer.from('well'))
    t.ok(accepted.connection.pendingBytes > 0)
    const drained = new Promise<void>(resolve => (accepted.connection.onDrain = resolve))
    t.equal(String((await once(client, 'data'))[0]), 'well')
    await drained
    t.equal(accepted.connection.pendingBytes, 0)
    t.equal(listener.connections, 1)
    client.end()
    await accepted.until(({ closes }) => closes.length > 0)
    t.strictSame(accepted.closes, [undefined])
    t.equal(listener.connections, 0)
  })
}

t.test('the oldest version is TLS 1.2, and 1.3 where that is asked for', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const server = pki.server()
  const usual = await openTls(t, server)
  const old = { ca: pki.caText, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  t.match(await shakenOff(usual.port, old), /PROTOCOL_VERSION/)
  const strict = await openTls(t, { ...server, min_version: '1.3' })
  t.match(await shakenOff(strict.port, { ca: pki.caText, maxVersion: 'TLSv1.2' }), /PROTOCOL_VERSION/)
  t.same(strict.listener.faults.counts, { 'tls-no-common-version': 1 })
  t.same(usual.listener.faults.counts, { 'tls-no-common-version': 1 })
})

t.test('ciphers are those that are configured', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const { port, listener } = await openTls(t, { ...pki.server(), ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' })
  const only = (ciphers: string) => ({ ca: pki.caText, maxVersion: 'TLSv1.2', ciphers }) as const
  t.match(await shakenOff(port, only('ECDHE-ECDSA-AES128-GCM-SHA256')), /HANDSHAKE_FAILURE/)
  t.same(listener.faults.counts, { 'tls-no-common-cipher': 1 })
  const client = await shakeHands(port, only('ECDHE-ECDSA-AES256-GCM-SHA384'))
  t.equal(client.getCipher().name, 'ECDHE-ECDSA-AES256-GCM-SHA384')
  client.destroy()
})

t.test('a key with a password opens with it', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const pair = pki.issue('locked', { subject: '/CN=locked', alternatives: 'IP:127.0.0.1', password: 'tide' })
  await t.rejects(openTls(t, pair), { code: 'config-invalid', message: /tls\.key: .*is protected by a password/ })
  await t.rejects(openTls(t, { ...pair, key_password: 'wrong' }), { message: /does not open with the password/ })
  const { port } = await openTls(t, { ...pair, key_password: 'tide' })
  const client = await shakeHands(port, { ca: pki.caText })
  client.destroy()
})

t.test('a client gets the certificate of the name that it asks for', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const certificates = [
    pki.issue('one', { subject: '/CN=one', alternatives: 'DNS:one.example, DNS:eins.example' }),
    pki.issue('star', { subject: '/CN=star', alternatives: 'DNS:*.site.example' }),
    pki.issue('bare', { subject: '/CN=bare.example' }),
  ]
  const { port } = await openTls(t, { ...pki.server(), certificates })
  const cases = [
    ['one.example', 'one'],
    ['EINS.example', 'one'],
    ['a.site.example', 'star'],
    ['a.b.site.example', 'server'],
    ['bare.example', 'bare.example'],
    ['other.example', 'server'],
    [undefined, 'server'],
  ] as const
  for (const [servername, wanted] of cases) {
    const client = await shakeHands(port, { rejectUnauthorized: false, ...(servername !== undefined && { servername }) })
    t.equal(client.getPeerCertificate().subject.CN, wanted, servername ?? 'no name')
    client.destroy()
  }
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`a client certificate is asked for, verified, and names its client over ${version}`, async t => {
    const pki = authority(t)
    const foreign = authority(t, 'other')
    if (pki === undefined || foreign === undefined) return
    const meter = pki.client('meter-7', 'DNS:meter-7.site.example, URI:urn:dev:7')
    const gone = pki.client('stolen')
    const tls = { ...pki.server(), ca: pki.ca.cert, crl: pki.revoke('first', gone), client_cert: 'require' as const }
    const { acceptor, port, listener, logger } = await openTls(t, tls)
    const show = (pair?: { cert: string; key: string }) => ({
      ca: pki.caText,
      minVersion: version,
      maxVersion: version,
      ...(pair !== undefined && { cert: readFileSync(pair.cert), key: readFileSync(pair.key) }),
    })
    const client = await shakeHands(port, show(meter))
    t.same((await acceptor.next()).connection.certificate, { commonName: 'meter-7', username: 'meter-7' })
    client.destroy()
    await shakenOff(port, show())
    await shakenOff(port, show(foreign.client('meter-7')))
    await shakenOff(port, show(gone))
    await shakenOff(port, show(pki.issue('late', { subject: '/CN=late', days: -1 })))
    t.same(listener.faults.counts, {
      'tls-certificate-missing': 1,
      'tls-certificate-untrusted': 1,
      'tls-certificate-revoked': 1,
      'tls-certificate-expired': 1,
    })
    t.equal(listener.counters.accepted, 5)
    await eventually('their places are free', () => listener.connections === 0, 5000)
    t.ok(logger.messages('warn').includes('a client showed a certificate that was revoked'))
    const byUri = await openTls(t, { ...tls, identity: 'san-uri' })
    const again = await shakeHands(byUri.port, show(meter))
    t.same((await byUri.acceptor.next()).connection.certificate, { commonName: 'meter-7', username: 'urn:dev:7' })
    again.destroy()
  })

  t.test(`a session is resumed over ${version}, with the identity that began it`, async t => {
    const pki = authority(t)
    if (pki === undefined) return
    const meter = pki.client('meter-8')
    const { acceptor, port } = await openTls(t, { ...pki.server(), ca: pki.ca.cert, client_cert: 'require' })
    const options = {
      ca: pki.caText,
      cert: readFileSync(meter.cert),
      key: readFileSync(meter.key),
      minVersion: version,
      maxVersion: version,
    }
    const first = connect({ host: '127.0.0.1', port, ...options })
    const [session] = (await once(first, 'session')) as [Buffer]
    await acceptor.next()
    first.destroy()
    const second = await shakeHands(port, { ...options, session })
    t.ok(second.isSessionReused())
    t.equal((await acceptor.next()).connection.certificate?.username, 'meter-8')
    second.destroy()
  })
}

t.test('a client without tickets resumes by session id', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const { acceptor, port } = await openTls(t, pki.server())
  // SSL_OP_NO_TICKET
  const options = { ca: pki.caText, maxVersion: 'TLSv1.2', secureOptions: 0x4000 } as const
  const first = await shakeHands(port, options)
  await acceptor.next()
  const session = first.getSession()!
  first.destroy()
  const second = await shakeHands(port, { ...options, session })
  t.ok(second.isSessionReused())
  second.destroy()
})

t.test('plain text, HTTP and nonsense on a TLS port are counted and cost nobody else anything', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const { acceptor, port, listener } = await openTls(t, pki.server())
  const speak = (text: string | Buffer) =>
    new Promise<string>(resolve => {
      let answer = ''
      const socket = connectTcp({ port, host: '127.0.0.1' })
      socket.on('data', chunk => (answer += String(chunk)))
      socket.on('error', () => {})
      socket.on('close', () => resolve(answer))
      socket.write(text)
    })
  t.match(await speak('GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 .*This port speaks TLS/s)
  await speak(Buffer.from([0x10, 0x0c, 0, 4, 77, 81, 84, 84, 4, 2, 0, 0, 0, 0]))
  await speak(Buffer.concat([Buffer.from([0x16, 3, 1, 0, 9]), Buffer.from('nonsense!')]))
  t.match(listener.faults.counts, { 'tls-http': 1, 'tls-not-spoken': 1, 'tls-malformed': 1 })
  const client = await shakeHands(port, { ca: pki.caText })
  await acceptor.next()
  client.destroy()
})

for (const version of ['-tls1_2', '-tls1_3']) {
  t.test(`a client that does not trust the listener is counted as such with ${version}`, async t => {
    const pki = authority(t)
    const other = authority(t, 'other')
    const openssl = peer(t, 'openssl')
    if (pki === undefined || other === undefined || openssl === undefined) return
    const { port, listener } = await openTls(t, pki.server())
    const words = ['s_client', version, '-connect', `127.0.0.1:${port}`, '-CAfile', other.ca.cert, '-verify_return_error']
    await runToEnd(openssl, words)
    t.same(listener.faults.counts, { 'tls-own-certificate-refused': 1 })
  })
}

t.test('a handshake that is not completed ends after its time, and so does one that never began', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const { port, listener, acceptor } = await openTls(t, pki.server(), { openTimeoutMs: 200 })
  const silent = await dial({ port, host: '127.0.0.1' })
  const slow = await dial({ port, host: '127.0.0.1' })
  slow.write(Buffer.from([0x16, 3, 1]))
  t.equal(listener.connections, 2, 'they count as connections')
  await Promise.all([once(silent.resume(), 'close'), once(slow.resume(), 'close')])
  t.same(listener.faults.counts, { 'tls-timeout': 2 })
  await eventually('their places are free', () => listener.connections === 0, 5000)
  const client = await shakeHands(port, { ca: pki.caText })
  await acceptor.next()
  client.destroy()
})

t.test('a paused connection stops its peer, and goes on where it was', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const { acceptor, port } = await openTls(t, pki.server())
  const client = await shakeHands(port, { ca: pki.caText })
  const accepted = await acceptor.next()
  accepted.connection.pause()
  const total = 32 << 20
  const piece = Buffer.alloc(1 << 20, 7)
  for (let sent = 0; sent < total; sent += piece.length) client.write(piece)
  await eventually('the client is stuck', () => client.writableLength > 0 && accepted.receivedBytes <= 1 << 17, 5000)
  accepted.connection.resume()
  await accepted.until(({ receivedBytes }) => receivedBytes === total)
  client.destroy()
})
