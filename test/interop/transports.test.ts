/** Clients that others wrote, on every transport and in every version that they speak. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import mqtt, { type IClientOptions } from 'mqtt'
import t, { type Test } from 'tap'
import { createAccess } from '#access/index.ts'
import { MqttListener } from '#adapters/mqtt/index.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { createBroker } from '#broker/broker.ts'
import type { Access, Credentials } from '#broker/ports.ts'
import { CLIENT_DEFAULTS, connectClient, openStream, type Target } from '#clients/mqtt/index.ts'
import { openStreamListener, type StreamListenerConfig } from '#listeners/open.ts'
import { authority, TLS_DEFAULTS } from '../listeners/tls-support.ts'
import type { Authority } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { TEST_LIMITS } from '../support/mqtt-harness.ts'
import { peer } from '../support/peers.ts'
import { runToEnd } from '../support/program.ts'

const PSK = '00112233445566778899aabbccddeeff'

interface Served {
  pki: Authority
  port: number
  /** Of the Unix socket. */
  path: string
  /** What clients have shown, newest last. */
  shown: Credentials[]
}

/** A broker behind one listener; undefined when openssl is missing. */
async function serve(t: Test, transport: StreamListenerConfig['transport'], tls: object = {}): Promise<Served | undefined> {
  const pki = authority(t)
  if (pki === undefined) return undefined
  const clock = systemClock()
  const shown: Credentials[] = []
  const access: Access = createAccess('always')
  const authenticate = access.authenticate.bind(access)
  access.authenticate = credentials => {
    shown.push(credentials)
    return authenticate(credentials)
  }
  const broker = await createBroker({ store: new MemoryStore({ clock }), access, clock, logger: silentLogger })
  const listener = new MqttListener({ name: 'test', broker, clock, logger: silentLogger, limits: TEST_LIMITS, anonymous: undefined })
  const psk = join(pki.folder, 'psk.txt')
  writeFileSync(psk, `meter-7:${PSK}\n`, { mode: 0o600 })
  const path = join(pki.folder, 'mqtt.sock')
  const secure = transport === 'tls' || transport === 'wss'
  const socket = await openStreamListener(
    {
      transport,
      bind: transport === 'unix' ? { path } : { host: '127.0.0.1', port: 0 },
      ...(secure && { tls: { ...TLS_DEFAULTS, ...pki.server(), ca: pki.ca.cert, psk_file: psk, ...tls } }),
    },
    {
      name: 'test',
      maxConnections: 100,
      connectionsPerSecond: 0,
      onConnection: connection => listener.accept(connection),
      logger: silentLogger,
      clock,
    },
  )
  t.teardown(async () => {
    await socket.close()
    listener.stop()
    broker.stop()
  })
  return { pki, port: socket.port, path, shown }
}

type Words = (served: Served) => string[]
const MOSQUITTO: [name: string, transport: StreamListenerConfig['transport'], words: Words, shown: Partial<Credentials>][] = [
  ['tls', 'tls', ({ port, pki }) => ['-h', 'localhost', '-p', `${port}`, '--cafile', pki.ca.cert], { pskIdentity: undefined }],
  [
    'tls with a certificate',
    'tls',
    ({ port, pki }) => {
      const { cert, key } = pki.client('meter-7')
      return ['-h', 'localhost', '-p', `${port}`, '--cafile', pki.ca.cert, '--cert', cert, '--key', key]
    },
    { certificate: { commonName: 'meter-7', username: 'meter-7' } },
  ],
  ['psk', 'tls', ({ port }) => ['-h', '127.0.0.1', '-p', `${port}`, '--psk', PSK, '--psk-identity', 'meter-7'], { pskIdentity: 'meter-7' }],
  ['unix', 'unix', ({ path }) => ['--unix', path], { loopback: true, address: undefined }],
]

for (const [name, transport, words, shown] of MOSQUITTO) {
  for (const version of ['mqttv31', 'mqttv311', 'mqttv5']) {
    t.test(`mosquitto's clients over ${name} with ${version}`, async t => {
      const publisher = peer(t, 'mosquitto_pub')
      const subscriber = peer(t, 'mosquitto_sub')
      const served = await serve(t, transport, { client_cert: 'request' })
      if (publisher === undefined || subscriber === undefined || served === undefined) return
      const common = [...words(served), '-V', version, '-q', '2', '-t', 'a']
      const sub = spawn(subscriber, [...common, '-C', '2', '-W', '20'], { stdio: ['ignore', 'pipe', 'inherit'] })
      t.teardown(() => sub.kill())
      let seen = ''
      sub.stdout.on('data', chunk => (seen += chunk))
      const ended = once(sub, 'close')
      const retained = await runToEnd(publisher, [...common, '-r', '-m', 'first'])
      t.same([retained.code, retained.stderr], [0, ''])
      await eventually(
        'the first message is there',
        () => seen === 'first\n',
        10_000,
        () => seen,
      )
      await runToEnd(publisher, [...common, '-m', 'second'])
      await ended
      t.equal(seen, 'first\nsecond\n')
      for (const each of served.shown) t.match(each, shown)
    })
  }
}

for (const transport of ['tls', 'ws', 'wss'] as const) {
  for (const version of ['31', '311', '5']) {
    t.test(`paho for Python over ${transport} with MQTT ${version}`, async t => {
      const python = peer(t, 'paho-python')
      const served = await serve(t, transport)
      if (python === undefined || served === undefined) return
      const script = join(import.meta.dirname, 'paho-exchange.py')
      const { code, stdout, stderr } = await runToEnd(python, [script, `${served.port}`, version, transport, served.pki.ca.cert])
      t.same([code, stdout, stderr], [0, 'exchanged 18\n', ''])
    })
  }
}

for (const transport of ['tls', 'ws', 'wss', 'unix'] as const) {
  for (const protocolVersion of [3, 4, 5] as const) {
    t.test(`MQTT.js over ${transport} with protocol level ${protocolVersion}`, async t => {
      const served = await serve(t, transport)
      if (served === undefined) return
      const { port, path, pki } = served
      const options: IClientOptions = {
        protocolVersion,
        clientId: 'js',
        reconnectPeriod: 0,
        ca: readFileSync(pki.ca.cert),
        ...(protocolVersion === 3 && { protocolId: 'MQIsdp' as const }),
        ...(transport === 'unix' && { path, protocol: 'mqtt' as const }),
      }
      const scheme = transport === 'tls' ? 'mqtts' : transport
      const client =
        transport === 'unix'
          ? await mqtt.connectAsync({ ...options, unixSocket: true } as IClientOptions)
          : await mqtt.connectAsync(`${scheme}://localhost:${port}${transport === 'tls' ? '' : '/mqtt'}`, options)
      t.teardown(() => client.endAsync(true))
      const payloads = [0, 1, 125, 126, 65_535, 65_536, 500_000].map(length => Buffer.alloc(length, length % 251))
      const got: Buffer[] = []
      client.on('message', (_topic, payload) => got.push(payload))
      await client.subscribeAsync('js/#', { qos: 2 })
      for (const payload of payloads) for (const qos of [0, 1, 2] as const) await client.publishAsync(`js/${qos}`, payload, { qos })
      await eventually(
        'all messages are there',
        () => got.length === payloads.length * 3,
        10_000,
        () => `${got.length}`,
      )
      t.same(
        got.map(each => each.length).sort((a, b) => a - b),
        payloads.flatMap(({ length }) => [length, length, length]),
      )
      t.ok(got.every(each => each.every(byte => byte === each.length % 251)))
    })
  }
}

t.test('our own client speaks with mosquitto over ws, tls and psk', async t => {
  const program = peer(t, 'mosquitto')
  const pki = authority(t)
  if (program === undefined || pki === undefined) return
  const [plain, ws, tls, psk] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const { cert, key } = pki.server()
  const keys = join(pki.folder, 'keys')
  writeFileSync(keys, `meter-7:${PSK}\n`)
  const lines = [
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    'allow_anonymous true',
    `listener ${plain} 127.0.0.1`,
    `listener ${ws} 127.0.0.1`,
    'protocol websockets',
    `listener ${tls} 127.0.0.1`,
    `certfile ${cert}`,
    `keyfile ${key}`,
    `listener ${psk} 127.0.0.1`,
    `psk_file ${keys}`,
    'psk_hint tests',
  ]
  const config = join(pki.folder, 'mosquitto.conf')
  writeFileSync(config, `${lines.join('\n')}\n`)
  const server = spawn(program, ['-c', config], { stdio: 'ignore' })
  t.teardown(() => server.kill('SIGKILL'))
  const clock = systemClock()
  const open = (target: Partial<Target> & Pick<Target, 'endpoint'>, onMessage = (_payload: string) => {}) =>
    connectClient({
      ...CLIENT_DEFAULTS,
      target: { openTimeoutMs: 5000, ...target },
      open: openStream,
      clock,
      onMessage: ({ payload }) => onMessage(Buffer.from(payload).toString()),
    })
  const host = '127.0.0.1'
  await eventually(
    'mosquitto listens',
    () =>
      open({ endpoint: { scheme: 'mqtt', host, port: plain } })
        .then(client => client.end())
        .then(
          () => true,
          () => false,
        ),
    10_000,
  )
  const targets: (Partial<Target> & Pick<Target, 'endpoint'>)[] = [
    { endpoint: { scheme: 'ws', host, port: ws, path: '/mqtt' } },
    { endpoint: { scheme: 'mqtts', host, port: tls }, tls: { ca: pki.ca.cert } },
    { endpoint: { scheme: 'mqtts', host, port: psk }, tls: { psk: { identity: 'meter-7', key: Buffer.from(PSK, 'hex') } } },
  ]
  for (const target of targets) {
    const got: string[] = []
    const client = await open(target, payload => got.push(payload))
    await client.subscribe(['x'], { qos: 1 })
    const long = 'y'.repeat(100_000)
    await client.publish('x', Buffer.from('short'), { qos: 1 })
    await client.publish('x', Buffer.from(long), { qos: 1 })
    await eventually('both are back', () => got.length === 2, 10_000)
    t.same(got, ['short', long], target.endpoint.scheme)
    await client.end()
  }
})
