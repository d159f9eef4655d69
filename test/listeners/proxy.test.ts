import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { binaryHeader, sslTlv } from '../support/proxy-header.ts'
import { dial } from './support.ts'
import { authority, openListener, TLS_DEFAULTS } from './tls-support.ts'

const LOOPBACK = { trusted: [{ address: '127.0.0.0', prefixBits: 8, family: 'ipv4' as const }] }
const ELSEWHERE = { trusted: [{ address: '192.0.2.0', prefixBits: 24, family: 'ipv4' as const }] }
const V4 = { family: 0x11, addresses: [198, 51, 100, 7, 10, 0, 0, 1, 0xc3, 0x50, 0x07, 0x5b] }

t.test('a proxied connection bears the address that the proxy says, and has no rights of loopback', async t => {
  const { acceptor, port } = await openListener(t, { transport: 'tcp', proxy_protocol: LOOPBACK })
  const cases: [Buffer, string][] = [
    [Buffer.from('PROXY TCP4 198.51.100.7 10.0.0.1 50000 1883\r\n'), '198.51.100.7'],
    [Buffer.from('PROXY TCP6 ::ffff:198.51.100.7 ::1 50000 1883\r\n'), '198.51.100.7'],
    [binaryHeader(V4), '198.51.100.7'],
    [Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 50000 1883\r\n'), '127.0.0.1'],
  ]
  for (const [header, address] of cases) {
    const client = await dial({ port, host: '127.0.0.1' })
    client.write(Buffer.concat([header, Buffer.from('hello')]))
    const accepted = await acceptor.next()
    t.same(accepted.connection.remote, { address, port: 50_000 })
    t.equal(accepted.connection.loopback, false)
    await accepted.until(({ receivedBytes }) => receivedBytes === 5)
    t.equal(String(accepted.received), 'hello')
    client.destroy()
  }
})

t.test('a header in pieces is put together', async t => {
  const { acceptor, port } = await openListener(t, { transport: 'tcp', proxy_protocol: LOOPBACK })
  const client = await dial({ port, host: '127.0.0.1' })
  client.setNoDelay(true)
  for (const byte of binaryHeader(V4)) {
    client.write(Buffer.of(byte))
    await new Promise(resolve => setImmediate(resolve))
  }
  client.write('x')
  const accepted = await acceptor.next()
  await accepted.until(({ receivedBytes }) => receivedBytes === 1)
  t.equal(accepted.connection.remote?.address, '198.51.100.7')
  client.destroy()
})

t.test("a proxy's own connection keeps its address, without the rights of loopback", async t => {
  const { acceptor, port } = await openListener(t, { transport: 'tcp', proxy_protocol: LOOPBACK })
  const client = await dial({ port, host: '127.0.0.1' })
  client.write(binaryHeader({ command: 0x20, family: 0 }))
  const { connection } = await acceptor.next()
  t.same(connection.remote, { address: '127.0.0.1', port: client.localPort })
  t.equal(connection.loopback, false)
  client.destroy()
})

t.test('a certificate that the proxy has verified names the client', async t => {
  const { acceptor, port } = await openListener(t, { transport: 'tcp', proxy_protocol: LOOPBACK })
  for (const [verify, certificate] of [
    [0, { commonName: 'meter-7', username: 'meter-7' }],
    [1, undefined],
  ] as const) {
    const client = await dial({ port, host: '127.0.0.1' })
    client.write(binaryHeader({ ...V4, tlvs: [sslTlv(0x07, verify, 'meter-7')] }))
    t.same((await acceptor.next()).connection.certificate, certificate)
    client.destroy()
  }
})

t.test('who is not trusted, says nothing proper, or nothing at all, is refused and counted', async t => {
  const strict = await openListener(t, { transport: 'tcp', proxy_protocol: ELSEWHERE })
  const foreigner = await dial({ port: strict.port, host: '127.0.0.1' })
  await once(foreigner.resume(), 'close')
  t.same(strict.listener.faults.counts, { 'proxy-untrusted': 1 })
  const { port, listener } = await openListener(t, { transport: 'tcp', proxy_protocol: LOOPBACK }, { openTimeoutMs: 150 })
  const direct = await dial({ port, host: '127.0.0.1' })
  direct.write(Buffer.from([0x10, 0x0c, 0, 4]))
  await once(direct.resume(), 'close')
  const silent = await dial({ port, host: '127.0.0.1' })
  await once(silent.resume(), 'close')
  t.same(listener.faults.counts, { 'proxy-malformed': 1, 'proxy-timeout': 1 })
})

t.test('TLS and WebSocket begin behind the header', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const tls = { ...TLS_DEFAULTS, ...pki.server() }
  const { acceptor, port } = await openListener(t, { transport: 'tls', tls, proxy_protocol: LOOPBACK })
  const socket = await dial({ port, host: '127.0.0.1' })
  // It cannot know of a certificate inside TLS that it does not end.
  socket.write(binaryHeader({ ...V4, tlvs: [sslTlv(0x07, 0, 'meter-7')] }))
  const client = connectTls({ socket, ca: pki.caText, host: 'localhost' })
  await once(client, 'secureConnect')
  const accepted = await acceptor.next()
  t.match(accepted.connection, { transport: 'tls', remote: { address: '198.51.100.7' }, loopback: false })
  t.equal(accepted.connection.certificate, undefined)
  client.write('hello')
  await accepted.until(({ receivedBytes }) => receivedBytes === 5)
  client.destroy()
})
