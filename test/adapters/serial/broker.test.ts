import t from 'tap'
import { SerialAdapter } from '#adapters/serial/index.ts'
import { createBroker } from '#broker/broker.ts'
import { type Access, type Entry, Message, type Sink } from '#broker/ports.ts'
import { MemoryStore } from '../../support/memory-store.ts'
import { RecordingLogger } from '../../support/recording-logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { FakePort, turn } from './fake-port.ts'
import { deviceConfig, LIMITS } from './support.ts'

const everybody: Access = {
  generation: 1,
  authenticate: () => Promise.reject(new Error('nobody comes this way')),
  mayPublish: () => true,
  maySubscribe: () => true,
  mayReceive: () => true,
  unrestricted: () => true,
  denyAction: 'ignore',
}

async function setUp() {
  const clock = new VirtualClock()
  const logger = new RecordingLogger()
  const store = new MemoryStore({ clock })
  const broker = await createBroker({ store, access: everybody, clock, logger })
  const got: string[] = []
  const entries: Entry[] = []
  const sink: Sink = {
    congested: false,
    send: () => {},
    sendRun: () => false,
    deliver: entry => {
      entries.push(entry)
      got.push(`${entry.message.topic} ${Buffer.from(entry.message.payload).toString()}`)
    },
    release: () => {},
    close: () => {},
  }
  const identity = broker.internalIdentity('watch', 'test', true)
  const connection = {
    protocol: 'test',
    listener: 'test',
    peer: undefined,
    cleanStart: true,
    sessionExpiryMs: 3_600_000,
    limits: { ...LIMITS, inFlightMax: 1000 },
  }
  const { client } = broker.attach({ identity, sink, ...connection })
  client.subscribe([{ filter: 'serial/+/+', qos: 1 }])
  client.resume()
  const port = new FakePort()
  const config = { dev: deviceConfig('parse = "csv"\ncolumns = ["n"]\nretain = true') }
  const adapter = new SerialAdapter({ config, broker, clock, logger, opener: port, limits: LIMITS })
  adapter.start()
  await turn()
  clock.settle()
  return { clock, store, broker, got, client, port, adapter }
}

t.test('a serial device is a client of the real broker: values, retained state, writes, a kick', async t => {
  const { clock, broker, got, client, port, adapter } = await setUp()
  port.say('1\n2\n')
  clock.settle()
  t.same(got.slice(2), ['serial/dev/n 1', 'serial/dev/n 2'])
  t.match(Buffer.from(broker.retained('serial/dev/$state')!.payload).toString(), /"state":"online"/)
  t.equal(Buffer.from(broker.retained('serial/dev/n')!.payload).toString(), '2')
  t.match(
    broker.clients().find(each => each.clientId === '$serial:dev'),
    { connected: true, protocol: 'serial', peer: '/dev/fake' },
  )

  client.publish(broker.route('serial/dev/write')!, Message.from({ topic: 'serial/dev/write', payload: Buffer.from('GO'), qos: 1 }))
  clock.settle()
  await turn()
  t.same(port.heard, ['GO\n'])

  t.equal(broker.kick('$serial:dev'), true)
  port.say('3\n')
  clock.advance(1000)
  t.ok(got.includes('serial/dev/n 3'))
  clock.advance(60_000)
  t.match(
    Buffer.from(broker.retained('serial/dev/$state')!.payload).toString(),
    /"state":"online"/,
    'the will of the kicked client does not stand',
  )
  await adapter.stop()
  clock.settle()
  t.match(Buffer.from(broker.retained('serial/dev/$state')!.payload).toString(), /"state":"stopped"/)
  t.notOk(broker.clients().some(each => each.clientId === '$serial:dev'))
})

t.test('while the store commits nothing, values wait, and none is lost', async t => {
  const { clock, store, got, port, adapter } = await setUp()
  store.hold()
  const lines = Array.from({ length: 2000 }, (_, i) => `${i}`)
  port.say(`${lines.join('\n')}\n`)
  clock.settle()
  t.ok(adapter.status()[0]!.waiting > 1000, `${adapter.status()[0]!.waiting} wait in the adapter`)
  store.release()
  clock.advance(1000)
  t.equal(adapter.status()[0]!.waiting, 0)
  t.match(adapter.status()[0]!.messages, { dropped: 0, refused: 0, published: 2000 })
  t.ok(got.length > 500)
  await adapter.stop()
})
