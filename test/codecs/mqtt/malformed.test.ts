import t from 'tap'
import { checkTopicBytes, decodePacket, PublishScan, scanPublish } from '#codecs/mqtt/index.ts'
import { MALFORMED_VECTORS } from '../../vectors/mqtt/malformed.ts'
import { PACKET_VECTORS } from '../../vectors/mqtt/packets.ts'
import { wire } from '../../vectors/mqtt/wire.ts'
import { expectFault } from './expect-fault.ts'

t.test('each malformed packet is refused with its reason code and the place of its fault', async t => {
  for (const vector of MALFORMED_VECTORS) {
    for (const version of vector.versions) {
      const bytes = Buffer.concat([Buffer.alloc(4), wire(vector.wire), Buffer.alloc(4)])
      const decode = () => decodePacket(bytes, 4, bytes.length - 4, version)
      expectFault(t, decode, `${vector.name} (level ${version})`, vector.reason, bytes.length - 8, vector.offset)
    }
  }
})

t.test('a scan refuses what decoding refuses, once the topic is checked too', async t => {
  const scan = new PublishScan()
  for (const vector of MALFORMED_VECTORS) {
    if (!vector.wire.startsWith('3')) continue
    for (const version of vector.versions) {
      const bytes = Buffer.concat([Buffer.alloc(4), wire(vector.wire)])
      const decode = () => {
        scanPublish(bytes, 4, bytes.length, version, scan)
        checkTopicBytes(bytes, scan.topicStart, scan.topicEnd, 4)
      }
      expectFault(t, decode, `${vector.name} (level ${version})`, vector.reason, bytes.length - 4, vector.offset)
    }
  }
})

t.test('a packet that is shorter or longer than its header says is refused', async t => {
  for (const vector of PACKET_VECTORS) {
    const bytes = Buffer.concat([wire(vector.wire), Buffer.alloc(1)])
    for (let end = 0; end <= bytes.length; end += 1) {
      if (end === bytes.length - 1) continue
      expectFault(t, () => decodePacket(bytes, 0, end, vector.versions[0]), `${vector.name}, ${end} bytes`, 0x81, bytes.length)
    }
  }
})

t.test('a scan of another packet type is refused', async t => {
  const bytes = wire('40 02 0001')
  expectFault(t, () => scanPublish(bytes, 0, 4, 4, new PublishScan()), 'PUBACK', 0x81, 4, 0)
})
