import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import coap from 'coap'
import t from 'tap'
import { CoapEndpoint, CoapEngine } from '#adapters/coap/index.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { Message } from '#broker/ports.ts'
import { CODE, formatCode, METHOD } from '#codecs/coap/index.ts'
import type { DatagramListener, DatagramRemote } from '#listeners/types.ts'
import { openUdpListener } from '#listeners/udp.ts'
import { CLIENT_LIMITS } from '../adapters/coap/support/bench.ts'
import { FakeBroker } from '../adapters/coap/support/fake-broker.ts'

interface Teardown {
  teardown(run: () => unknown): unknown
}

async function socket(t: Teardown, onDatagram: (bytes: Uint8Array, remote: DatagramRemote) => void): Promise<DatagramListener> {
  const bind = { host: '127.0.0.1', port: 0 }
  const listener = await openUdpListener({ bind, onDatagram, logger: silentLogger, clock: systemClock() })
  t.teardown(() => listener.close())
  return listener
}

async function serve(t: Teardown) {
  const clock = systemClock()
  const broker = new FakeBroker(clock)
  const listener = await socket(t, (bytes, remote) => engine.receive(bytes, remote))
  const engine: CoapEngine = new CoapEngine({
    broker,
    access: broker.access,
    clock,
    logger: silentLogger,
    port: listener,
    listener: 'coap',
    limits: CLIENT_LIMITS,
    payloadBytesMax: 1 << 20,
    clientsMax: 1000,
  })
  // A socket of our own: an agent closes its own one too early when an observation ends.
  const socketOfAgent = createSocket('udp4')
  socketOfAgent.bind(0, '127.0.0.1')
  await once(socketOfAgent, 'listening')
  const agent = new coap.Agent({ type: 'udp4', socket: socketOfAgent })
  t.teardown(() => {
    engine.close()
    socketOfAgent.close()
  })
  return { broker, engine, agent, port: listener.port }
}

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

async function ask(port: number, agent: coap.Agent, method: Method, pathname: string, payload = '', more: object = {}) {
  const request = coap.request({ hostname: '127.0.0.1', port, method, pathname, agent, ...more })
  request.end(payload)
  const [response] = (await once(request, 'response')) as [coap.IncomingMessage]
  return response
}

t.test('node-coap: PUT, GET, DELETE', async t => {
  const { broker, agent, port } = await serve(t)
  t.equal((await ask(port, agent, 'PUT', '/ps/site/temp', '21.5', { query: 'retain=true' })).code, '2.04')
  t.equal(broker.published.length, 1)
  const read = await ask(port, agent, 'GET', '/ps/site/temp')
  t.equal(read.code, '2.05')
  t.equal(read.payload.toString(), '21.5')
  t.equal((await ask(port, agent, 'DELETE', '/ps/site/temp')).code, '2.02')
  t.equal((await ask(port, agent, 'GET', '/ps/site/temp')).code, '4.04')
})

t.test('node-coap: a long body comes in by Block1 and goes out by Block2', async t => {
  const { broker, agent, port } = await serve(t)
  const body = 'abcdefgh'.repeat(700)
  const request = coap.request({ hostname: '127.0.0.1', port, method: 'PUT', pathname: '/ps/big', query: 'retain=1', agent })
  request.setOption('Block1', Buffer.of(5))
  request.end(body)
  const [response] = (await once(request, 'response')) as [coap.IncomingMessage]
  t.equal(response.code, '2.04')
  t.equal(Buffer.from(broker.published[0].payload).toString(), body)
  t.equal((await ask(port, agent, 'GET', '/ps/big')).payload.toString(), body)
})

t.test('node-coap: an observer gets messages, and its RST ends the observation', async t => {
  const { broker, engine, agent, port } = await serve(t)
  const observe = async (pathname: string) => {
    const request = coap.request({ hostname: '127.0.0.1', port, pathname, observe: true, agent })
    request.end()
    const [stream] = (await once(request, 'response')) as [coap.ObserveReadStream]
    return stream
  }
  const publish = (payload: string) => broker.publish(Message.from({ topic: 'live', payload: Buffer.from(payload), qos: 1 }))
  const stream = await observe('/ps/live')
  const got: string[] = []
  const three = new Promise<void>(resolve => {
    stream.on('data', chunk => {
      got.push(chunk.toString())
      if (chunk.toString() === 'three') resolve()
    })
  })
  for (const payload of ['one', 'two', 'three']) publish(payload)
  await three
  t.match(got.join(' '), /one two three$/)
  t.equal(engine.endpoint.load.observers, 1)
  // node-coap says nothing at its close: it rejects the next notification.
  stream.close()
  publish('four')
  while (engine.endpoint.load.observers > 0) await new Promise(resolve => setImmediate(resolve))
})

t.test('our client role: requests, blocks both ways and Observe against node-coap as a server', async t => {
  const server = coap.createServer((request, response) => {
    if (request.url === '/long') response.end('z'.repeat(3000))
    else if (request.headers['Observe'] === 0) {
      response.write('tick 0')
      setImmediate(() => response.write('tick 1'))
    } else response.end(`${request.method} ${request.url} ${request.payload.length}`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  t.teardown(() => server.close())
  const port = (server as unknown as { _sock: { address(): { port: number } } })._sock.address().port
  const listener = await socket(t, (bytes, remote) => endpoint.receive(bytes, remote))
  const endpoint: CoapEndpoint = new CoapEndpoint(listener, systemClock())
  t.teardown(() => endpoint.close())
  const remote = { address: '127.0.0.1', port, loopback: true }

  const response = await endpoint.request(remote, { code: METHOD.PUT, path: ['a', 'b'], query: ['x=1'], payload: Buffer.from('hello') })
  t.equal(formatCode(response.code), '2.05')
  t.equal(Buffer.from(response.payload).toString(), 'PUT /a/b?x=1 5')
  const long = await endpoint.request(remote, { code: METHOD.GET, path: ['long'] })
  t.equal(long.code, CODE.Content)
  t.equal(long.payload.length, 3000)
  const uploaded = await endpoint.request(remote, { code: METHOD.PUT, path: ['up'], payload: Buffer.alloc(5000, 'u') })
  t.equal(Buffer.from(uploaded.payload).toString(), 'PUT /up 5000')

  const seen: string[] = []
  await new Promise<void>((resolve, reject) => {
    endpoint
      .observe(remote, { code: METHOD.GET, path: ['ticks'] }, notification => {
        seen.push(Buffer.from(notification.payload).toString())
        resolve()
      })
      .then(observation => seen.push(Buffer.from(observation.response.payload).toString()), reject)
  })
  t.same(seen.sort(), ['tick 0', 'tick 1'])
})
