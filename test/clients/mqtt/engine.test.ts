import t from 'tap'
import type { GatewayError } from '#base/errors.ts'
import { type EngineEvents, type EngineOptions, MqttEngine, type ServerTerms } from '#clients/mqtt/index.ts'
import { decodePacket, encodePacket, frameLength, type MqttVersion, type Packet, type Properties } from '#codecs/mqtt/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const OPTIONS: EngineOptions = {
  version: 5,
  clientId: 'site-7',
  cleanStart: false,
  keepAliveSeconds: 60,
  sessionExpirySeconds: 3600,
  receiveMaximum: 3,
  packetBytesMax: 1000,
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
}

/** An engine whose events are written down. */
class Bench {
  readonly clock = new VirtualClock()
  readonly engine: MqttEngine
  readonly sent: Packet[] = []
  readonly log: string[] = []
  readonly options: EngineOptions
  terms: ServerTerms | undefined
  error: GatewayError | undefined

  constructor(options: Partial<EngineOptions> = {}) {
    this.options = { ...OPTIONS, ...options }
    const events: EngineEvents = {
      write: bytes => this.sent.push(...decodeAll(bytes, this.options.version)),
      connected: terms => {
        this.terms = terms
        this.log.push('connected')
      },
      acknowledged: ({ packetId, reason }) => this.log.push(`acknowledged ${packetId} ${reason}`),
      received: packetId => this.log.push(`received ${packetId}`),
      completed: packetId => this.log.push(`completed ${packetId}`),
      message: packet => this.log.push(`message ${packet.topic} ${packet.packetId ?? '-'}`),
      released: packetId => this.log.push(`released ${packetId}`),
      closed: error => {
        this.error = error
        this.log.push(`closed ${error === undefined ? '' : error.code}`.trim())
      },
    }
    this.engine = new MqttEngine(this.options, events, this.clock)
    this.engine.start()
  }

  static connected(options: Partial<EngineOptions> = {}, properties?: Properties, sessionPresent = false): Bench {
    const bench = new Bench(options)
    bench.give({ type: 'connack', sessionPresent, reasonCode: 0, ...(properties === undefined ? {} : { properties }) })
    bench.sent.length = bench.log.length = 0
    return bench
  }

  give(...packets: Packet[]): void {
    for (const packet of packets) this.engine.receive(encodePacket(packet, this.options.version))
  }

  publish(qos: 0 | 1 | 2, packetId: number, bytes = 1): boolean {
    const ids = qos === 0 ? {} : { packetId }
    const frame = encodePacket(
      { type: 'publish', topic: 'a', payload: new Uint8Array(bytes), qos, retain: false, dup: false, ...ids },
      this.options.version,
    )
    return this.engine.publish(frame, qos, packetId)
  }

  /** What was sent since the last call, as type and packet id. */
  out(): string[] {
    return this.sent.splice(0).map(packet => `${packet.type}${'packetId' in packet ? ` ${packet.packetId}` : ''}`)
  }
}

function decodeAll(bytes: Uint8Array, version: MqttVersion): Packet[] {
  const packets: Packet[] = []
  for (let start = 0; start < bytes.length; ) {
    const end = start + frameLength(bytes, start, bytes.length)
    packets.push(decodePacket(bytes, start, end, version))
    start = end
  }
  return packets
}

const incoming = (qos: 0 | 1 | 2, packetId: number, more: Partial<Extract<Packet, { type: 'publish' }>> = {}): Packet => ({
  type: 'publish',
  topic: 'in',
  payload: Buffer.from('x'),
  qos,
  retain: false,
  dup: false,
  ...(qos === 0 ? {} : { packetId }),
  ...more,
})

t.test('CONNECT says what the options say, in both versions', async t => {
  const five = new Bench({ username: 'u', password: Buffer.from('p') })
  t.match(five.sent[0], {
    type: 'connect',
    protocolVersion: 5,
    clientId: 'site-7',
    cleanStart: false,
    keepAlive: 60,
    username: 'u',
    properties: { sessionExpiryInterval: 3600, receiveMaximum: 3, maximumPacketSize: 1000 },
  })
  const three = new Bench({ version: 4 })
  t.match(three.sent[0], { type: 'connect', protocolVersion: 4, clientId: 'site-7' })
  t.notOk((three.sent[0] as { properties?: unknown }).properties)
})

t.test('the terms of the CONNACK are taken over, and have their defaults', async t => {
  t.match(Bench.connected({}, {}, true).terms, {
    sessionPresent: true,
    clientId: 'site-7',
    receiveMaximum: 65_535,
    packetBytesMax: Number.POSITIVE_INFINITY,
    qosMax: 2,
    retainAvailable: true,
    topicAliasMaximum: 0,
    keepAliveSeconds: 60,
  })
  const terms = Bench.connected(
    {},
    {
      assignedClientIdentifier: 'given',
      receiveMaximum: 7,
      maximumPacketSize: 200,
      maximumQos: 1,
      retainAvailable: false,
      serverKeepAlive: 9,
      topicAliasMaximum: 4,
    },
  ).terms
  t.match(terms, {
    clientId: 'given',
    receiveMaximum: 7,
    packetBytesMax: 200,
    qosMax: 1,
    retainAvailable: false,
    keepAliveSeconds: 9,
    topicAliasMaximum: 4,
  })
})

t.test('a CONNACK that refuses ends the connection with words for people', async t => {
  const cases: [Partial<EngineOptions>, number, string, RegExp][] = [
    [{}, 0x86, 'bad-credentials', /user name or password/],
    [{}, 0x87, 'not-authorized', /does not permit/],
    [{}, 0x97, 'quota-exceeded', /quota/],
    [{ version: 4 }, 5, 'not-authorized', /does not permit/],
    [{ version: 4 }, 4, 'bad-credentials', /user name or password/],
    [{ version: 4 }, 2, 'identifier-rejected', /client id/],
  ]
  for (const [options, reasonCode, code, words] of cases) {
    const bench = new Bench(options)
    bench.give({ type: 'connack', sessionPresent: false, reasonCode })
    t.equal(bench.error?.code, code)
    t.match(bench.error?.message, words)
  }
})

t.test('a server that does not answer the CONNECT is given up', async t => {
  const bench = new Bench()
  bench.clock.advance(9_999)
  t.equal(bench.error, undefined)
  bench.clock.advance(1)
  t.equal(bench.error?.code, 'timeout')
  bench.give({ type: 'connack', sessionPresent: false, reasonCode: 0 })
  t.same(bench.log, ['closed timeout'], 'what comes afterwards changes nothing')
})

t.test('a session where none was asked for breaks the protocol', async t => {
  const bench = new Bench({ cleanStart: true })
  bench.give({ type: 'connack', sessionPresent: true, reasonCode: 0 })
  t.equal(bench.error?.code, 'decode-malformed')
})

t.test('a quiet link is pinged, and given up when the answer stays away', async t => {
  const bench = Bench.connected({ keepAliveSeconds: 20, pingTimeoutMs: 7000 })
  bench.clock.advance(10_000)
  t.same(bench.out(), ['pingreq'])
  bench.give({ type: 'pingresp' })
  bench.clock.advance(20_000)
  t.same(bench.out(), ['pingreq'])
  bench.clock.advance(6_999)
  t.equal(bench.error, undefined)
  bench.clock.advance(1)
  t.equal(bench.error?.code, 'timeout')
})

t.test('the keep-alive of the server replaces ours, and 0 is none', async t => {
  const server = Bench.connected({ keepAliveSeconds: 0 }, { serverKeepAlive: 4 })
  server.clock.advance(2000)
  t.same(server.out(), ['pingreq'])
  const none = Bench.connected({ keepAliveSeconds: 0 })
  none.clock.advance(10_000_000)
  t.same(none.out(), [])
})

t.test('a link that is busy one way only is pinged as well, and slow answers count as life', async t => {
  const bench = Bench.connected({ keepAliveSeconds: 20, pingTimeoutMs: 7000 })
  for (let i = 0; i < 2; i++) {
    bench.publish(0, 0)
    bench.clock.advance(5000)
  }
  t.ok(bench.out().includes('pingreq'), 'we send, nothing comes')
  for (let i = 0; i < 4; i++) {
    bench.clock.advance(5000)
    bench.give(incoming(0, 0))
  }
  t.equal(bench.error, undefined, 'bytes keep coming before the PINGRESP')
})

t.test('publishes of all three QoS are answered', async t => {
  const bench = Bench.connected()
  bench.publish(0, 0)
  bench.publish(1, 7)
  bench.publish(2, 8)
  t.same(bench.out(), ['publish', 'publish 7', 'publish 8'])
  t.equal(bench.engine.inFlight, 2)
  bench.give({ type: 'puback', packetId: 7, reasonCode: 0 }, { type: 'pubrec', packetId: 8, reasonCode: 0 })
  t.same(bench.log, ['acknowledged 7 0', 'received 8'])
  t.same(bench.out(), [], 'PUBREL waits for the owner')
  bench.engine.release(8)
  bench.give({ type: 'pubrec', packetId: 8, reasonCode: 0 })
  t.same(bench.out(), ['pubrel 8', 'pubrel 8'], 'a repeated PUBREC is answered again')
  bench.give({ type: 'pubcomp', packetId: 8, reasonCode: 0x92 })
  t.same(bench.log.slice(2), ['completed 8'])
  t.equal(bench.engine.inFlight, 0)
})

t.test('refusals of a publish are told, and free its packet id', async t => {
  const bench = Bench.connected()
  bench.publish(1, 7)
  bench.publish(2, 8)
  bench.give({ type: 'puback', packetId: 7, reasonCode: 0x87 }, { type: 'pubrec', packetId: 8, reasonCode: 0x97 })
  t.same(bench.log, ['acknowledged 7 135', 'acknowledged 8 151'])
  t.equal(bench.engine.inFlight, 0)
})

t.test('a PUBREL of an earlier connection can be sent', async t => {
  const bench = Bench.connected({}, {}, true)
  bench.engine.release(12)
  t.same(bench.out(), ['pubrel 12'])
  bench.give({ type: 'pubcomp', packetId: 12, reasonCode: 0 })
  t.same(bench.log, ['completed 12'])
})

t.test('a PUBREC for nothing is ended properly, a PUBACK for nothing is ignored', async t => {
  const bench = Bench.connected()
  bench.give({ type: 'puback', packetId: 3, reasonCode: 0 }, { type: 'pubrec', packetId: 4, reasonCode: 0 })
  t.same(bench.out(), ['pubrel 4'])
  t.same(bench.log, [])
})

t.test('the wrong acknowledgement for a QoS breaks the protocol', async t => {
  const bench = Bench.connected()
  bench.publish(2, 8)
  bench.give({ type: 'puback', packetId: 8, reasonCode: 0 })
  t.equal(bench.error?.code, 'decode-malformed')
  t.match(bench.sent.at(-1), { type: 'disconnect', reasonCode: 0x82 })
})

t.test('a packet above the Maximum Packet Size of the server is not sent', async t => {
  const bench = Bench.connected({}, { maximumPacketSize: 50 })
  t.equal(bench.publish(1, 7, 100), false)
  t.equal(bench.publish(1, 8, 10), true)
  t.same(bench.out(), ['publish 8'])
})

t.test('SUBSCRIBE and UNSUBSCRIBE use ids that no publish has, and get their results', async t => {
  const bench = Bench.connected()
  bench.publish(1, 65_535)
  bench.publish(1, 1)
  bench.out()
  const results: unknown[] = []
  const filter = { filter: 'a/#', qos: 1 as const, noLocal: false, retainAsPublished: false, retainHandling: 0 as const }
  bench.engine.subscribe([filter, { ...filter, filter: 'b' }], codes => results.push(codes))
  bench.engine.unsubscribe(['c'], codes => results.push(codes))
  t.same(bench.out(), ['subscribe 65534', 'unsubscribe 65533'])
  bench.give({ type: 'unsuback', packetId: 65_533, reasonCodes: [0x11] }, { type: 'suback', packetId: 65_534, reasonCodes: [1, 0x87] })
  t.same(results, [[0x11], [1, 0x87]])
})

t.test('a publish whose id a SUBSCRIBE has at the moment waits for it, and so do those behind it', async t => {
  const bench = Bench.connected()
  bench.engine.subscribe([{ filter: 'a', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }], () => {})
  t.same(bench.out(), ['subscribe 65535'])
  bench.publish(1, 65_535)
  bench.publish(1, 1)
  t.same(bench.out(), [])
  bench.give({ type: 'suback', packetId: 65_535, reasonCodes: [0] })
  t.same(bench.out(), ['publish 65535', 'publish 1'])
})

t.test('an UNSUBACK of MQTT 3.1.1 has no codes: all went well', async t => {
  const bench = Bench.connected({ version: 4 })
  const results: unknown[] = []
  bench.engine.unsubscribe(['c', 'd'], codes => results.push(codes))
  bench.give({ type: 'unsuback', packetId: 65_535, reasonCodes: [] })
  t.same(results, [[0, 0]])
})

t.test('requests without answer end the connection, and fail with it', async t => {
  const bench = Bench.connected({ keepAliveSeconds: 0 })
  const errors: unknown[] = []
  bench.engine.unsubscribe(['c'], (_codes, error) => errors.push(error?.code))
  bench.clock.advance(20_000)
  t.equal(bench.error?.code, 'timeout')
  t.same(errors, ['timeout'])
  bench.engine.unsubscribe(['c'], (_codes, error) => errors.push(error?.code))
  t.same(errors, ['timeout', 'connection-lost'])
})

t.test('messages are acknowledged when the owner says so', async t => {
  const bench = Bench.connected()
  bench.give(incoming(0, 0), incoming(1, 5), incoming(2, 6))
  t.same(bench.log, ['message in -', 'message in 5', 'message in 6'])
  t.same(bench.out(), [])
  bench.engine.puback(5)
  bench.engine.pubrec(6)
  bench.give({ type: 'pubrel', packetId: 6, reasonCode: 0 })
  t.same(bench.log.slice(3), ['released 6'])
  bench.engine.pubcomp(6)
  bench.engine.puback(5)
  bench.engine.pubcomp(6)
  t.same(bench.out(), ['puback 5', 'pubrec 6', 'pubcomp 6'], 'each once')
})

t.test('a server that sends beyond our Receive Maximum is told so', async t => {
  const bench = Bench.connected({ receiveMaximum: 2 })
  bench.give(incoming(1, 1), incoming(2, 2), incoming(2, 2, { dup: true }))
  t.equal(bench.error, undefined, 'a repetition is not one more')
  bench.give(incoming(1, 3))
  t.match(bench.sent.at(-1), { type: 'disconnect', reasonCode: 0x93 })
  t.match(bench.error?.message, /unacknowledged/)
})

t.test('PUBRELs of an earlier connection do not count against the Receive Maximum', async t => {
  const bench = Bench.connected({ receiveMaximum: 1 })
  bench.give({ type: 'pubrel', packetId: 9, reasonCode: 0 }, { type: 'pubrel', packetId: 10, reasonCode: 0 }, incoming(1, 1))
  t.equal(bench.error, undefined)
  bench.engine.pubcomp(9)
  t.same(bench.out(), ['pubcomp 9'])
})

t.test('what only a client may send, a topic alias, and garbage end the connection with the reason', async t => {
  const cases: [string, Packet | Uint8Array, number][] = [
    [
      'SUBSCRIBE',
      {
        type: 'subscribe',
        packetId: 1,
        subscriptions: [{ filter: 'a', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      },
      0x82,
    ],
    ['PINGREQ', { type: 'pingreq' }, 0x82],
    ['CONNACK', { type: 'connack', sessionPresent: false, reasonCode: 0 }, 0x82],
    ['AUTH', { type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'x' } }, 0x82],
    ['topic alias', incoming(0, 0, { properties: { topicAlias: 1 } }), 0x94],
    ['reserved type', Uint8Array.of(0, 0), 0x81],
    ['QoS 3', Uint8Array.of(0x36, 5, 0, 1, 0x61, 0, 1), 0x81],
    ['too long', Uint8Array.of(0x30, 0xff, 0xff, 0x7f), 0x95],
    ['SUBACK for nothing', { type: 'suback', packetId: 1, reasonCodes: [0] }, 0x82],
  ]
  for (const [name, packet, reason] of cases) {
    const bench = Bench.connected()
    if (packet instanceof Uint8Array) bench.engine.receive(packet)
    else bench.give(packet)
    t.match(bench.sent.at(-1), { type: 'disconnect', reasonCode: reason }, name)
    t.equal(bench.error?.code, 'decode-malformed', name)
  }
})

t.test('a server that begins with anything but CONNACK is no MQTT server', async t => {
  const http = new Bench()
  http.engine.receive(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
  t.equal(http.error?.code, 'decode-malformed')
  t.match(http.error?.hint, /MQTT server/)
  const early = new Bench()
  early.give({ type: 'pingresp' })
  t.match(early.error?.message, /does not begin with a CONNACK/)
})

t.test('DISCONNECT of the server says why in words', async t => {
  const taken = Bench.connected()
  taken.give({ type: 'disconnect', reasonCode: 0x8e })
  t.equal(taken.error?.reason, 0x8e)
  t.match(taken.error?.message, /newer connection with the same client id/)
  const words = Bench.connected()
  words.give({ type: 'disconnect', reasonCode: 0x98, properties: { reasonString: 'maintenance at noon' } })
  t.match(words.error?.message, /"maintenance at noon"/)
  const old = Bench.connected({ version: 4 })
  old.engine.receive(Uint8Array.of(0xe0, 0))
  t.equal(old.error?.code, 'decode-malformed', 'MQTT 3.1.1 knows none from a server')
})

t.test('packets arrive in any pieces', async t => {
  const bytes = Buffer.concat(
    [incoming(1, 1), incoming(2, 2), incoming(0, 0, { payload: new Uint8Array(300) }), incoming(1, 3)].map(p => encodePacket(p, 5)),
  )
  for (const size of [1, 2, 3, 7, 100, 299, 1000]) {
    const bench = Bench.connected()
    for (let at = 0; at < bytes.length; at += size) bench.engine.receive(bytes.subarray(at, at + size))
    t.same(bench.log, ['message in 1', 'message in 2', 'message in -', 'message in 3'], `pieces of ${size}`)
  }
})

t.test('goodbye is said, once, and nothing follows', async t => {
  const bench = Bench.connected()
  bench.engine.disconnect()
  bench.engine.streamClosed()
  bench.engine.puback(1)
  t.same(bench.out(), ['disconnect'])
  t.same(bench.log, ['closed'])
})
