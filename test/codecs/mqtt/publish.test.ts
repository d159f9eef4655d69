import t from 'tap'
import {
  decodePacket,
  encodePacket,
  encodeProperties,
  type MqttVersion,
  PublishScan,
  packetIdOffset,
  patchDup,
  patchPacketId,
  publishFrame,
  type QoS,
  scanPublish,
} from '#codecs/mqtt/index.ts'

const TOPIC = Buffer.from('sensors/raum-ü/temp')

t.test('a frame made of parts equals the frame made of a packet', async t => {
  for (const version of [3, 4, 5] as const) {
    for (const qos of [0, 1, 2] as const) {
      for (const length of [0, 40, 200, 20_000]) {
        const properties = { contentType: 'x'.repeat(length), topicAlias: 7 }
        const payload = Buffer.alloc(length, 'p')
        const packetId = qos === 0 ? 0 : 513
        const frame = publishFrame(TOPIC, payload, qos, true, qos > 0, packetId, encodeProperties(properties), version)
        const packet = { type: 'publish', topic: TOPIC.toString(), payload, qos, retain: true, dup: qos > 0, properties } as const
        const expected = encodePacket(qos === 0 ? packet : { ...packet, packetId }, version)
        t.ok(Buffer.from(expected).equals(frame), `level ${version}, QoS ${qos}, ${length} bytes`)
      }
    }
  }
})

t.test('a frame without properties has an empty property length in MQTT 5 alone', async t => {
  const frame = (version: MqttVersion) =>
    Buffer.from(publishFrame(Buffer.from('a'), Buffer.from('p'), 0, false, false, 0, undefined, version))
  t.equal(frame(4).toString('hex'), '300400016170')
  t.equal(frame(5).toString('hex'), '30050001610070')
})

t.test('a copied frame takes another packet identifier and DUP in place', async t => {
  for (const version of [3, 4, 5] as const) {
    for (const length of [0, 100, 200, 20_000, 2_100_000]) {
      const payload = Buffer.alloc(length)
      const frame = Buffer.from(publishFrame(TOPIC, payload, 1, false, false, 1, undefined, version))
      patchPacketId(frame, packetIdOffset(frame), 0xabcd)
      patchDup(frame, true)
      t.match(decodePacket(frame, 0, frame.length, version), { packetId: 0xabcd, dup: true, qos: 1, topic: TOPIC.toString() })
      patchDup(frame, false)
      t.match(decodePacket(frame, 0, frame.length, version), { packetId: 0xabcd, dup: false })
      t.equal(packetIdOffset(publishFrame(TOPIC, payload, 0, true, false, 0, undefined, version)), 0)
    }
  }
})

t.test('a scan object that is used again keeps nothing of the packet before', async t => {
  const scan = new PublishScan()
  const first = publishFrame(TOPIC, Buffer.alloc(3), 2, true, true, 9, encodeProperties({ topicAlias: 3 }), 5)
  scanPublish(first, 0, first.length, 5, scan)
  t.match(scan, { qos: 2, retain: true, dup: true, packetId: 9, topicAlias: 3 })
  const second = publishFrame(Buffer.from('a'), Buffer.alloc(1), 0, false, false, 0, undefined, 4)
  scanPublish(second, 0, second.length, 4, scan)
  t.strictSame(
    { ...scan },
    {
      qos: 0,
      retain: false,
      dup: false,
      topicStart: 4,
      topicEnd: 5,
      packetId: 0,
      propertiesStart: 5,
      propertiesEnd: 5,
      topicAlias: 0,
      payloadStart: 5,
      payloadEnd: 6,
    },
  )
})

t.test('parts that do not fit make no frame', async t => {
  const frame = (qos: number, dup: boolean, packetId: number, topic: Uint8Array = TOPIC) =>
    publishFrame(topic, Buffer.alloc(0), qos as QoS, false, dup, packetId, undefined, 4)
  const bad: [string, () => unknown][] = [
    ['QoS 3', () => frame(3, false, 1)],
    ['DUP at QoS 0', () => frame(0, true, 0)],
    ['no packet identifier at QoS 1', () => frame(1, false, 0)],
    ['a packet identifier beyond 16 bits', () => frame(1, false, 65536)],
    ['a packet identifier at QoS 0', () => frame(0, false, 1)],
    ['a topic of 64 KiB', () => frame(0, false, 0, Buffer.alloc(65536))],
  ]
  for (const [name, make] of bad) t.throws(make, { code: 'encode-range' }, name)
})
