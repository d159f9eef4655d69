import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { systemClock } from '#base/system-clock.ts'
import type { DatagramRemote } from '#listeners/types.ts'
import { openUdpListener, type UdpListenerOptions } from '#listeners/udp.ts'
import { RecordingLogger } from '../support/recording-logger.ts'

type Received = { bytes: Buffer; remote: DatagramRemote }

async function open(t: Test, options: Partial<UdpListenerOptions> = {}) {
  const received: Received[] = []
  const waiting: (() => void)[] = []
  const logger = new RecordingLogger()
  const listener = await openUdpListener({
    bind: { host: '127.0.0.1', port: 0 },
    logger,
    clock: systemClock(),
    onDatagram(bytes, remote) {
      received.push({ bytes, remote })
      for (const wake of waiting.splice(0)) wake()
    },
    ...options,
  })
  t.teardown(() => listener.close())
  const next = async (): Promise<Received> => {
    while (received.length === 0) await new Promise<void>(resolve => waiting.push(resolve))
    return received.shift()!
  }
  return { listener, logger, next, port: listener.port }
}

async function client(t: Test, type: 'udp4' | 'udp6' = 'udp4') {
  const socket = createSocket(type)
  t.teardown(() => socket.close())
  socket.bind({ address: type === 'udp4' ? '127.0.0.1' : '::1', port: 0 })
  await once(socket, 'listening')
  return socket
}

t.test('a datagram arrives whole, and the answer comes from the same port', async t => {
  const { listener, next, port } = await open(t)
  const socket = await client(t)
  const bytes = Buffer.alloc(60_000, 9)
  socket.send(bytes, port, '127.0.0.1')
  const { bytes: got, remote } = await next()
  t.ok(got.equals(bytes))
  t.strictSame(remote, { address: '127.0.0.1', port: socket.address().port, loopback: true })
  listener.send(Buffer.from('answer'), remote.address, remote.port)
  const [answer, from] = await once(socket, 'message')
  t.equal(String(answer), 'answer')
  t.equal(from.port, port)
  t.match(listener.counters, { received: 1, sent: 1, sendErrors: 0, sendDropped: 0, receiveErrors: 0 })
})

t.test('an empty datagram is a datagram', async t => {
  const { next, port } = await open(t)
  const socket = await client(t)
  socket.send(Buffer.alloc(0), port, '127.0.0.1')
  t.equal((await next()).bytes.length, 0)
})

t.test('a dual-stack listener takes and answers IPv4 and IPv6', async t => {
  const { listener, next, port } = await open(t, { bind: { host: '::', port: 0 } })
  for (const [type, host] of [
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const) {
    const socket = await client(t, type)
    socket.send('question', port, host)
    const { remote } = await next()
    t.equal(remote.address, host)
    t.equal(remote.loopback, false, 'a listener on every interface is not on loopback')
    listener.send(Buffer.from('answer'), remote.address, remote.port)
    t.equal(String((await once(socket, 'message'))[0]), 'answer')
  }
})

t.test('a peer that is gone does no harm', async t => {
  const { listener, logger, next, port } = await open(t)
  const gone = createSocket('udp4')
  gone.bind(0, '127.0.0.1')
  await once(gone, 'listening')
  const gonePort = gone.address().port
  gone.close()
  await once(gone, 'close')
  for (let i = 0; i < 5; i++) listener.send(Buffer.from('anyone?'), '127.0.0.1', gonePort)
  const socket = await client(t)
  socket.send('still there?', port, '127.0.0.1')
  t.equal(String((await next()).bytes), 'still there?')
  t.strictSame(logger.messages('warn'), [])
})

t.test('what cannot be sent is counted and logged once, and the listener goes on', async t => {
  const { listener, logger, next, port } = await open(t)
  const tooLong = Buffer.alloc(70_000)
  const failed = () => listener.counters.sendErrors
  listener.send(tooLong, '127.0.0.1', 9)
  listener.send(tooLong, '127.0.0.1', 9)
  listener.send(Buffer.from('x'), 'no address', 9)
  listener.send(Buffer.from('x'), '127.0.0.1', 0)
  while (failed() < 4) await new Promise(resolve => setImmediate(resolve))
  t.equal(failed(), 4)
  t.equal(logger.messages('warn').length, 1)
  const socket = await client(t)
  socket.send('on', port, '127.0.0.1')
  await next()
})

t.test('datagrams beyond the waiting bytes allowed are dropped and counted', async t => {
  const { listener } = await open(t, { sendQueueBytesMax: 10 })
  listener.send(Buffer.alloc(11), '127.0.0.1', 9)
  t.match(listener.counters, { sendDropped: 1 })
})

t.test('a port that is taken is an error that names it', async t => {
  const { port } = await open(t)
  await t.rejects(open(t, { bind: { host: '127.0.0.1', port } }), {
    code: 'address-in-use',
    message: `UDP port ${port} on 127.0.0.1 is taken by another program`,
  })
})

t.test('after the close nothing is sent, and the port is free', async t => {
  const { listener, port } = await open(t)
  await listener.close()
  await listener.close()
  listener.send(Buffer.from('x'), '127.0.0.1', 9)
  const again = await open(t, { bind: { host: '127.0.0.1', port } })
  t.equal(again.port, port)
})
