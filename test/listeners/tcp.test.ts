import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { openTcpListener, type TcpListenerOptions } from '#listeners/tcp.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { Acceptor, dial, dialRefused, testOptions } from './support.ts'

async function open(t: Test, options: Partial<TcpListenerOptions> = {}) {
  const acceptor = new Acceptor()
  const defaults = testOptions(acceptor)
  const listener = await openTcpListener({ ...defaults, bind: { host: '127.0.0.1', port: 0 }, ...options })
  t.teardown(() => listener.close())
  return { acceptor, listener, logger: defaults.logger, port: listener.port }
}

t.test('bytes go both ways, and both sides are known', async t => {
  const { acceptor, listener, port } = await open(t)
  const client = await dial({ port, host: '127.0.0.1' })
  const peer = await acceptor.next()
  const { connection } = peer
  t.match(connection, {
    transport: 'tcp',
    loopback: true,
    remote: { address: '127.0.0.1', port: client.localPort },
    local: { address: '127.0.0.1', port },
  })
  client.write('hello')
  await peer.until(({ receivedBytes }) => receivedBytes === 5)
  t.equal(String(peer.received), 'hello')
  connection.write(Buffer.from('well'))
  connection.write(new Uint8Array([33]))
  let answer = ''
  while (answer.length < 5) answer += String((await once(client, 'data'))[0])
  t.equal(answer, 'well!')
  t.match(listener.counters, { bytesReceived: 5, bytesSent: 5 }, 'and counted')
  t.equal(listener.connections, 1)
  client.destroy()
  await peer.until(({ closes }) => closes.length > 0)
  t.strictSame(peer.closes, [undefined])
  t.equal(listener.connections, 0)
  t.equal(connection.remote?.address, '127.0.0.1', 'the peer is known after the close too')
})

t.test('ids differ', async t => {
  const { acceptor, port } = await open(t)
  const clients = [await dial({ port, host: '127.0.0.1' }), await dial({ port, host: '127.0.0.1' })]
  t.not((await acceptor.next()).connection.id, (await acceptor.next()).connection.id)
  for (const client of clients) client.destroy()
})

t.test('a listener on every interface gives nobody the rights of loopback', async t => {
  const { acceptor, port } = await open(t, { bind: { host: '0.0.0.0', port: 0 } })
  const client = await dial({ port, host: '127.0.0.1' })
  const { connection } = await acceptor.next()
  t.equal(connection.loopback, false)
  t.equal(connection.local?.address, '127.0.0.1')
  client.destroy()
})

t.test('an IPv6 listener on every interface takes IPv4 too and shows it in dotted form', async t => {
  const { acceptor, port } = await open(t, { bind: { host: '::', port: 0 } })
  for (const host of ['127.0.0.1', '::1']) {
    const client = await dial({ port, host })
    const { connection } = await acceptor.next()
    t.equal(connection.remote?.address, host)
    t.equal(connection.local?.address, host)
    t.equal(connection.loopback, false)
    client.destroy()
  }
})

t.test('::1 is loopback', async t => {
  const { acceptor, port } = await open(t, { bind: { host: '::1', port: 0 } })
  const client = await dial({ port, host: '::1' })
  t.equal((await acceptor.next()).connection.loopback, true)
  client.destroy()
})

t.test('a slow peer makes bytes pending, and their leaving is reported once', async t => {
  const { acceptor, port } = await open(t)
  const client = await dial({ port, host: '127.0.0.1' })
  const { connection } = await acceptor.next()
  let drains = 0
  const drained = new Promise<void>(resolve => {
    connection.onDrain = () => {
      drains++
      resolve()
    }
  })
  connection.write(Buffer.from('x'))
  t.equal(connection.pendingBytes, 0, 'a small write is taken by the kernel at once')
  const chunk = Buffer.alloc(1 << 20, 1)
  let written = 1
  while (connection.pendingBytes === 0) {
    connection.write(chunk)
    written += chunk.length
  }
  connection.write(chunk)
  written += chunk.length
  t.ok(connection.pendingBytes >= chunk.length)
  t.equal(drains, 0)
  let arrived = 0
  client.on('data', data => {
    arrived += data.length
  })
  await drained
  t.equal(connection.pendingBytes, 0)
  connection.end()
  await once(client, 'close')
  t.equal(arrived, written)
  t.equal(drains, 1)
})

t.test('a paused connection reads no further, and goes on where it stood', async t => {
  const { acceptor, port } = await open(t)
  const client = await dial({ port, host: '127.0.0.1' })
  const peer = await acceptor.next()
  peer.connection.pause()
  const size = 16 << 20
  client.write(Buffer.alloc(size, 7))
  // Another connection that goes on shows that the event loop had its chance to read this one.
  const other = await dial({ port, host: '127.0.0.1' })
  const otherPeer = await acceptor.next()
  for (let rounds = 1; rounds <= 100; rounds++) {
    other.write('x')
    await otherPeer.until(({ receivedBytes }) => receivedBytes === rounds)
  }
  other.destroy()
  t.ok(client.writableLength > 0)
  t.equal(peer.receivedBytes, 0)
  peer.connection.resume()
  await peer.until(({ receivedBytes }) => receivedBytes === size)
  client.destroy()
})

t.test('end sends what is pending, takes no more, and hears no more', async t => {
  const { acceptor, port } = await open(t)
  const client = await dial({ port, host: '127.0.0.1' })
  const peer = await acceptor.next()
  peer.connection.write(Buffer.alloc(4 << 20, 1))
  peer.connection.end()
  peer.connection.write(Buffer.from('too late'))
  client.write('unheard')
  let arrived = 0
  client.on('data', data => {
    arrived += data.length
  })
  await once(client, 'close')
  t.equal(arrived, 4 << 20)
  await peer.until(({ closes }) => closes.length > 0)
  t.equal(peer.receivedBytes, 0)
})

t.test('an ended connection whose peer does not read is destroyed after the linger time', async t => {
  const clock = new VirtualClock()
  const { acceptor, port, listener } = await open(t, { clock, lingerMs: 3000 })
  const client = await dial({ port, host: '127.0.0.1' })
  client.pause()
  const peer = await acceptor.next()
  while (peer.connection.pendingBytes === 0) peer.connection.write(Buffer.alloc(1 << 20))
  peer.connection.end()
  clock.advance(2999)
  t.equal(listener.connections, 1)
  clock.advance(1)
  await peer.until(({ closes }) => closes.length > 0)
  t.equal(listener.connections, 0)
  client.destroy()
})

t.test('a peer that ends its side and does not read is destroyed after the linger time', async t => {
  const clock = new VirtualClock()
  const { acceptor, port } = await open(t, { clock, lingerMs: 3000 })
  const client = await dial({ port, host: '127.0.0.1', allowHalfOpen: true })
  client.pause()
  const peer = await acceptor.next()
  while (peer.connection.pendingBytes === 0) peer.connection.write(Buffer.alloc(1 << 20))
  client.end('bye')
  await peer.until(({ receivedBytes }) => receivedBytes === 3)
  while (peer.closes.length === 0) {
    clock.advance(3000)
    await new Promise(resolve => setImmediate(resolve))
  }
  client.destroy()
})

t.test('destroy is at once, and tells only of the close', async t => {
  const { acceptor, port } = await open(t)
  const client = await dial({ port, host: '127.0.0.1' })
  const peer = await acceptor.next()
  peer.connection.destroy()
  peer.connection.destroy()
  peer.connection.end()
  peer.connection.write(Buffer.from('x'))
  t.equal(peer.connection.pendingBytes, 0)
  await once(client, 'close')
  await peer.until(({ closes }) => closes.length > 0)
  t.strictSame(peer.closes, [undefined])
})

t.test('a peer that resets the connection is reported with the error, once', async t => {
  const { acceptor, port } = await open(t)
  const client = await dial({ port, host: '127.0.0.1' })
  const peer = await acceptor.next()
  client.resetAndDestroy()
  await peer.until(({ closes }) => closes.length > 0)
  t.match(peer.closes, [{ code: 'ECONNRESET' }])
  t.equal(peer.closes.length, 1)
})

t.test('a port that is taken is an error that names it', async t => {
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  await t.rejects(openTcpListener({ ...testOptions(new Acceptor()), bind: { host: '127.0.0.1', port } }), {
    code: 'address-in-use',
    message: `port ${port} on 127.0.0.1 is taken by another program`,
    hint: /choose another/,
  })
})

t.test("an address that is not this machine's is an error with a hint", async t => {
  await t.rejects(openTcpListener({ ...testOptions(new Acceptor()), bind: { host: '192.0.2.1', port: 0 } }), {
    code: 'listen-failed',
    hint: /address of this machine/,
  })
})

t.test('connections beyond the maximum are refused and counted, and room that returns is used', async t => {
  const { acceptor, port, listener } = await open(t, { maxConnections: 1 })
  const first = await dial({ port, host: '127.0.0.1' })
  const peer = await acceptor.next()
  await dialRefused({ port, host: '127.0.0.1' })
  t.match(listener.counters, { accepted: 1, refusedFull: 1, refusedRate: 0 })
  first.destroy()
  await peer.until(({ closes }) => closes.length > 0)
  const third = await dial({ port, host: '127.0.0.1' })
  await acceptor.next()
  t.equal(listener.counters.accepted, 2)
  third.destroy()
})

t.test('connections beyond the rate are refused and counted', async t => {
  const clock = new VirtualClock()
  const { acceptor, port, listener } = await open(t, { clock, connectionsPerSecond: 1 })
  const first = await dial({ port, host: '127.0.0.1' })
  await acceptor.next()
  await dialRefused({ port, host: '127.0.0.1' })
  t.match(listener.counters, { accepted: 1, refusedRate: 1 })
  clock.advance(1000)
  const third = await dial({ port, host: '127.0.0.1' })
  await acceptor.next()
  for (const client of [first, third]) client.destroy()
})

t.test('a closed listener frees its port and leaves its connections alone', async t => {
  const { acceptor, port, listener } = await open(t)
  const client = await dial({ port, host: '127.0.0.1' })
  const peer = await acceptor.next()
  await listener.close()
  await listener.close()
  const again = await open(t, { bind: { host: '127.0.0.1', port } })
  t.equal(again.port, port)
  client.write('still here')
  await peer.until(({ receivedBytes }) => receivedBytes === 10)
  client.destroy()
  await peer.until(({ closes }) => closes.length > 0)
})
