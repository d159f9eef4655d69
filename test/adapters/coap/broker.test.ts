import t from 'tap'
import { createAccess } from '#access/index.ts'
import { CoapEngine } from '#adapters/coap/index.ts'
import { silentLogger } from '#base/logger.ts'
import { createBroker } from '#broker/broker.ts'
import type { ClientLimits } from '#broker/ports.ts'
import { findUint, METHOD, OPTION, TYPE, uintOption } from '#codecs/coap/index.ts'
import { MemoryDisk, MemoryStore } from '../../support/memory-store.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { CLIENT_LIMITS, RawPeer, show, text } from './support/bench.ts'

/** The adapter on the real broker, with a store in memory whose commits the test can hold. */
async function bench(more: Partial<ClientLimits> = {}) {
  const clock = new VirtualClock(3)
  const store: MemoryStore = new MemoryStore({ clock, disk: new MemoryDisk(), runningMs: () => broker.runningMs() })
  const access = createAccess('always')
  const broker = await createBroker({ store, access, clock, logger: silentLogger })
  const peers = new Map<number, RawPeer>()
  const port = { send: (bytes: Uint8Array, _address: string, to: number) => peers.get(to)?.take(bytes) }
  const engine = new CoapEngine({
    broker,
    access,
    clock,
    logger: silentLogger,
    port,
    listener: 'coap',
    limits: { ...CLIENT_LIMITS, ...more },
    payloadBytesMax: 1 << 20,
    clientsMax: 100,
  })
  const peer = (number: number) => {
    const made = peers.get(number) ?? new RawPeer(engine, number)
    peers.set(number, made)
    return made
  }
  const settle = async () => {
    for (let i = 0; i < 20; i++) {
      clock.settle()
      await Promise.resolve()
    }
  }
  return { clock, store, broker, engine, peer, settle }
}

const put = (topic: string, payload: string, ...query: string[]) => ({ code: METHOD.PUT, path: ['ps', topic], payload, query })
const OBSERVE = uintOption(OPTION.Observe, 0)

t.test('on the real broker: a retained PUT is answered after its commit, and read, observed and cleared', async t => {
  const { store, peer, settle, broker } = await bench()
  const device = peer(1)
  store.hold()
  t.same(device.ask(put('a', 'kept', 'retain=1')), [])
  await settle()
  t.same(device.drain(), [], 'nothing before the commit')
  store.release()
  await settle()
  t.same(device.drain().map(show), ['ACK 2.04'])
  t.equal(show(device.one({ path: ['ps', 'a'] })), 'ACK 2.05 [kept]')
  t.equal(show(peer(2).one({ path: ['ps', 'a'], options: [OBSERVE] })), 'ACK 2.05 [kept]')
  t.match(
    broker
      .clients()
      .map(client => client.clientId)
      .sort(),
    ['$coap:127.0.0.1:1', '$coap:127.0.0.1:2'],
  )
  device.ask({ code: METHOD.DELETE, path: ['ps', 'a'] })
  await settle()
  t.equal(broker.retained('a'), undefined)
})

t.test('on the real broker: QoS 1 and QoS 0 messages reach observers in order, and stop with the observation', async t => {
  const { peer, settle, broker } = await bench()
  const observer = peer(1)
  observer.ask({ path: ['ps', '+'], options: [OBSERVE], token: Uint8Array.of(9) })
  observer.drain()
  const publisher = peer(2)
  const got: string[] = []
  for (let i = 0; i < 30; i++) {
    publisher.ask(put('t', String(i), i % 3 === 0 ? 'qos=0' : 'qos=2'))
    await settle()
  }
  for (let round = 0; round < 60; round++) {
    for (const message of observer.drain()) {
      got.push(text(message))
      if (message.type === TYPE.CON) observer.acknowledge(message.messageId)
    }
    await settle()
  }
  const qos0 = (payload: string) => Number(payload) % 3 === 0
  t.same(
    got.filter(payload => !qos0(payload)),
    Array.from({ length: 30 }, (_, i) => String(i)).filter(payload => !qos0(payload)),
  )
  t.same(got.filter(qos0), ['0', '3', '6', '9', '12', '15', '18', '21', '24', '27'])
  observer.ask({ path: ['ps', '+'], options: [uintOption(OPTION.Observe, 1)], token: Uint8Array.of(9) })
  t.same(broker.subscriptions(), [])
  t.equal(broker.clients().find(client => client.clientId === '$coap:127.0.0.1:1')?.queued, 0)
})

t.test('on the real broker: a dead observer leaves nothing behind', async t => {
  const { peer, settle, broker, clock } = await bench()
  const observer = peer(1)
  observer.ask({ path: ['ps', 't'], options: [OBSERVE] })
  for (let i = 0; i < 30; i++) peer(2).ask(put('t', String(i)))
  await settle()
  for (let second = 0; second < 120; second++) {
    clock.advance(1000)
    await settle()
  }
  t.same(broker.subscriptions(), [])
  t.equal(broker.clients().find(client => client.clientId === '$coap:127.0.0.1:1')?.queued ?? 0, 0)
})

t.test('on the real broker: while the store is full, what needs the disk gets 5.03 and the rest goes on', async t => {
  const { store, peer, settle } = await bench()
  const device = peer(1)
  store.fail('full')
  device.ask(put('a', 'waits for space', 'retain=1'))
  await settle()
  t.same(device.drain(), [], 'taken before anybody knew: not answered until it is durable')
  t.equal(show(device.one(put('b', 'x', 'retain=1'))), 'ACK 5.03')
  t.equal(show(device.one(put('c', 'x'))), 'ACK 2.04', 'nobody durable wants it')
  device.drain()
  store.heal()
  await settle()
  t.same(device.drain().map(show), ['ACK 2.04'])
})

t.test('a device that publishes faster than it may is told when to try again', async t => {
  const { peer, clock } = await bench({ rate: { messagesPerSecond: 1, burst: 2, bytesPerSecond: 0 } })
  const device = peer(1)
  for (const payload of ['1', '2']) t.equal(show(device.one(put('a', payload))), 'ACK 2.04')
  const late = device.one(put('a', '3'))
  t.equal(show(late), 'ACK 4.29')
  t.equal(findUint(late.options, OPTION.MaxAge), 1)
  t.equal(show(device.one({ path: ['ps', 'a'] })), 'ACK 4.04', 'reading is not limited')
  clock.advance(1000)
  t.equal(show(device.one(put('a', '4'))), 'ACK 2.04')
})
