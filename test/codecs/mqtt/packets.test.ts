import t from 'tap'
import { decodePacket, encodePacket, frameLength, type Packet, PublishScan, scanPublish } from '#codecs/mqtt/index.ts'
import { PACKET_VECTORS } from '../../vectors/mqtt/packets.ts'
import { wire } from '../../vectors/mqtt/wire.ts'

for (const vector of PACKET_VECTORS) {
  for (const version of vector.versions) {
    t.test(`${vector.name} (protocol level ${version}) is decoded and encoded`, async t => {
      const bytes = wire(vector.wire)
      // The packet stands between others, so that a read beyond its borders shows.
      const padded = Buffer.concat([Buffer.alloc(3, 0xff), bytes, Buffer.alloc(5, 0xff)])
      t.equal(frameLength(padded, 3, padded.length), bytes.length)
      t.strictSame(plain(decodePacket(padded, 3, 3 + bytes.length, version)), plain(vector.packet))
      t.strictSame(plain(decodePacket(Uint8Array.from(bytes), 0, bytes.length, version)), plain(vector.packet))
      if (vector.decodeOnly === undefined) t.equal(hex(encodePacket(vector.packet, version)), hex(bytes))
      else t.strictSame(plain(redecode(vector.packet, version)), plain(vector.packet), vector.decodeOnly)
    })
  }
}

t.test('payloads and binary data are views of the bytes that came', async t => {
  const bytes = wire(`32 [ "a/b" 0001 [ 09 "id" ] 'payload' ]`)
  const packet = decodePacket(bytes, 0, bytes.length, 5)
  if (packet.type !== 'publish') throw new Error(`decoded a ${packet.type}`)
  bytes.fill('x')
  t.equal(Buffer.from(packet.payload).toString(), 'xxxxxxx')
  t.equal(Buffer.from(packet.properties!.correlationData!).toString(), 'xx')
})

t.test('a scan of a PUBLISH finds the parts that decoding finds', async t => {
  const scan = new PublishScan()
  for (const { name, versions, wire: text, packet } of PACKET_VECTORS) {
    if (packet.type !== 'publish') continue
    for (const version of versions) {
      const bytes = Buffer.concat([Buffer.alloc(2), wire(text)])
      scanPublish(bytes, 2, bytes.length, version, scan)
      const { qos, retain, dup, packetId = 0, topic, payload } = packet
      t.match(scan, { qos, retain, dup, packetId, topicAlias: packet.properties?.topicAlias ?? 0 }, name)
      t.equal(bytes.toString('utf8', scan.topicStart, scan.topicEnd), topic, name)
      t.equal(hex(bytes.subarray(scan.payloadStart, scan.payloadEnd)), hex(payload), name)
      t.equal(scan.propertiesEnd > scan.propertiesStart, packet.properties !== undefined, name)
    }
  }
})

function redecode(packet: Packet, version: 3 | 4 | 5): Packet {
  const bytes = encodePacket(packet, version)
  return decodePacket(bytes, 0, bytes.length, version)
}

/** The value with its bytes as hexadecimal, so that Buffer and Uint8Array compare alike. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, field) =>
      field?.type === 'Buffer' ? hex(Buffer.from(field.data)) : field instanceof Uint8Array ? hex(field) : field,
    ),
  )
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
