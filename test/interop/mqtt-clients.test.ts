import { spawn } from 'node:child_process'
import { once } from 'node:events'
import mqtt from 'mqtt'
import t, { type Test } from 'tap'
import { createAccess } from '#access/index.ts'
import { MqttListener } from '#adapters/mqtt/index.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { createBroker } from '#broker/broker.ts'
import { openTcpListener } from '#listeners/tcp.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { TEST_LIMITS } from '../support/mqtt-harness.ts'
import { peer } from '../support/peers.ts'

/** A broker on a free port of loopback. */
async function brokerPort(t: Test): Promise<number> {
  const clock = systemClock()
  const broker = await createBroker({ store: new MemoryStore({ clock }), access: createAccess('loopback'), clock, logger: silentLogger })
  const mqtt = new MqttListener({ name: 'test', broker, clock, logger: silentLogger, limits: TEST_LIMITS, anonymous: undefined })
  const listener = await openTcpListener({
    bind: { host: '127.0.0.1', port: 0 },
    maxConnections: 100,
    connectionsPerSecond: 0,
    onConnection: connection => mqtt.accept(connection),
    logger: silentLogger,
    clock,
  })
  t.teardown(async () => {
    await listener.close()
    mqtt.stop()
    broker.stop()
  })
  return listener.port
}

for (const version of ['mqttv31', 'mqttv311', 'mqttv5']) {
  t.test(`mosquitto_pub and mosquitto_sub exchange messages at every QoS with ${version}`, async t => {
    const publisher = peer(t, 'mosquitto_pub')
    const subscriber = peer(t, 'mosquitto_sub')
    if (publisher === undefined || subscriber === undefined) return
    const port = String(await brokerPort(t))
    const common = ['-p', port, '-V', version]
    for (const qos of ['0', '1', '2']) {
      const publish = async (text: string, ...more: string[]) => {
        const child = spawn(publisher, [...common, '-t', `v/${qos}`, '-q', qos, '-m', text, ...more], { stdio: 'ignore' })
        t.equal((await once(child, 'exit'))[0], 0)
      }
      await publish('retained', '-r')
      const sub = spawn(subscriber, [...common, '-t', 'v/+', '-q', qos, '-C', '2', '-W', '20', '-v'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      const ended = once(sub, 'close')
      let seen = ''
      sub.stdout.on('data', chunk => (seen += chunk))
      await once(sub.stdout, 'data')
      await publish('live')
      await ended
      t.equal(seen, `v/${qos} retained\nv/${qos} live\n`)
      await publish('', '-r')
    }
  })
}

for (const protocolVersion of [3, 4, 5] as const) {
  t.test(`MQTT.js exchanges messages at every QoS with protocol level ${protocolVersion}`, async t => {
    const port = await brokerPort(t)
    const options = { protocolVersion, reconnectPeriod: 0, ...(protocolVersion === 3 && { protocolId: 'MQIsdp' as const }) }
    const sub = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { ...options, clientId: 'sub' })
    const pub = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { ...options, clientId: 'pub' })
    t.teardown(async () => {
      await sub.endAsync()
      await pub.endAsync()
    })
    await sub.subscribeAsync('a/#', { qos: 2 })
    const got: string[] = []
    const all = new Promise<void>(resolve =>
      sub.on('message', (topic, payload, { qos }) => {
        got.push(`${topic} ${payload} ${qos}`)
        if (got.length === 300) resolve()
      }),
    )
    // MQTT.js does not keep to the server's Receive Maximum by itself.
    for (let first = 0; first < 300; first += 30) {
      const some = Array.from({ length: 30 }, (_, i) => first + i)
      await Promise.all(some.map(i => pub.publishAsync(`a/${i % 3}`, `m${i}`, { qos: (i % 3) as 0 | 1 | 2 })))
    }
    await all
    for (const qos of [0, 1, 2]) {
      const expected = Array.from({ length: 100 }, (_, i) => `a/${qos} m${i * 3 + qos} ${qos}`)
      t.same(
        got.filter(line => line.startsWith(`a/${qos}`)),
        expected,
      )
    }
  })
}
