import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { recogniseStranger } from '#listeners/stranger.ts'
import { openListener } from './tls-support.ts'

t.test('HTTP and TLS on a plain port get an answer in their own protocol, and are counted', async t => {
  const { acceptor, port, listener } = await openListener(t, { transport: 'tcp' })
  const http = connect({ port, host: '127.0.0.1' })
  http.write('GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n')
  const accepted = await acceptor.next()
  t.match(String((await once(http, 'data'))[0]), /^HTTP\/1\.1 400 .*transport = "ws"/s)
  await accepted.until(({ closes }) => closes.length > 0)
  t.equal(accepted.receivedBytes, 0)
  const tls = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  const [error] = (await once(tls, 'error')) as [NodeJS.ErrnoException]
  t.match(error.code, /WRONG_VERSION_NUMBER/)
  t.same(listener.faults.counts, { 'stranger-http': 1, 'stranger-tls': 1 })
})

t.test('nobody else is a stranger', async t => {
  for (const first of [
    [0x10, 0x0c],
    [0x16],
    [0x16, 0x07],
    [...Buffer.from('CONNECT\naccept-version:1.2\n')],
    [...Buffer.from('STOMP\n')],
    [0x30],
  ]) {
    const is = recogniseStranger(Buffer.from(first)) !== undefined
    t.equal(is, first.length === 1 && first[0] === 0x16, Buffer.from(first).toString('hex'))
  }
})
