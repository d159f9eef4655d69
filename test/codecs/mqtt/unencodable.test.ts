import t from 'tap'
import { decodePacket, encodePacket, type Packet } from '#codecs/mqtt/index.ts'
import { UNENCODABLE_VECTORS } from '../../vectors/mqtt/unencodable.ts'

t.test('a value that the version cannot carry is refused before anything is written', async t => {
  for (const { name, versions, packet } of UNENCODABLE_VECTORS) {
    for (const version of versions) t.throws(() => encodePacket(packet, version), { code: 'encode-range' }, `${name} (level ${version})`)
  }
})

t.test('what MQTT 3 has no field for is left out', async t => {
  const properties = { userProperties: [['k', 'v']] as [string, string][] }
  const subscription = { filter: 'a', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 } as const
  const cases: [Packet, string][] = [
    [{ type: 'connack', sessionPresent: false, reasonCode: 0, properties }, '20020000'],
    [{ type: 'puback', packetId: 1, reasonCode: 0x87, properties }, '40020001'],
    [{ type: 'pubrec', packetId: 1, reasonCode: 0x87, properties }, '50020001'],
    [{ type: 'subscribe', packetId: 1, subscriptions: [subscription], properties }, '8206000100016101'],
    [{ type: 'suback', packetId: 1, reasonCodes: [1], properties }, '9003000101'],
    [{ type: 'unsubscribe', packetId: 1, filters: ['a'], properties }, 'a2050001000161'],
    [{ type: 'unsuback', packetId: 1, reasonCodes: [0x11], properties }, 'b0020001'],
    [{ type: 'disconnect', reasonCode: 0x8e, properties }, 'e000'],
  ]
  for (const version of [3, 4] as const) {
    for (const [packet, hex] of cases) t.equal(Buffer.from(encodePacket(packet, version)).toString('hex'), hex, packet.type)
  }
})

t.test('the longest fields have an encoding', async t => {
  const packet = {
    type: 'connect',
    protocolVersion: 5,
    clientId: 'c'.repeat(65535),
    cleanStart: true,
    keepAlive: 65535,
    username: 'ü'.repeat(32767),
    password: Buffer.alloc(65535, 1),
  } as const
  const bytes = encodePacket(packet, 5)
  t.strictSame(decodePacket(bytes, 0, bytes.length, 5), packet)
})
