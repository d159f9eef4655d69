import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { encodeFrame, headLength, OPCODES, upgradeRequest, WebSocketReader } from '#codecs/websocket/index.ts'
import { eventually } from '../support/eventually.ts'
import { dial } from './support.ts'
import { authority, openListener, shakeHands, TLS_DEFAULTS } from './tls-support.ts'

const { binary, text, ping, close } = OPCODES
const KEY = 0x01020304
const frame = (payload: string, opcode: number = binary) => encodeFrame(opcode, Buffer.from(payload), KEY)

/** The client's end of a WebSocket, made by hand. */
class Client {
  readonly socket: Socket
  head = ''
  data = ''
  closeCode: number | undefined
  closed = false
  #bytes = Buffer.alloc(0)
  readonly #reader = new WebSocketReader(false, 1 << 24)

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', chunk => this.#take(chunk))
    socket.on('close', () => (this.closed = true))
    socket.on('error', () => {})
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    await eventually(what, holds, 5000, () => JSON.stringify({ head: this.head, data: this.data, closed: this.closed }))
  }

  #take(chunk: Buffer): void {
    let rest = chunk
    if (this.head === '') {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      const length = headLength(this.#bytes)
      if (length === undefined) return
      this.head = this.#bytes.toString('latin1', 0, length)
      rest = this.#bytes.subarray(length)
      if (!this.head.startsWith('HTTP/1.1 101')) {
        this.data += String(rest)
        return
      }
    }
    this.#reader.read(rest, {
      data: bytes => (this.data += String(bytes)),
      ping: () => {},
      close: code => (this.closeCode = code),
    })
  }
}

const REQUEST = upgradeRequest({ host: 'localhost', path: '/mqtt', nonce: Buffer.alloc(16) })

async function upgraded(port: number, socket?: Socket): Promise<Client> {
  const client = new Client(socket ?? (await dial({ port, host: '127.0.0.1' })))
  client.socket.write(REQUEST)
  await client.until('it is upgraded', () => client.head.startsWith('HTTP/1.1 101'))
  return client
}

t.test('bytes go both ways inside frames, also those that came with the request', async t => {
  const { acceptor, port, listener } = await openListener(t, { transport: 'ws' })
  const client = new Client(await dial({ port, host: '127.0.0.1' }))
  client.socket.write(Buffer.concat([Buffer.from(REQUEST), frame('first')]))
  const accepted = await acceptor.next()
  t.match(accepted.connection, { transport: 'ws', loopback: true, remote: { port: client.socket.localPort } })
  await accepted.until(({ receivedBytes }) => receivedBytes === 5)
  accepted.connection.write(Buffer.from('well'))
  accepted.connection.write(Buffer.alloc(100_000, 'x'))
  await client.until('all is there', () => client.data.length === 100_004)
  t.ok(client.data.startsWith('wellxx'))
  client.socket.write(Buffer.concat([frame('a'), frame('b'), frame('c')]))
  await accepted.until(({ receivedBytes }) => receivedBytes === 8)
  t.equal(String(accepted.received), 'firstabc')
  t.equal(listener.connections, 1)
  client.socket.destroy()
  await accepted.until(({ closes }) => closes.length > 0)
  t.equal(listener.connections, 0)
})

t.test('a close is answered with its code, and the connection ends', async t => {
  const { acceptor, port } = await openListener(t, { transport: 'ws' })
  const client = await upgraded(port)
  const accepted = await acceptor.next()
  client.socket.write(Buffer.concat([frame('last'), encodeFrame(close, Buffer.from([3, 233]), KEY)]))
  await client.until('it is closed', () => client.closed)
  t.equal(client.closeCode, 1001)
  await accepted.until(({ closes }) => closes.length > 0)
  t.equal(String(accepted.received), 'last')
  t.strictSame(accepted.closes, [undefined])
})

t.test('the end sends what is pending, and a close of 1000', async t => {
  const { acceptor, port } = await openListener(t, { transport: 'ws' })
  const client = await upgraded(port)
  const { connection } = await acceptor.next()
  connection.write(Buffer.from('bye'))
  connection.end()
  connection.write(Buffer.from('never'))
  await client.until('it is closed', () => client.closed)
  t.same([client.data, client.closeCode], ['bye', 1000])
})

t.test('text, broken frames and frames that are too long are closed with their code and counted', async t => {
  const websocket = { path: '/mqtt', max_frame: 1000 }
  const { acceptor, port, listener } = await openListener(t, { transport: 'ws', websocket })
  const cases: [Buffer, number, string][] = [
    [frame('hello', text), 1003, 'websocket-text'],
    [encodeFrame(binary, Buffer.from('bare')), 1002, 'websocket-malformed'],
    [encodeFrame(binary, Buffer.alloc(1001), KEY).subarray(0, 10), 1009, 'websocket-frame-too-long'],
  ]
  for (const [bytes, code, reason] of cases) {
    const client = await upgraded(port)
    const accepted = await acceptor.next()
    client.socket.write(Buffer.concat([frame('ok'), bytes]))
    await client.until('it is closed', () => client.closed)
    t.equal(client.closeCode, code)
    t.equal(listener.faults.counts[reason], 1)
    await accepted.until(({ closes }) => closes.length > 0)
    t.equal(accepted.receivedBytes, 2)
    t.match(accepted.closes, [{ code: 'decode-malformed' }])
  }
})

t.test('pings are answered, but not piled up for a peer that does not read', async t => {
  const { acceptor, port } = await openListener(t, { transport: 'ws' })
  const client = await upgraded(port)
  const { connection } = await acceptor.next()
  client.socket.pause()
  const many = Buffer.concat(Array.from({ length: 1000 }, () => frame('p'.repeat(125), ping)))
  let sent = 0
  const flood = () => {
    while (sent < 200 && client.socket.write(many)) sent++
  }
  client.socket.on('drain', flood)
  flood()
  await eventually('all pings are there', () => sent >= 200 && client.socket.writableLength === 0, 20_000)
  t.ok(connection.pendingBytes < 64 * 1024, `${connection.pendingBytes}`)
  client.socket.destroy()
})

t.test('whatever is no handshake gets an answer and is counted', async t => {
  const { port, listener } = await openListener(t, { transport: 'ws' })
  const ask = async (bytes: string | Buffer) => {
    const socket = connect({ port, host: '127.0.0.1' })
    let answer = ''
    socket.on('data', chunk => (answer += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.write(bytes)
    await once(socket, 'close')
    return answer
  }
  t.match(await ask('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 404 Not Found\r\n.*MQTT over WebSocket is at \/mqtt/s)
  t.match(await ask('GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 426 /)
  t.match(await ask(REQUEST.replace('Version: 13', 'Version: 7')), /^HTTP\/1\.1 426 .*Sec-WebSocket-Version: 13/s)
  t.match(await ask(`GET /mqtt HTTP/1.1\r\nX: ${'x'.repeat(9000)}\r\n`), /^HTTP\/1\.1 431 /)
  t.equal(await ask(Buffer.from([0x10, 0x0c, 0, 4])), '')
  t.match(await ask(Buffer.from([0x16, 3, 1, 0, 9])), /speaks no TLS/)
  t.same(listener.faults.counts, { 'upgrade-refused': 5, 'stranger-tls': 1 })
  await eventually('their places are free', () => listener.connections === 0, 5000)
})

t.test('a request that comes too slowly ends after its time', async t => {
  const { port, listener } = await openListener(t, { transport: 'ws' }, { openTimeoutMs: 150 })
  const slow = await dial({ port, host: '127.0.0.1' })
  slow.write('GET /mqtt HTTP')
  await once(slow.resume(), 'close')
  t.same(listener.faults.counts, { 'upgrade-timeout': 1 })
})

t.test('pages from elsewhere may not connect to a loopback listener, unless they are named', async t => {
  const ask = async (port: number, origin: string) => {
    const client = new Client(await dial({ port, host: '127.0.0.1' }))
    client.socket.write(REQUEST.replace('Upgrade: ', `Origin: ${origin}\r\nUpgrade: `))
    await client.until('an answer came', () => client.head !== '')
    client.socket.destroy()
    return client.head.slice(9, 12)
  }
  const usual = await openListener(t, { transport: 'ws' })
  t.equal(await ask(usual.port, 'https://news.example'), '403')
  t.equal(await ask(usual.port, 'null'), '403')
  for (const local of ['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:80']) t.equal(await ask(usual.port, local), '101', local)
  const named = await openListener(t, { transport: 'ws', websocket: { path: '/mqtt', origins: ['https://news.example'], max_frame: 1000 } })
  t.equal(await ask(named.port, 'https://news.example'), '101')
  t.equal(await ask(named.port, 'http://localhost'), '403')
  const any = await openListener(t, { transport: 'ws', websocket: { path: '/mqtt', origins: ['*'], max_frame: 1000 } })
  t.equal(await ask(any.port, 'null'), '101')
})

t.test('a paused connection stops its peer, and goes on where it was', async t => {
  const { acceptor, port } = await openListener(t, { transport: 'ws' })
  const client = await upgraded(port)
  const accepted = await acceptor.next()
  accepted.connection.pause()
  const piece = encodeFrame(binary, Buffer.alloc(1 << 20, 'x'), KEY)
  for (let i = 0; i < 32; i++) client.socket.write(piece)
  await eventually('the client is stuck', () => client.socket.writableLength > 0 && accepted.receivedBytes <= 1 << 17, 5000)
  accepted.connection.resume()
  await accepted.until(({ receivedBytes }) => receivedBytes === 32 << 20)
  t.ok(accepted.received.every(byte => byte === 0x78))
  client.socket.destroy()
})

t.test('WebSocket works inside TLS, with the certificate of its client', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const { readFileSync } = await import('node:fs')
  const meter = pki.client('meter-7')
  const tls = { ...TLS_DEFAULTS, ...pki.server(), ca: pki.ca.cert, client_cert: 'require' as const }
  const { acceptor, port } = await openListener(t, { transport: 'wss', tls })
  const options = { ca: pki.caText, cert: readFileSync(meter.cert), key: readFileSync(meter.key), ALPNProtocols: ['h2', 'http/1.1'] }
  const socket = await shakeHands(port, options)
  t.equal(socket.alpnProtocol, 'http/1.1')
  const client = await upgraded(port, socket)
  const accepted = await acceptor.next()
  t.match(accepted.connection, { transport: 'wss', certificate: { username: 'meter-7' } })
  client.socket.write(frame('up'))
  await accepted.until(({ receivedBytes }) => receivedBytes === 2)
  accepted.connection.write(Buffer.from('down'))
  await client.until('it is there', () => client.data === 'down')
  accepted.connection.end()
  await client.until('it is closed', () => client.closed)
  t.equal(client.closeCode, 1000)
})
