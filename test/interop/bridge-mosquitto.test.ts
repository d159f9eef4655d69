import t, { type Test } from 'tap'
import { createAccess } from '#access/index.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { createMqttBridge, type MqttBridge } from '#bridges/mqtt/index.ts'
import { createBroker, type GatewayBroker } from '#broker/broker.ts'
import { type Client, Message, type Qos } from '#broker/ports.ts'
import {
  CLIENT_DEFAULTS,
  type ClientOptions,
  connectClient,
  type MqttClient,
  openStream,
  type ReceivedMessage,
} from '#clients/mqtt/index.ts'
import { type Settings, settings } from '../bridges/bench.ts'
import { Mosquitto, type MosquittoOptions } from '../bridges/mosquitto.ts'
import { newStore, temporaryDirectory } from '../store/open-store.ts'
import { peer } from '../support/peers.ts'

const clock = systemClock()

async function mosquitto(t: Test, options: Partial<MosquittoOptions> = {}): Promise<Mosquitto | undefined> {
  const program = peer(t, 'mosquitto')
  if (program === undefined) return undefined
  const server = await Mosquitto.start({ program, folder: t.testdir({}), ...options })
  t.teardown(() => server.stop())
  return server
}

async function connect(t: Test, port: number, more: Partial<ClientOptions> = {}): Promise<MqttClient> {
  const target = { endpoint: { scheme: 'mqtt' as const, host: '127.0.0.1', port }, openTimeoutMs: 10_000 }
  const client = await connectClient({ ...CLIENT_DEFAULTS, target, open: openStream, clock, ...more })
  t.teardown(() => client.end())
  return client
}

/** Messages as they come, and a way to wait for a number of them. */
class Collector {
  readonly messages: ReceivedMessage[] = []
  #waiting: { count: number; resolve: () => void }[] = []

  readonly take = (message: ReceivedMessage): void => {
    this.messages.push(message)
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.messages.length < count) return true
      resolve()
      return false
    })
  }

  async reach(count: number): Promise<void> {
    if (this.messages.length < count) await new Promise<void>(resolve => this.#waiting.push({ count, resolve }))
  }

  get texts(): string[] {
    return this.messages.map(message => Buffer.from(message.payload).toString())
  }
}

/** The broker on SQLite with one bridge to the server. */
async function gateway(
  t: Test,
  port: number,
  folder: string,
  config: Settings,
): Promise<{ broker: GatewayBroker; bridge: MqttBridge; device: Client }> {
  const store = newStore(t, folder)
  const broker = await createBroker({ store, access: createAccess('loopback'), clock, logger: silentLogger })
  const url = { scheme: 'mqtt' as const, host: '127.0.0.1', port }
  const bridge = createMqttBridge('cloud', settings({ url, ...config }), { broker, clock, logger: silentLogger, gatewayId: 'gw-1' })
  await bridge.start()
  t.teardown(() => bridge.stop())
  const { client: device } = broker.attach({
    identity: broker.internalIdentity('device', 'mqtt', true),
    sink: { congested: false, send: () => {}, sendRun: () => false, deliver: () => {}, release: () => {}, close: () => {} },
    protocol: 'mqtt 5',
    listener: 'local',
    peer: undefined,
    cleanStart: true,
    sessionExpiryMs: 0,
    limits: {
      queue: { messagesMax: 1000, bytesMax: 1 << 20, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false },
      inFlightMax: 10,
      topicLevelsMax: 128,
    },
  })
  return { broker, bridge, device }
}

function publish(broker: GatewayBroker, device: Client, topic: string, payload: string, qos: Qos, packetId?: number): void {
  const route = broker.route(topic)
  if (route !== undefined) device.publish(route, Message.from({ topic, payload: Buffer.from(payload), qos }), packetId)
}

/** Waits until something about the bridge is so; looks again after each change that timers bring. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>(resolve => setTimeout(resolve, 20))
}

for (const version of [4, 5] as const) {
  t.test(`the client speaks MQTT ${version === 4 ? '3.1.1' : '5'} with mosquitto at every QoS`, async t => {
    const server = await mosquitto(t)
    if (server === undefined) return
    const got = new Collector()
    const subscriber = await connect(t, server.port, { version, onMessage: got.take })
    t.same(await subscriber.subscribe(['t/#', 'u'], { qos: 2 }), [2, 2])
    const publisher = await connect(t, server.port, { version, clientId: 'publisher' })
    for (const qos of [0, 1, 2] as const) await publisher.publish(`t/${qos}`, Buffer.from(`qos ${qos}`), { qos })
    await publisher.publish('t/long', Buffer.alloc(300_000, 'x'), { qos: 2, retain: true })
    await got.reach(4)
    t.same(
      got.messages.map(message => [message.topic, message.qos, message.payload.length]),
      [
        ['t/0', 0, 5],
        ['t/1', 1, 5],
        ['t/2', 2, 5],
        ['t/long', 2, 300_000],
      ],
    )
    await subscriber.unsubscribe(['t/#'])
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => publisher.publish('u', Buffer.from(String(i)), { qos: ((i % 2) + 1) as 1 | 2 })),
    )
    await got.reach(504)
    t.same(
      got.texts.slice(4).sort((a, b) => Number(a) - Number(b)),
      Array.from({ length: 500 }, (_, i) => String(i)),
    )
  })
}

t.test('a wrong password is told in words', async t => {
  const server = await mosquitto(t, { password: { username: 'site', password: 'right' } })
  if (server === undefined) return
  for (const version of [4, 5] as const) {
    await t.rejects(connect(t, server.port, { version, username: 'site', password: Buffer.from('wrong') }), {
      message: /^connecting: the server (does not accept the user name or password|does not permit this)/,
    })
    const client = await connect(t, server.port, { version, username: 'site', password: Buffer.from('right') })
    t.ok(client.terms)
  }
})

t.test('two clients with one id: the older is told', async t => {
  const server = await mosquitto(t)
  if (server === undefined) return
  const ended = new Promise(
    resolve =>
      void connect(t, server.port, { clientId: 'same', onClose: resolve }).then(() => connect(t, server.port, { clientId: 'same' })),
  )
  t.match(await ended, { message: /newer connection with the same client id|closed the connection/ })
})

for (const version of ['3.1.1', '5'] as const) {
  t.test(`a bridge in MQTT ${version} drains through an outage, in order, QoS 2 once`, async t => {
    const server = await mosquitto(t)
    if (server === undefined) return
    const got = new Collector()
    // The counter forgets its packet ids between its two connections; mosquitto marks what it sends again by DUP.
    const take = (message: ReceivedMessage) => {
      if (!message.dup || !got.texts.includes(Buffer.from(message.payload).toString())) got.take(message)
    }
    const counter = { clientId: 'counter', cleanStart: false, sessionExpirySeconds: 3600, onMessage: take }
    const first = await connect(t, server.port, counter)
    await first.subscribe(['site/#'], { qos: 2 })
    const { broker, bridge, device } = await gateway(t, server.port, temporaryDirectory(t), {
      version,
      out: [{ from: 'sensors/#', to: 'site/${rest}', qos: 2 }],
    })
    await until(() => bridge.status().state === 'connected')
    let sent = 0
    const burst = (count: number) => {
      for (let i = 0; i < count; i++) {
        publish(broker, device, 'sensors/a', String(sent), 2, (sent % 65_000) + 1)
        device.release((sent % 65_000) + 1)
        sent++
      }
    }
    burst(300)
    await until(() => bridge.status().sent > 50)
    await first.end()
    await server.stop()
    burst(300)
    await until(() => bridge.status().state === 'waiting')
    t.match(bridge.status().lastError, /refuses the connection|closed the connection|shutting down|broke the connection off/)
    burst(300)
    await server.start()
    await connect(t, server.port, counter)
    await until(() => bridge.status().queued === 0)
    burst(100)
    await got.reach(1000)
    await until(() => bridge.status().queued === 0)
    t.same(
      got.texts,
      Array.from({ length: 1000 }, (_, i) => String(i)),
    )
  })
}

t.test('a bridge takes messages of mosquitto in, those of its absence too', async t => {
  const server = await mosquitto(t)
  if (server === undefined) return
  const { broker, bridge } = await gateway(t, server.port, temporaryDirectory(t), {
    out: [],
    in: [{ from: 'site/cmd/#', to: 'cmd/${rest}', qos: 2 }],
  })
  const got: string[] = []
  const { client } = broker.attach({
    identity: broker.internalIdentity('actuator', 'mqtt', true),
    sink: {
      congested: false,
      send: () => {},
      sendRun: () => false,
      deliver: entry => {
        got.push(`${entry.message.topic} ${Buffer.from(entry.message.payload).toString()}`)
        clock.defer(() => client.acknowledge(entry.packetId))
      },
      release: () => {},
      close: () => {},
    },
    protocol: 'mqtt 5',
    listener: 'local',
    peer: undefined,
    cleanStart: true,
    sessionExpiryMs: 0,
    limits: {
      queue: { messagesMax: 1000, bytesMax: 1 << 20, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false },
      inFlightMax: 10,
      topicLevelsMax: 128,
    },
  })
  client.subscribe([{ filter: 'cmd/#', qos: 1 }])
  client.resume()
  await until(() => bridge.status().state === 'connected')
  const publisher = await connect(t, server.port)
  await publisher.publish('site/cmd/a', Buffer.from('1'), { qos: 1 })
  await publisher.publish('site/cmd/b', Buffer.from('2'), { qos: 2 })
  await until(() => got.length === 2)
  await bridge.pause()
  await publisher.publish('site/cmd/a', Buffer.from('3'), { qos: 2 })
  await bridge.resume()
  await until(() => got.length === 3)
  t.same(got, ['cmd/a 1', 'cmd/b 2', 'cmd/a 3'])
})

t.test('an upstream that does not let the bridge in shows in its status, and is tried again', async t => {
  const server = await mosquitto(t, { password: { username: 'site', password: 'right' } })
  if (server === undefined) return
  const config = { out: [{ from: 'sensors/#' }], username: 'site', password: 'wrong' }
  const { broker, bridge, device } = await gateway(t, server.port, temporaryDirectory(t), config)
  publish(broker, device, 'sensors/a', 'x', 1)
  await until(() => bridge.status().state === 'waiting')
  t.match(bridge.status(), { queued: 1, lastError: /user name or password|does not permit/ })
  await bridge.reload(settings({ url: { scheme: 'mqtt', host: '127.0.0.1', port: server.port }, ...config, password: 'right' }))
  await until(() => bridge.status().queued === 0)
  t.equal(bridge.status().state, 'connected')
})
