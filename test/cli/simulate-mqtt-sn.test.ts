/** `tidegate simulate mqtt-sn` against a gateway on a real socket. */
import t, { type Test } from 'tap'
import { SnEngine } from '#adapters/mqtt-sn/index.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { createBroker, type GatewayBroker } from '#broker/broker.ts'
import { type Client, Message } from '#broker/ports.ts'
import type { DatagramListener } from '#listeners/types.ts'
import { openUdpListener } from '#listeners/udp.ts'
import { SN_CONFIG, TestAccess } from '../adapters/mqtt-sn/bench.ts'
import { MemoryDisk, MemoryStore } from '../support/memory-store.ts'
import { Stage } from './stage.ts'

interface Site {
  port: string
  broker: GatewayBroker
  /** What was published, as `topic payload`. */
  seen: string[]
  source: Client
}

async function site(t: Test): Promise<Site> {
  const clock = systemClock()
  const store = new MemoryStore({ clock, disk: new MemoryDisk(), runningMs: () => broker.runningMs() })
  const broker: GatewayBroker = await createBroker({ store, access: new TestAccess(), clock, logger: silentLogger })
  let engine: SnEngine | undefined
  const socket: DatagramListener = await openUdpListener({
    bind: { host: '127.0.0.1', port: 0 },
    onDatagram: (bytes, remote) => engine?.receive(bytes, remote),
    logger: silentLogger,
    clock,
  })
  const limits = {
    queue: { messagesMax: 100, bytesMax: 1 << 20, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false } as const,
    inFlightMax: 10,
    topicLevelsMax: 10,
  }
  engine = new SnEngine({
    broker,
    clock,
    logger: silentLogger,
    port: socket,
    listener: 'sn',
    limits,
    payloadBytesMax: 1000,
    sessionExpiryMs: 60_000,
    connectTimeoutMs: 15_000,
    clientsMax: 10,
    config: SN_CONFIG,
  })
  const seen: string[] = []
  const { client: source } = broker.attach({
    identity: broker.internalIdentity('source', 'test', true),
    sink: {
      congested: false,
      send: message => void seen.push(`${message.topic} ${Buffer.from(message.payload)}`),
      sendRun: () => false,
      deliver() {},
      release() {},
      close() {},
    },
    protocol: 'test',
    listener: 'test',
    peer: undefined,
    cleanStart: true,
    sessionExpiryMs: 0,
    limits,
  })
  source.resume()
  source.subscribe([{ filter: '#', qos: 0, noLocal: true }])
  t.teardown(async () => {
    engine.close()
    await socket.close()
    broker.stop()
    await store.close()
    broker.abandon()
  })
  return { port: String(socket.port), broker, seen, source }
}

function stage(): Stage {
  const made = new Stage()
  made.realClock = systemClock()
  return made
}

t.test('a node publishes readings at its interval and says good-bye', async t => {
  const { port, seen, broker } = await site(t)
  const on = stage()
  const words = ['simulate', 'mqtt-sn', '--port', port, '-t', 'hall/temperature', '--interval', '0.01', '-C', '3']
  t.equal(await on.run(...words), 0, on.err.text)
  t.match(seen, [/^hall\/temperature \{"n":1,"value":20\.2\}$/, /"n":2/, /"n":3/])
  t.match(on.err.text, /^connected as simulated-[0-9a-f]{8}\npublished \{"n":1/)
  t.strictSame(
    broker.clients().map(client => client.clientId),
    ['source'],
  )
})

t.test('it prints what it subscribes to, and ends when it is stopped', async t => {
  const { port, broker, source } = await site(t)
  const on = stage()
  const running = on.run('simulate', 'mqtt-sn', '--port', port, '--client-id', 'desk', '-s', 'a/+')
  await on.err.until(/connected as desk/)
  while (broker.subscriptions().length < 2) await new Promise(resolve => setImmediate(resolve))
  source.publish(broker.route('a/b')!, Message.from({ topic: 'a/b', payload: Buffer.from('hello'), qos: 1 }))
  await on.out.until(/^a\/b hello\n/)
  on.signals.get('SIGINT')?.()
  t.equal(await running, 0)
})

t.test('a sleeping node gets its messages when it wakes', async t => {
  const { port, broker, source } = await site(t)
  const on = stage()
  const words = ['--client-id', 'cellar', '-t', 'cellar/level', '-s', 'orders', '--sleep', '1s', '-C', '2', '--keep-session']
  const running = on.run('simulate', 'mqtt-sn', '--port', port, ...words)
  await on.err.until(/asleep for 1 s/)
  t.match(
    broker.clients().find(client => client.clientId === 'cellar'),
    { state: 'asleep' },
  )
  source.publish(broker.route('orders')!, Message.from({ topic: 'orders', payload: Buffer.from('open'), qos: 1 }))
  t.equal(await running, 0, on.err.text)
  t.equal(on.out.text, 'orders open\n')
  t.match(on.err.text, /published .*\nasleep for 1 s\nawake\npublished/)
})

t.test('QoS -1 publishes without a connection, by short name and by predefined id', async t => {
  const { port, seen } = await site(t)
  const to = ['simulate', 'mqtt-sn', '--port', port, '-q', '-1', '-C', '1', '-m', 'x']
  t.equal(await stage().run(...to, '-t', 'ab'), 0)
  t.equal(await stage().run(...to, '--predefined', '2'), 0)
  while (seen.length < 2) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(seen, ['ab x', 'site/two x'])
})

t.test('what makes no sense is refused with exit code 2', async t => {
  for (const [words, says] of [
    [['simulate'], /KIND is missing/],
    [['simulate', 'mqttsn', '-t', 'a'], /there is no kind "mqttsn" \(did you mean "mqtt-sn"/],
    [['simulate', 'mqtt-sn'], /it has nothing to do/],
    [['simulate', 'mqtt-sn', '-t', 'a', '--predefined', '1'], /exclude each other/],
    [['simulate', 'mqtt-sn', '-t', 'long/name', '-q', '-1'], /short name of two characters/],
    [['simulate', 'mqtt-sn', '-t', 'ab', '-q', '-1', '-s', 'x'], /without a connection/],
    [['simulate', 'mqtt-sn', '-t', 'a', '--sleep', '1ms'], /--sleep wants a time from 1s/],
  ] as const) {
    const on = stage()
    t.equal(await on.run(...words), 2, words.join(' '))
    t.match(on.err.text, says)
  }
})

t.test('a gateway that is not there is a failure', async t => {
  const on = stage()
  const nowhere = on.run('simulate', 'mqtt-sn', '--host', 'no.such.host.invalid', '-t', 'a')
  t.equal(await nowhere, 1)
  t.match(on.err.text, /no\.such\.host\.invalid port 1884 cannot be reached/)
})
