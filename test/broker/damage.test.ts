import t from 'tap'
import { Message } from '#broker/message.ts'
import { DISCONNECT, persistent, publish } from '../adapters/mqtt/packets.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'

t.test('entries that cannot be read are off the count at once, dropped under their own reason', async t => {
  for (const filter of ['a', '$share/g/a']) {
    const harness = await MqttHarness.start()
    const sub = await harness.connect('sub', persistent)
    await sub.subscribe(filter, 1)
    await sub.exchange(DISCONNECT)
    const pub = await harness.connect('pub')
    for (let n = 1; n <= 5; n++) await pub.exchange(publish('a', `m${n}`, 1, n))
    const { queued, queuedBytes } = harness.broker.status()
    t.equal(queued, 5)
    const [number, queue] = [...harness.disk.queues].find(([, entries]) => entries.size === 5)!
    for (const seq of [...queue.keys()].slice(1, 3)) queue.delete(seq)
    harness.store.onDamaged(number, 2, (2 * queuedBytes) / 5)
    t.match(harness.broker.status(), { queued: 3, queuedBytes: (3 * queuedBytes) / 5, counters: { dropped: { damaged: 2 } } })
    harness.store.onDamaged(999, 1, 1)
    t.equal(harness.broker.status().queued, 3)
  }
})

t.test('a device that begins its packet ids anew is not taken for one that repeats itself', async t => {
  const harness = await MqttHarness.start()
  const client = (id: string) =>
    harness.broker.attach({
      identity: harness.broker.internalIdentity(id, 'bridge', true),
      sink: { congested: true, send: () => {}, sendRun: () => false, deliver: () => {}, release: () => {}, close: () => {} },
      protocol: 'bridge',
      listener: 'cloud',
      peer: undefined,
      cleanStart: false,
      sessionExpiryMs: Number.POSITIVE_INFINITY,
      limits: {
        queue: { messagesMax: 10, bytesMax: 10_000, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false },
        inFlightMax: 1,
        topicLevelsMax: 10,
      },
    }).client
  const bridge = client('$bridge:cloud')
  t.equal(bridge.forgetInbound(), 0, 'nothing to forget, nothing to wait for')
  const send = () => bridge.publish(harness.broker.route('a')!, Message.from({ topic: 'a', payload: Buffer.from('x'), qos: 2 }), 7)
  send()
  send()
  t.equal(harness.broker.status().counters.received[2], 1)
  t.ok(bridge.forgetInbound() > 0)
  send()
  t.equal(harness.broker.status().counters.received[2], 2)
  await harness.settle()
  bridge.forgetInbound()
  await harness.settle()
  t.same(
    [...harness.disk.records.keys()].filter(owner => owner.startsWith('inbound')),
    [],
  )
})
