/** Listeners for MQTT-SN: what `check` says of their keys, and discovery by multicast on real sockets. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { createBroker, type GatewayBroker } from '#broker/broker.ts'
import { decodePacket, encodePacket } from '#codecs/mqtt-sn/index.ts'
import { showFault } from '#config/fault.ts'
import { limitsOf } from '#config/limits.ts'
import { loadConfig } from '#config/load.ts'
import { rootSchema } from '#registry.ts'
import { openMqttSn } from '../../src/gateway/mqtt-sn-listener.ts'
import { TestAccess } from '../adapters/mqtt-sn/bench.ts'
import { freePort } from '../support/free-port.ts'
import { MemoryDisk, MemoryStore } from '../support/memory-store.ts'

const GROUP = '239.255.18.84'
const FILE = '/etc/tidegate/tidegate.toml'

function load(text: string) {
  return loadConfig({ schema: rootSchema, file: FILE, env: {}, sets: [], folder: '/', readFile: () => text })
}

function faults(keys: string): string[] {
  const { faults } = load(`[listeners.sn]\nprotocol = "mqtt-sn"\nbind = "127.0.0.1:1884"\n${keys}`)
  return faults.map(fault => showFault(fault).replace(FILE, 'F'))
}

/** A running listener; returns what it tells of itself. */
async function listen(t: Test, keys: string) {
  const { config, faults } = load(`[listeners.sn]\nprotocol = "mqtt-sn"\n${keys}`)
  const listener = config?.listeners['sn']
  if (config === undefined || listener?.protocol !== 'mqtt-sn') throw new Error(faults.map(showFault).join('\n'))
  const clock = systemClock()
  const store = new MemoryStore({ clock, disk: new MemoryDisk(), runningMs: () => broker.runningMs() })
  const access = new TestAccess()
  const broker: GatewayBroker = await createBroker({ store, access, clock, logger: silentLogger })
  const running = await openMqttSn('sn', listener, limitsOf(config, undefined), { broker, access, clock, logger: silentLogger } as never)
  t.teardown(async () => {
    await running.stop()
    broker.stop()
    await store.close()
    broker.abandon()
  })
  return running
}

/** A socket on loopback that hears a group. */
async function member(t: Test, port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  t.teardown(() => socket.close())
  socket.bind(port, GROUP)
  await once(socket, 'listening')
  socket.addMembership(GROUP, '127.0.0.1')
  return socket
}

async function next(socket: Socket) {
  const [bytes, from] = (await once(socket, 'message')) as [Buffer, { address: string; port: number }]
  return { packet: decodePacket(bytes), from }
}

t.test('without configuration nodes are served on loopback', async t => {
  const { config } = load('')
  t.match(config?.listeners['mqtt-sn'], { protocol: 'mqtt-sn', transport: 'udp', bind: { host: '127.0.0.1', port: 1884 }, gateway_id: 1 })
})

t.test('check says what is wrong with a key', async t => {
  t.strictSame(
    faults(
      'gateway_id = 3\npredefined = { 1 = "a/b" }\n[listeners.sn.groups.meters]\nclients = ["meter-*"]\npredefined = { 65534 = "m/${client_id}" }',
    ),
    [],
  )
  t.match(faults('transport = "dtls"'), [/F:4:13: listeners\.sn\.transport: "dtls" is not available in this version/])
  t.match(faults('gateway_id = 0'), [/listeners\.sn\.gateway_id/])
  t.match(faults('predefined = { 0 = "a" }'), [/a topic id from 1 to 65534/])
  t.match(faults('predefined = { 65535 = "a" }'), [/a topic id from 1 to 65534/])
  t.match(faults('predefined = { 1 = "a/#" }'), [/the topic name holds a wildcard/])
  t.match(faults('qos_minus_one_topics = ["a/#/b"]'), [/the wildcard # is not at the end/])
  t.match(faults('[listeners.sn.groups.meters]\nclients = []'), [/listeners\.sn\.groups\.meters\.clients/])
  t.match(faults('qos_minus_1 = true'), [/qos_minus_one/])
})

t.test('ADVERTISE reaches the group, SEARCHGW to the group is answered from the listener’s own address', async t => {
  const port = await freePort()
  const heard = await member(t, await freePort())
  const first = next(heard)
  const running = await listen(
    t,
    `bind = "127.0.0.1:${port}"\ngateway_id = 9\nadvertise = "${GROUP}:${heard.address().port}"\nadvertise_interval = "1m"`,
  )
  t.match(await first, { packet: { type: 'advertise', gatewayId: 9, durationSeconds: 60 }, from: { address: '127.0.0.1', port } })
  t.match(running.status(), { protocol: 'mqtt-sn', transport: 'udp', bind: `127.0.0.1:${port}`, connections: 0 })
  const seeker = createSocket('udp4')
  t.teardown(() => seeker.close())
  seeker.bind(0, '127.0.0.1')
  await once(seeker, 'listening')
  seeker.setMulticastInterface('127.0.0.1')
  const answer = next(seeker)
  seeker.send(encodePacket({ type: 'searchgw', radius: 1 }), heard.address().port, GROUP)
  t.match(await answer, { packet: { type: 'gwinfo', gatewayId: 9 }, from: { address: '127.0.0.1', port } })
})

t.test('nodes are served over IPv6, and over IPv4 by the same wildcard listener', async t => {
  const port = await freePort()
  await listen(t, `bind = "[::]:${port}"\nanonymous = "always"`)
  for (const [type, host] of [
    ['udp6', '::1'],
    ['udp4', '127.0.0.1'],
  ] as const) {
    const socket = createSocket(type)
    t.teardown(() => socket.close())
    const answer = next(socket)
    const packet = {
      type: 'connect',
      will: false,
      cleanSession: true,
      protocolId: 1,
      durationSeconds: 60,
      clientId: `node-${type}`,
    } as const
    socket.send(encodePacket(packet), port, host)
    t.match(await answer, { packet: { type: 'connack', returnCode: 0 } }, host)
  }
})
