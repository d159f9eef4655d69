/** Bytes that no decent peer sends, by the thousands to every listener. E2E_HOSTILE makes them more, E2E_SEED repeats them. */
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { decodePacket, encodePacket } from '#codecs/mqtt/index.ts'
import { eventually, within } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { peer } from '../support/peers.ts'
import { type GatewayProcess, hasProgram } from '../support/program.ts'
import { Random, seedOf } from '../support/random.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { exactlyOnce } from './arrivals.ts'
import { CoapPublisher } from './coap-publisher.ts'
import { Counter } from './counter.ts'
import { GatewayFixture } from './gateway-fixture.ts'
import { hostileDatagram, hostileLine, hostileStream } from './hostile-bytes.ts'
import { MqttPublisher } from './mqtt-publisher.ts'
import { SerialLine } from './serial-line.ts'
import { SerialPublisher } from './serial-publisher.ts'

const HOSTILE = Number(process.env['E2E_HOSTILE'] ?? 3000)
const AT_ONCE = 40
const RATE = 50
const PATIENCE_MS = 30_000

interface Good {
  gateway: GatewayProcess
  fixture: GatewayFixture
  random: Random
  /** Ends the good traffic and judges it. */
  judge(): Promise<void>
}

/** A gateway with good clients at work: publishers of QoS 1 and 2 and CoAP, and one that counts what they send. */
async function withGoodClients(t: Test, more = ''): Promise<Good> {
  const random = new Random(seedOf('E2E_SEED'))
  t.comment(`seed ${random.seed}, ${HOSTILE} times`)
  const fixture = await GatewayFixture.make(t, temporaryFolder(t), more)
  const gateway = await fixture.start()
  const { mqttPort: port, coapPort } = fixture
  const counter = new Counter({ port, clientId: 'counter', filter: 'good/#' })
  await counter.subscribed
  const one = new MqttPublisher({ port, clientId: 'one', topic: 'good/one', qos: 1, window: 20 })
  const two = new MqttPublisher({ port, clientId: 'two', topic: 'good/two', qos: 2, window: 20 })
  const three = new CoapPublisher({ port: coapPort, path: 'ps/good/three' })
  const all = [one, two, three]
  t.teardown(() => [counter, ...all].map(client => client.close()))
  for (const publisher of all) publisher.flow(RATE)
  await eventually('the good clients are at work', () => all.every(({ acknowledged }) => acknowledged > 0), PATIENCE_MS)

  async function judge(): Promise<void> {
    for (const publisher of all) publisher.halt()
    await eventually('the good clients have their acknowledgements', () => all.every(({ inFlight }) => inFlight === 0), PATIENCE_MS)
    one.publish('the end')
    await within(PATIENCE_MS, 'the last good message', counter.arrived('good/one', 'the end'))
    for (const [i, topic] of ['good/one', 'good/two', 'good/three'].entries()) {
      const verdict = exactlyOnce(
        counter
          .of(topic)
          .filter(each => each !== 'the end')
          .map(Number),
      )
      t.same(verdict.faults, [], `${topic}: in order, each once`)
      t.equal(verdict.distinct, (all[i]?.next ?? 0) - (topic === 'good/one' ? 1 : 0), `${topic}: all`)
      t.ok(verdict.distinct > 0, `${topic}: there were some`)
    }
    t.same([one.connections, two.connections], [1, 1], 'nobody was disconnected')
    t.same([...one.faults, ...two.faults, ...three.faults, ...counter.faults], [])
    t.ok(gateway.alive, 'the process lives')
    t.notMatch(gateway.stderr, /ends because|\n +at /, 'nothing was thrown that nobody caught')
    t.equal((await within(5000, 'the gateway stops', gateway.end('SIGTERM'))).code, 0)
  }
  return { gateway, fixture, random, judge }
}

/** Sends bytes on a connection of their own. Resolves when the gateway has closed it, with what it said. */
function pour(port: number, bytes: Buffer): Promise<Buffer> {
  return converse(port, socket => socket.end(bytes))
}

/** Sends, and waits for the other side to answer and close, however long it thinks. */
function ask(port: number, bytes: Buffer): Promise<Buffer> {
  return converse(port, socket => socket.write(bytes))
}

function converse(port: number, send: (socket: Socket) => void): Promise<Buffer> {
  return new Promise(resolve => {
    const said: Buffer[] = []
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.on('data', chunk => said.push(chunk as Buffer))
    socket.on('close', () => resolve(Buffer.concat(said)))
    send(socket)
  })
}

t.test('streams of bad bytes to the MQTT listener trouble nobody else', async t => {
  if (!hasProgram(t)) return
  const { gateway, fixture, random, judge } = await withGoodClients(t)
  let left = HOSTILE
  const work = async () => {
    while (left-- > 0) await within(PATIENCE_MS, 'the end of a bad connection', pour(fixture.mqttPort, hostileStream(random)))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  t.ok(gateway.alive, `the process lives ${gateway.alive ? '' : gateway.stderr.slice(-2000)}`)
  const connected = await fixture.list<{ client_id: string }>('clients')
  t.same(
    connected.map(client => client.client_id).filter(id => id.startsWith('bad')),
    [],
    'no bad client is left',
  )
  await judge()
})

t.test('an explanation that quotes a bad peer is no way to end the process', async t => {
  if (!hasProgram(t)) return
  const strict = `[listeners.strict]\nprotocol = "mqtt"\nbind = "127.0.0.1:${await freePort()}"\nanonymous = "never"\n`
  const { gateway, fixture, judge } = await withGoodClients(t, strict)
  const connectOf = (username: string): Buffer =>
    Buffer.from(encodePacket({ type: 'connect', protocolVersion: 5, clientId: 'bad', keepAlive: 30, cleanStart: true, username }, 5))
  // The second CONNECT is one too many [MQTT-3.1.0-2], and names a version that nobody speaks.
  const wrongVersion = connectOf('')
  wrongVersion[8] = 9
  const told = await pour(fixture.mqttPort, Buffer.concat([connectOf(''), wrongVersion]))
  const disconnect = told.subarray((told[1] ?? 0) + 2)
  t.same([told[0], told[3], disconnect[0], disconnect[2]], [0x20, 0, 0xe0, 0x82], 'CONNACK, then DISCONNECT: protocol error')
  const port = Number(/bind = "127\.0\.0\.1:(\d+)"/.exec(strict)?.[1])
  for (const [username, reasonCode] of [
    ['x'.repeat(65_535), 0x86],
    ['\u0001', 0x81],
    ['ü'.repeat(300), 0x86],
  ] as const) {
    const answer = await ask(port, connectOf(username))
    t.match(
      decodePacket(answer, 0, answer.length, 5),
      { type: 'connack', reasonCode },
      `CONNACK for a user name of ${username.length} characters: it is not good`,
    )
  }
  t.ok(gateway.alive, 'the process lives')
  await judge()
})

t.test('bad datagrams to the CoAP listener trouble nobody else', async t => {
  if (!hasProgram(t)) return
  const { fixture, random, judge } = await withGoodClients(t)
  const socket = createSocket('udp4')
  t.teardown(() => void socket.close())
  let answers = 0
  socket.on('message', () => answers++)
  await new Promise<void>(resolve => socket.connect(fixture.coapPort, '127.0.0.1', () => resolve()))
  for (let i = 0; i < HOSTILE; i++) {
    await new Promise<void>(resolve => socket.send(hostileDatagram(random), () => resolve()))
    // So that the kernel drops few of them: every hundredth is one that must be answered, by RST (RFC 7252 §4.3).
    if (i % 100 === 99) await pingBy(socket, i & 0xffff)
  }
  t.ok(answers > 0, `${answers} answers`)
  await judge()
})

/** CoAP's ping: an empty confirmable message; resolves with the RST. */
function pingBy(socket: ReturnType<typeof createSocket>, messageId: number): Promise<void> {
  const ping = Buffer.from([0x40, 0, messageId >>> 8, messageId & 0xff])
  const answered = new Promise<void>(resolve => {
    socket.on('message', function take(bytes: Buffer) {
      if (bytes.length !== 4 || bytes[0] !== 0x70 || bytes.readUInt16BE(2) !== messageId) return
      socket.off('message', take)
      clearInterval(again)
      resolve()
    })
    const again = setInterval(() => socket.send(ping, () => {}), 500)
    socket.send(ping, () => {})
  })
  return within(PATIENCE_MS, 'the answer to a CoAP ping', answered)
}

t.test('noise on a serial line does not keep good lines from coming', async t => {
  const socat = peer(t, 'socat')
  if (!hasProgram(t) || socat === undefined) return
  const line = await SerialLine.open(socat, join(temporaryFolder(t), 'port'))
  t.teardown(() => line.close())
  const device = `[serial.noisy]\nport = "${line.path}"\nparse = "regex"\npattern = '${SerialPublisher.pattern}'\n`
  const { gateway, fixture, random, judge } = await withGoodClients(t, device)
  const counter = new Counter({ port: fixture.mqttPort, clientId: 'serial-counter', filter: 'serial/noisy/n' })
  t.teardown(() => counter.close())
  await counter.subscribed
  await within(PATIENCE_MS, 'the port is open', gateway.said(/port open/))
  const good = Math.ceil(HOSTILE / 100)
  for (let n = 0; n < good; n++) {
    const noise = Array.from({ length: 100 }, () => hostileLine(random))
    const text = String(n).padStart(8, '0')
    line.send(Buffer.concat([...noise, Buffer.from(`N=${text};\n`)]))
    await within(PATIENCE_MS, `good line ${n}`, counter.arrived('serial/noisy/n', text))
  }
  t.equal(counter.of('serial/noisy/n').length, good, 'each good line once, and no bad one')
  await judge()
})
