import mqtt from 'mqtt-packet'
import t from 'tap'
import { Framing } from '../../scripts/bench/load/framing.ts'
import { Histogram } from '../../scripts/bench/load/histogram.ts'
import { Ledger } from '../../scripts/bench/load/ledger.ts'
import { encodeConnect, encodeSubscribe, publishTemplate } from '../../scripts/bench/load/packets.ts'
import { DUPLICATE, IN_ORDER, LATE, Sequences } from '../../scripts/bench/load/sequences.ts'

t.test('a quantile of the histogram is within 3 % of the value, from 10 ns to 42 s', async t => {
  for (const us of [0.01, 0.05, 0.63, 0.64, 1, 12.34, 99, 640, 12_345, 1e6, 41e6]) {
    const histogram = new Histogram()
    histogram.add(us / 1000)
    const seen = histogram.quantileUs(0.5)!
    t.ok(seen <= us * 1.000001 + 1e-9 && seen >= us * 0.97 - 0.011, `${us} µs is seen as ${seen} µs`)
  }
})

t.test('the histogram orders what it counts', async t => {
  const histogram = new Histogram()
  t.equal(histogram.quantileUs(0.5), undefined)
  for (let us = 1; us <= 1000; us++) histogram.add(us / 1000)
  t.equal(histogram.count, 1000)
  for (const [share, us] of [
    [0, 1],
    [0.5, 501],
    [0.99, 991],
    [1, 1000],
  ] as const) {
    const seen = histogram.quantileUs(share)!
    t.ok(seen > us * 0.96 && seen <= us, `${share}: ${seen} for ${us}`)
  }
  histogram.reset()
  t.equal(histogram.quantileUs(0.5), undefined)
})

t.test('durations that cannot be are counted at the ends of the histogram', async t => {
  const histogram = new Histogram()
  histogram.add(-5)
  t.equal(histogram.quantileUs(1), 0)
  histogram.add(10 * 60_000)
  t.ok(histogram.quantileUs(1)! > 40e6)
})

t.test('sequence numbers are in order, late or seen before', async t => {
  const sequences = new Sequences(2)
  const verdicts = [0, 1, 4, 2, 2, 4, 5, 3, 3, 6, 0].map(sequence => sequences.mark(1, sequence))
  t.strictSame(verdicts, [IN_ORDER, IN_ORDER, IN_ORDER, LATE, DUPLICATE, DUPLICATE, IN_ORDER, LATE, DUPLICATE, IN_ORDER, DUPLICATE])
  t.equal(sequences.mark(0, 0), IN_ORDER, 'the other stream knows nothing of it')
  sequences.mark(0, 3)
  t.strictSame(
    [0, 1, 2, 3, 4].map(sequence => sequences.has(0, sequence)),
    [true, false, false, true, false],
  )
  t.equal(sequences.next(0), 4)
})

t.test('the ledger finds what was lost, repeated, out of order, misdirected and invented', async t => {
  const ledger = new Ledger({ publishers: 2, subscribers: 2, topology: 'pairs' })
  for (let message = 0; message < 5; message++) ledger.send(0)
  ledger.send(1)
  t.strictSame([...ledger.fanOf], [1, 1])
  t.equal(ledger.expected(), 6)
  const first = [0, 2, 1, 1, 4].map(sequence => ledger.deliver(0, 0, sequence))
  t.strictSame(first, [true, true, true, false, true])
  t.notOk(ledger.deliver(1, 0, 3), 'of the other pair')
  t.notOk(ledger.deliver(0, 0, 5), 'not sent yet')
  t.notOk(ledger.deliver(0, 7, 0), 'by nobody')
  t.match(ledger, { delivered: 4, duplicated: 1, reordered: 1, foreign: 3 })
  t.equal(ledger.expected() - ledger.delivered, 2)
})

t.test('of the acknowledged messages the ledger knows which were kept', async t => {
  const ledger = new Ledger({ publishers: 1, subscribers: 2, topology: 'all' })
  let alarms = 0
  ledger.alarmAt = 3
  ledger.alarm = () => alarms++
  for (let message = 0; message < 6; message++) ledger.send(0)
  for (const sequence of [0, 1, 3, 3, -1]) ledger.acknowledge(0, sequence)
  t.match(ledger, { acknowledged: 3, foreign: 2 })
  t.equal(alarms, 1)
  for (const sequence of [0, 2, 3]) ledger.deliver(1, 0, sequence)
  t.strictSame(ledger.kept(), { expected: 6, delivered: 2 })
})

t.test('what is written is what another codec reads', async t => {
  const read: mqtt.Packet[] = []
  const parser = mqtt.parser()
  parser.on('packet', packet => read.push(packet))
  const template = publishTemplate(3, { qos: 1, payloadBytes: 200 }, true)
  template.bytes.writeUInt16BE(513, template.packetIdAt)
  template.bytes.writeUInt32BE(77, template.sequenceAt)
  template.bytes.writeDoubleBE(12.5, template.sentAt)
  template.bytes.write('7', template.topicIndexAt + template.topicIndexDigits - 1)
  parser.parse(Buffer.concat([encodeConnect('one', false), encodeSubscribe(['a/+', 'b'], 1), template.bytes]))
  t.match(read[0], { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: false, clientId: 'one', keepalive: 600 })
  t.match(read[1], {
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [
      { topic: 'a/+', qos: 1 },
      { topic: 'b', qos: 1 },
    ],
  })
  t.match(read[2], { cmd: 'publish', topic: 'bench/3/000007', qos: 1, retain: true, messageId: 513 })
  const payload = (read[2] as mqtt.IPublishPacket).payload as Buffer
  t.equal(payload.length, 200)
  t.strictSame([payload.readUInt32BE(4), payload.readUInt32BE(8), payload.readDoubleBE(12)], [3, 77, 12.5])
})

t.test('packets are found wherever the reads cut the stream', async t => {
  const packets = [
    Buffer.from([0xd0, 0]),
    Buffer.from([0x40, 2, 1, 2]),
    publishTemplate(0, { qos: 0, payloadBytes: 20 }, false).bytes,
    publishTemplate(1, { qos: 1, payloadBytes: 300 }, false).bytes,
    Buffer.from([0x40, 2, 3, 4]),
  ]
  const stream = Buffer.concat(packets)
  for (let size = 1; size <= stream.length; size++) {
    const framing = new Framing()
    const found: Buffer[] = []
    const sink = {
      packet(header: number, bytes: Uint8Array, view: DataView, start: number, end: number) {
        if (end > start && view.getUint8(end - 1) !== bytes[end - 1]) t.fail('the view is of other memory')
        found.push(Buffer.concat([Buffer.from([header]), bytes.subarray(start, end)]))
      },
    }
    for (let at = 0; at < stream.length; at += size) {
      const chunk = Uint8Array.from(stream.subarray(at, at + size))
      framing.push(chunk, new DataView(chunk.buffer), chunk.length, sink)
    }
    const wanted = packets.map(packet => Buffer.concat([packet.subarray(0, 1), packet.subarray(packet[1]! > 127 ? 3 : 2)]))
    if (!Buffer.concat(found).equals(Buffer.concat(wanted)) || found.length !== wanted.length) t.fail(`reads of ${size} bytes`)
  }
})

t.test('a remaining length that MQTT does not know is refused', async t => {
  const bytes = Uint8Array.from([0x30, 0xff, 0xff, 0xff, 0xff, 1])
  t.throws(() => new Framing().push(bytes, new DataView(bytes.buffer), bytes.length, { packet: () => t.fail('no packet') }), /malformed/)
})
