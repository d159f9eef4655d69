/** Every limit of a zone holds on the listeners that name it, and on no other. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { type ConnackPacket, type ConnectPacket, decodePacket, encodePacket, frameLength, type Packet } from '#codecs/mqtt/index.ts'
import { eventually, within } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { hasProgram } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { GatewayFixture } from './gateway-fixture.ts'

/** An MQTT 5 connection with nothing behind it. */
class Wire {
  readonly socket: Socket
  readonly packets: Packet[] = []
  closed = false
  #rest: Buffer = Buffer.alloc(0)

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port })
    this.socket.on('data', chunk => this.#take(chunk as Buffer))
    this.socket.on('error', () => {})
    this.socket.on('close', () => (this.closed = true))
  }

  send(...packets: Packet[]): void {
    this.socket.write(Buffer.concat(packets.map(packet => encodePacket(packet, 5))))
  }

  async next(): Promise<Packet> {
    await eventually('a packet', () => this.packets.length > 0, 20_000)
    return this.packets.shift() as Packet
  }

  async connect(clientId: string, more: Partial<ConnectPacket> = {}): Promise<ConnackPacket> {
    this.send({ type: 'connect', protocolVersion: 5, clientId, cleanStart: true, keepAlive: 0, ...more })
    return (await this.next()) as ConnackPacket
  }

  async end(): Promise<void> {
    if (this.closed) return
    const gone = once(this.socket, 'close')
    this.socket.end(encodePacket({ type: 'disconnect', reasonCode: 0 }, 5))
    await within(20_000, 'the connection ends', gone)
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const length = frameLength(this.#rest, 0, this.#rest.length)
      if (length === 0 || length > this.#rest.length) return
      this.packets.push(decodePacket(Buffer.from(this.#rest.subarray(0, length)), 0, length, 5))
      this.#rest = this.#rest.subarray(length)
    }
  }
}

const publish = (topic: string, packetId: number, more: object = {}): Packet =>
  ({ type: 'publish', topic, payload: Buffer.from('x'), qos: 1, retain: false, dup: false, packetId, ...more }) as Packet

const ASKING = {
  keepAlive: 600,
  cleanStart: false,
  properties: { sessionExpiryInterval: 86_400, requestResponseInformation: true },
}

const ZONES = `
[listeners.terms]
protocol = "mqtt"
bind = "127.0.0.1:PORT0"
zone = "terms"
[zones.terms]
max_packet = "2KiB"
receive_maximum = 7
keep_alive_max = "30s"
session_expiry = "1h"
topic_aliases = 3
response_topic = "answers/\${client_id}"
topic_levels = 2
check_payload_format = true
connect_timeout = "1s"
[listeners.queues]
protocol = "mqtt"
bind = "127.0.0.1:PORT1"
zone = "queues"
[zones.queues]
queue_messages = 3
queue_qos0 = true
[listeners.bytes]
protocol = "mqtt"
bind = "127.0.0.1:PORT2"
zone = "bytes"
[zones.bytes]
queue_bytes = "1KiB"
messages_per_second = 20
burst = 1
[listeners.few]
protocol = "mqtt"
bind = "127.0.0.1:PORT3"
zone = "few"
[zones.few]
max_connections = 1
bytes_per_second = "1KB"
[listeners.slow]
protocol = "mqtt"
bind = "127.0.0.1:PORT4"
zone = "slow"
[zones.slow]
connections_per_second = 2
`

t.test('a zone overrides the limits for its listeners', async t => {
  if (!hasProgram(t)) return
  const ports = await Promise.all(Array.from({ length: 5 }, () => freePort()))
  const fixture = await GatewayFixture.make(
    t,
    temporaryFolder(t),
    ZONES.replace(/PORT(\d)/g, (_, place: string) => String(ports[Number(place)])),
  )
  await fixture.start()
  const wires: Wire[] = []
  const open = (port: number) => {
    const wire = new Wire(port)
    wires.push(wire)
    return wire
  }
  t.teardown(() => {
    for (const wire of wires) wire.socket.destroy()
  })
  const [terms, queues, bytes, few, slow] = ports

  await t.test('the terms of a connection', async t => {
    const plain = await open(fixture.mqttPort).connect('plain', ASKING)
    t.match(plain.properties, { receiveMaximum: 32, maximumPacketSize: 1 << 20, topicAliasMaximum: 32 })
    t.equal(plain.properties?.serverKeepAlive, undefined)
    t.equal(plain.properties?.sessionExpiryInterval, undefined)
    const wire = open(terms)
    const zoned = await wire.connect('zoned', ASKING)
    t.match(zoned.properties, {
      receiveMaximum: 7,
      maximumPacketSize: 2048,
      serverKeepAlive: 30,
      sessionExpiryInterval: 3600,
      topicAliasMaximum: 3,
      responseInformation: 'answers/zoned',
    })
    wire.send(publish('a/b', 1), publish('a/b/c', 2))
    t.match([await wire.next(), await wire.next()], [{ packetId: 1 }, { packetId: 2, reasonCode: 0x90 }])
    wire.send(publish('a', 3, { payload: Buffer.of(0xff), properties: { payloadFormatIndicator: 1 } }))
    t.match(await wire.next(), { packetId: 3, reasonCode: 0x99 })
    const mute = open(terms)
    await eventually('who says nothing is closed', () => mute.closed, 20_000)
  })

  await t.test('the queues of sessions', async t => {
    for (const [port, id, filter] of [
      [queues, 'counted', 'count'],
      [bytes, 'weighed', 'weigh'],
    ] as const) {
      const wire = open(port)
      t.equal((await wire.connect(id, { properties: { sessionExpiryInterval: 600 } })).reasonCode, 0)
      wire.send({
        type: 'subscribe',
        packetId: 1,
        subscriptions: [{ filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      })
      t.match(await wire.next(), { type: 'suback', reasonCodes: [1] })
      await wire.end()
    }
    const source = open(fixture.mqttPort)
    await source.connect('source')
    const payload = Buffer.alloc(300)
    for (let n = 1; n <= 5; n++) {
      source.send({ type: 'publish', topic: 'count', payload, qos: 0, retain: false, dup: false }, publish('weigh', n, { payload }))
      await source.next()
    }
    const rows = await fixture.list<{ client_id: string; queued: number; dropped: number }>('sessions')
    const byId = new Map(rows.map(row => [row.client_id, row]))
    t.match(byId.get('counted'), { queued: 3, dropped: 2 })
    t.match(byId.get('weighed'), { queued: 2, dropped: 3 })
  })

  await t.test('the rates of clients', async t => {
    const fast = open(bytes)
    await fast.connect('fast')
    let started = performance.now()
    fast.send(...Array.from({ length: 11 }, (_, n) => publish('r', n + 1)))
    for (let n = 0; n < 11; n++) await fast.next()
    t.ok(performance.now() - started >= 480, 'one at once and 20 in a second')
    const large = open(few)
    await large.connect('large')
    started = performance.now()
    large.send(publish('r', 1, { payload: Buffer.alloc(1500) }), publish('r', 2))
    await large.next()
    await large.next()
    t.ok(performance.now() - started >= 480, 'what is more than a second may bring is waited for')
  })

  await t.test('the connections of listeners', async t => {
    const more = open(few)
    await eventually('one more than one is closed', () => more.closed, 20_000)
    t.equal(wires.find(wire => !wire.closed && wire !== more) === undefined, false, 'those who were there stay')
    const many = Array.from({ length: 8 }, () => open(slow))
    await eventually('most of a burst are closed', () => many.filter(wire => wire.closed).length >= 4, 20_000)
  })
})
