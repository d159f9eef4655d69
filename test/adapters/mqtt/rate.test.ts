import t from 'tap'
import { PublishRate } from '#base/publish-rate.ts'
import type { Packet } from '#codecs/mqtt/index.ts'
import { MqttHarness, type MqttPeer } from '../../support/mqtt-harness.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const publish = (n: number, qos: 0 | 1 = 0, bytes = 1): Packet =>
  ({
    type: 'publish',
    topic: 'a',
    payload: Buffer.alloc(bytes, String(n % 10)),
    qos,
    retain: false,
    dup: false,
    ...(qos === 1 && { packetId: n + 1 }),
  }) as Packet

async function publisher(rate: { messagesPerSecond: number; burst: number; bytesPerSecond: number }) {
  const mqtt = await MqttHarness.start({ rate })
  const watch = await mqtt.connect('watch')
  await watch.take()
  await watch.subscribe('a', 0)
  const peer = await mqtt.connect('dev')
  await peer.take()
  return { mqtt, watch, peer }
}

async function count(watch: MqttPeer): Promise<number> {
  return (await watch.take()).length
}

t.test('a client may send a burst at once and then so many in a second; nothing is lost', async t => {
  for (const qos of [0, 1] as const) {
    const { mqtt, watch, peer } = await publisher({ messagesPerSecond: 10, burst: 5, bytesPerSecond: 0 })
    peer.send(...Array.from({ length: 100 }, (_, n) => publish(n, qos)))
    t.equal(await count(watch), 5)
    t.equal(peer.bytes.paused, true, 'its socket is not read')
    mqtt.clock.advance(1000)
    t.equal(await count(watch), 10)
    mqtt.clock.advance(4000)
    t.equal(await count(watch), 40)
    mqtt.clock.advance(60_000)
    t.equal(await count(watch), 45)
    t.equal(peer.bytes.paused, false)
    t.equal((await peer.take()).length, qos === 1 ? 100 : 0, 'each has its acknowledgement')
  }
})

t.test('without a burst the messages of one second may come at once, and only publishes count', async t => {
  const { watch, peer } = await publisher({ messagesPerSecond: 20, burst: 0, bytesPerSecond: 0 })
  const pings: Packet[] = Array.from({ length: 50 }, () => ({ type: 'pingreq' }))
  t.equal((await peer.exchange(...pings)).length, 50)
  peer.send(...Array.from({ length: 30 }, (_, n) => publish(n)))
  t.equal(await count(watch), 20)
})

t.test('bytes are limited too, and a message larger than the allowance is only late', async t => {
  const { mqtt, watch, peer } = await publisher({ messagesPerSecond: 0, burst: 0, bytesPerSecond: 1000 })
  peer.send(...Array.from({ length: 10 }, (_, n) => publish(n, 0, 495)))
  t.equal(await count(watch), 2)
  mqtt.clock.advance(1000)
  t.equal(await count(watch), 2)
  mqtt.clock.advance(10_000)
  t.equal(await count(watch), 6)
  peer.send(publish(1, 0, 5000), publish(2))
  t.equal(await count(watch), 1)
  mqtt.clock.advance(3900)
  t.equal(await count(watch), 0)
  mqtt.clock.advance(200)
  t.equal(await count(watch), 1)
})

t.test('what comes in pieces while a client waits is kept in order, and its keep-alive stands still', async t => {
  const mqtt = await MqttHarness.start({ rate: { messagesPerSecond: 1, burst: 1, bytesPerSecond: 0 } })
  const watch = await mqtt.connect('watch')
  await watch.take()
  await watch.subscribe('a', 0)
  const peer = await mqtt.connect('dev', { keepAlive: 2 })
  await peer.take()
  peer.send(publish(0), publish(1), publish(2))
  const last = Buffer.from([0x30, 4, 0, 1, 0x61, 0x33])
  peer.sendBytes(last.subarray(0, 2))
  peer.sendBytes(last.subarray(2))
  const got: string[] = []
  for (let second = 0; second < 5; second++) {
    for (const packet of await watch.take()) if (packet.type === 'publish') got.push(Buffer.from(packet.payload).toString())
    mqtt.clock.advance(1000)
  }
  t.same(got, ['0', '1', '2', '3'])
  t.equal(peer.closed, false)
})

t.test('a client that goes while it waits leaves no timer behind, and pressure does not wake it early', async t => {
  const { mqtt, watch, peer } = await publisher({ messagesPerSecond: 1, burst: 1, bytesPerSecond: 0 })
  peer.send(publish(0), publish(1))
  t.equal(await count(watch), 1)
  mqtt.listener.pressure(false)
  t.equal(peer.bytes.paused, true)
  t.equal(await count(watch), 0)
  peer.vanish()
  mqtt.clock.advance(10_000)
  t.equal(await count(watch), 0)
})

t.test('an allowance fills with running time up to its burst', async t => {
  const clock = new VirtualClock()
  const rate = new PublishRate(clock, { messagesPerSecond: 1000, burst: 10, bytesPerSecond: 0 })
  const drain = () => {
    let taken = 0
    for (; !rate.spent; taken++) rate.took(1)
    return taken
  }
  t.equal(drain(), 10)
  t.equal(rate.waitMs, 10, 'a wait fills what fits, so that fast clients are not looked at for each message')
  clock.advance(rate.waitMs)
  t.equal(drain(), 10)
  clock.advance(60_000)
  t.equal(drain(), 10)
})
