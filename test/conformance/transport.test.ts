import { connect as dial, type Socket } from 'node:net'
import t from 'tap'
import { publish } from '../adapters/mqtt/packets.ts'
import { eventually } from '../support/eventually.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { connect, hex, PACKETS, packet, text, uint16 } from './malformed/case.ts'
import { client, five, lastingClient } from './peers.ts'
import { realListener } from './real-listener.ts'

async function open(port: number): Promise<{ socket: Socket; received: () => string; closed: () => boolean }> {
  const socket = dial({ host: '127.0.0.1', port, noDelay: true })
  let received = Buffer.alloc(0)
  let closed = false
  socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])))
  socket.on('close', () => (closed = true))
  socket.on('error', () => {})
  await eventually('the connection is there', () => !socket.connecting, 5000)
  return { socket, received: () => received.toString('hex'), closed: () => closed }
}

t.test('over TCP packets may come in pieces of any size, or many at once [MQTT-4.2.0-1] [MQTT311-4.2.0-1]', async t => {
  for (const size of [1, 2, 3, 7, 1000]) {
    const { port } = await realListener(t)
    const { socket, received } = await open(port)
    const bytes = Buffer.concat([
      connect(4, 0x02, [text('c')]),
      packet(PACKETS.SUBSCRIBE, uint16(1), text('a/#'), hex(0)),
      ...Array.from({ length: 20 }, (_, i) => packet(0x32, text('a/b'), uint16(i + 1), Buffer.from('x'))),
      hex(0xc0, 0),
    ])
    for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size))
    await eventually('the PINGRESP', () => received().endsWith('d000'), 10_000, received)
    t.match(received(), /^200200009003000100/)
    t.equal(received().split('3006000361').length - 1, 20)
    socket.destroy()
  }
})

t.test('lengths of 256 MB, topics of slashes and slow CONNECTs end alone and are counted, and others notice nothing', async t => {
  const { port, mqtt } = await realListener(t, { connectTimeoutMs: 1000 })
  const good = await open(port)
  good.socket.write(connect(5, 0x02, [text('good')]))
  await eventually('the CONNACK', () => good.received().startsWith('20'), 5000)
  const huge = await open(port)
  huge.socket.write(Buffer.concat([connect(5, 0x02, [text('huge')]), hex(0x30, 0xff, 0xff, 0xff, 0x7f)]))
  const hugeFirst = await open(port)
  hugeFirst.socket.write(hex(0x10, 0xff, 0xff, 0xff, 0x7f))
  const slashes = Buffer.alloc(65_535, '/')
  const quiet = await open(port)
  quiet.socket.write(Buffer.concat([connect(5, 0x02, [text('s0')]), packet(0x30, text(slashes), hex(0), hex(1))]))
  const old = await open(port)
  old.socket.write(Buffer.concat([connect(4, 0x02, [text('s4')]), packet(0x32, text(slashes), uint16(1), hex(1))]))
  const answered = await open(port)
  answered.socket.write(
    Buffer.concat([connect(5, 0x02, [text('s1')]), packet(0x32, text(slashes), uint16(1), hex(0), hex(1)), hex(0xc0, 0)]),
  )
  const loris = await open(port)
  loris.socket.write(hex(0x10))
  await eventually('all are closed', () => [huge, hugeFirst, quiet, old, loris].every(({ closed }) => closed()), 10_000)
  t.match(huge.received(), /e0..95/)
  t.equal(hugeFirst.received(), '')
  t.match(quiet.received(), /e0..90/)
  t.equal(old.received(), '20020000')
  await eventually('the answer', () => answered.received().endsWith('d000'), 5000)
  t.match(answered.received(), /40..000190/, 'MQTT 5 has an answer at QoS 1')
  t.match(mqtt.ended, { 'packet-too-large': 2, 'topic-name-invalid': 2, 'connect-timeout': 1 })
  good.socket.write(hex(0xc0, 0))
  await eventually('the good one is served', () => good.received().endsWith('d000'), 5000)
  for (const { socket } of [good, answered]) socket.destroy()
})

t.test('a publish that the disk cannot take closes an MQTT 3 connection, and is refused to MQTT 5 [MQTT311-4.8.0-2]', async t => {
  const harness = await MqttHarness.start()
  const away = await lastingClient(harness, 's', 4)
  await away.subscribe('a', 1)
  away.vanish()
  const three = await client(harness, 'p3', 4)
  const peer = await five(harness, 'p5')
  harness.store.fail()
  await peer.exchange(publish('a', 'x', 1, 1))
  harness.clock.advance(100)
  await harness.settle()
  t.match(await peer.exchange(publish('a', 'x', 1, 2)), [])
  await three.exchange(publish('a', 'x', 1, 1))
  t.ok(three.closed)
  t.match(harness.listener.ended, { 'quota-exceeded': 1 })
  harness.store.heal()
  harness.clock.advance(60_000)
  t.match((await peer.take()).slice(-1), [{ type: 'puback', packetId: 2, reasonCode: 0x97 }])
})

t.test('each member of a shared group has its granted QoS [MQTT-4.8.2-3]', async t => {
  const harness = await MqttHarness.start()
  const members = [await five(harness, 'm0'), await five(harness, 'm2')]
  await members[0].subscribe('$share/g/a', 0)
  await members[1].subscribe('$share/g/a', 2)
  const pub = await five(harness, 'p')
  const qos: number[][] = [[], []]
  for (let i = 1; i <= 10; i++) {
    await pub.exchange(publish('a', 'x', 2, i))
    for (const [which, member] of members.entries()) {
      for (const one of await member.take()) {
        if (one.type !== 'publish') continue
        qos[which].push(one.qos)
        const { packetId } = one
        if (packetId !== undefined) {
          await member.exchange({ type: 'pubrec', packetId, reasonCode: 0 })
          await member.exchange({ type: 'pubcomp', packetId, reasonCode: 0 })
        }
      }
    }
  }
  t.same([...new Set(qos[0])], [0])
  t.same([...new Set(qos[1])], [2])
  t.equal(qos.flat().length, 10)
})

t.test('what a member of a shared group refuses goes to nobody else [MQTT-4.8.2-6]', async t => {
  const harness = await MqttHarness.start()
  const members = [await five(harness, 'm1'), await five(harness, 'm2')]
  for (const member of members) await member.subscribe('$share/g/a', 2)
  const pub = await five(harness, 'p')
  await pub.exchange(publish('a', '1', 1, 1), publish('a', '2', 2, 2))
  let refused = 0
  for (let round = 0; round < 4; round++) {
    for (const member of members) {
      for (const one of await member.take()) {
        if (one.type !== 'publish') continue
        refused++
        await member.exchange({ type: one.qos === 1 ? 'puback' : 'pubrec', packetId: one.packetId!, reasonCode: 0x80 })
      }
    }
  }
  t.equal(refused, 2)
  t.equal(harness.broker.status().counters.dropped['refused-by-recipient'], 2)
})
