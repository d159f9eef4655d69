import t from 'tap'
import { encodePacket, type MqttVersion, type Packet } from '#codecs/mqtt/index.ts'
import { MqttHarness } from '../support/mqtt-harness.ts'
import { Random } from '../support/random.ts'
import { PacketGenerator, typesOf } from './mqtt-packets.ts'

const SEED = Number(process.env['TIDEGATE_FUZZ_SEED'] ?? 20_262)
const ROUNDS = Number(process.env['TIDEGATE_FUZZ_ROUNDS'] ?? 400)

t.comment(`seed ${SEED}, ${ROUNDS} rounds (TIDEGATE_FUZZ_SEED, TIDEGATE_FUZZ_ROUNDS)`)

/** Some bytes are changed, some taken out, some put in. */
function spoil(bytes: Buffer, random: Random): Buffer {
  const spoiled = [...bytes]
  for (let changes = random.whole(0, 4); changes > 0 && spoiled.length > 0; changes--) {
    const at = random.whole(0, spoiled.length)
    const way = random.whole(0, 3)
    if (way === 0) spoiled[at] = random.whole(0, 256)
    else if (way === 1) spoiled.splice(at, 1)
    else spoiled.splice(at, 0, random.whole(0, 256))
  }
  return Buffer.from(spoiled)
}

/** Packets of every type, good ones among them, in pieces of any size. */
function conversation(generator: PacketGenerator, random: Random, version: MqttVersion): Buffer[] {
  const types = typesOf(version)
  const packets: Buffer[] = []
  for (let count = random.whole(1, 12); count > 0; count--) {
    const packet = generator.packet(random.one(types), version) as Packet
    const bytes = Buffer.from(encodePacket(packet, version))
    packets.push(random.next() < 0.6 ? bytes : spoil(bytes, random))
  }
  const all = Buffer.concat(packets)
  const pieces: Buffer[] = []
  for (let at = 0; at < all.length; ) {
    const size = random.one([1, 2, 5, 50, 100_000])
    pieces.push(Buffer.from(all.subarray(at, at + size)))
    at += size
  }
  return pieces
}

t.test('whatever a connection sends, nothing but the connection ends, and the others are served', async t => {
  const random = new Random(SEED)
  const generator = new PacketGenerator(SEED)
  const harness = await MqttHarness.start({ checkPayloadFormat: true, topicAliasMax: 4, receiveMaximum: 5, packetBytesMax: 100_000 })
  const witness = await harness.connect('witness', { protocolVersion: 5 })
  await witness.take()
  let ended = 0
  for (let round = 0; round < ROUNDS; round++) {
    const version = random.one([3, 4, 5] as const)
    const peer = harness.peer()
    if (random.next() < 0.9) {
      const properties = random.next() < 0.5 ? { topicAliasMaximum: 3, maximumPacketSize: random.whole(1, 300), receiveMaximum: 2 } : {}
      peer.connect(`c${random.whole(0, 5)}`, { protocolVersion: version, cleanStart: random.next() < 0.5, properties })
    }
    for (const piece of conversation(generator, random, version)) peer.sendBytes(piece)
    await harness.settle()
    if (random.next() < 0.3) harness.clock.advance(2000)
    if (peer.closed) ended++
    else peer.vanish()
  }
  t.ok(ended > ROUNDS / 10, `${ended} connections were ended`)
  t.match((await witness.exchange({ type: 'pingreq' })).slice(-1), [{ type: 'pingresp' }])
  t.notOk(witness.closed)
})
