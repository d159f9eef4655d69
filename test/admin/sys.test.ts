import t from 'tap'
import type { GatewayControl } from '#admin/index.ts'
import { type SysOptions, SysPublisher } from '#admin/sys/publisher.ts'
import { clientLevel } from '#base/topic-filter.ts'
import type { Packet } from '#codecs/mqtt/index.ts'
import { publish } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { fakeControl } from './fake-control.ts'

const ALL: SysOptions = { intervalMs: 60_000, presence: true, subscriptions: true }

async function started(options: Partial<SysOptions> = {}) {
  const harness = await MqttHarness.start()
  const control: GatewayControl = { ...fakeControl(), broker: harness.broker, now: () => harness.clock.now() }
  const sys = new SysPublisher(control, harness.clock, { ...ALL, ...options })
  sys.start()
  return { harness, sys, node: control.info.gatewayId }
}

const values = (packets: Packet[]) =>
  new Map(packets.flatMap(packet => (packet.type === 'publish' ? [[packet.topic, Buffer.from(packet.payload).toString()] as const] : [])))

t.test('versions, statistics and metrics stand retained below $SYS/brokers/{node}, by the names of EMQX', async t => {
  const { harness, node } = await started()
  const sub = await harness.connect('sub', { protocolVersion: 5 })
  const all = values(await sub.subscribe('$SYS/#', 0))
  t.equal(all.get('$SYS/brokers'), node)
  for (const name of ['version', 'uptime', 'datetime', 'sysdescr']) t.ok(all.get(`$SYS/brokers/${node}/${name}`), name)
  for (const name of ['connections', 'sessions', 'subscriptions', 'subscribers', 'retained']) {
    t.match(all.get(`$SYS/brokers/${node}/stats/${name}/count`), /^\d+$/, name)
    t.match(all.get(`$SYS/brokers/${node}/stats/${name}/max`), /^\d+$/, name)
  }
  for (const name of ['messages/received', 'messages/qos1/received', 'messages/dropped', 'delivery/dropped/queue_full', 'client/connected'])
    t.match(all.get(`$SYS/brokers/${node}/metrics/${name}`), /^\d+$/, name)
  t.equal(harness.disk.retained.size, 0, 'nothing of it is written to the disk')
  t.equal(harness.broker.status().retained, 0, 'nor counted')
})

t.test('values are published anew at every interval, and peaks are kept', async t => {
  const { harness, node, sys } = await started()
  const sub = await harness.connect('sub')
  await sub.subscribe(`$SYS/brokers/${node}/stats/connections/+`, 0)
  const other = await harness.connect('other')
  harness.clock.advance(60_000)
  t.same(values(await sub.take()).get(`$SYS/brokers/${node}/stats/connections/count`), '2')
  await other.exchange({ type: 'disconnect', reasonCode: 0 })
  harness.clock.advance(60_000)
  const later = values(await sub.take())
  t.equal(later.get(`$SYS/brokers/${node}/stats/connections/count`), '1')
  t.equal(later.get(`$SYS/brokers/${node}/stats/connections/max`), '2')
  sys.stop()
  harness.clock.advance(600_000)
  t.same(await sub.take(), [], 'until it is stopped')
})

t.test('clients that come, go and subscribe are told of, with why they went', async t => {
  const { harness, node } = await started()
  const sub = await harness.connect('sub')
  await sub.subscribe('$SYS/brokers/+/clients/#', 0)
  await sub.take()
  const pump = await harness.connect('pump/1', { protocolVersion: 5, username: 'ann', keepAlive: 30 })
  const topic = `$SYS/brokers/${node}/clients/pump%2F1`
  const connected = JSON.parse(values(await sub.take()).get(`${topic}/connected`) ?? '{}')
  t.match(connected, {
    clientid: 'pump/1',
    username: 'ann',
    ipaddress: '127.0.0.1',
    proto_name: 'MQTT',
    proto_ver: 5,
    keepalive: 30,
    clean_start: true,
    expiry_interval: 0,
  })
  await pump.subscribe('a/#', 1)
  t.match(JSON.parse(values(await sub.take()).get(`${topic}/subscribed`) ?? '{}'), { topic: 'a/#', subopts: { qos: 1 } })
  await pump.exchange({ type: 'unsubscribe', packetId: 2, filters: ['a/#', 'b'] })
  t.match(JSON.parse(values(await sub.take()).get(`${topic}/unsubscribed`) ?? '{}'), { topic: 'a/#' })
  await pump.exchange({ type: 'disconnect', reasonCode: 0 })
  t.match(JSON.parse(values(await sub.take()).get(`${topic}/disconnected`) ?? '{}'), { clientid: 'pump/1', reason: 'disconnected' })
  await harness.connect('gone')
  await harness.connect('gone')
  t.match(JSON.parse(values(await sub.take()).get(`$SYS/brokers/${node}/clients/gone/disconnected`) ?? '{}'), { reason: 'taken-over' })
})

t.test('presence and values can be switched off', async t => {
  const { harness } = await started({ intervalMs: 0, presence: false, subscriptions: false })
  const sub = await harness.connect('sub')
  await sub.subscribe('$SYS/#', 0)
  await sub.take()
  const other = await harness.connect('other')
  await other.exchange(publish('a', 'x', 0))
  harness.clock.advance(600_000)
  t.same(await sub.take(), [])
})

t.test('a client id fills one level', async t => {
  t.equal(clientLevel('a/b+c#d%'), 'a%2Fb%2Bc%23d%25')
})
