import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import {
  checkTopicBytes,
  decodePacket,
  decodeProperties,
  encodePacket,
  frameLength,
  type MqttVersion,
  PublishScan,
  scanPublish,
} from '#codecs/mqtt/index.ts'
import { PacketGenerator, typesOf } from './mqtt-packets.ts'

const SEED = Number(process.env['TIDEGATE_FUZZ_SEED'] ?? 20_261)
const ROUNDS = Number(process.env['TIDEGATE_FUZZ_ROUNDS'] ?? 400)
const VERSIONS = [3, 4, 5] as const

t.comment(`seed ${SEED}, ${ROUNDS} rounds (TIDEGATE_FUZZ_SEED, TIDEGATE_FUZZ_ROUNDS)`)

t.test('what is encoded is decoded to the same value, and encoded again to the same bytes', async t => {
  const generator = new PacketGenerator(SEED)
  let count = 0
  for (const version of VERSIONS) {
    for (const type of typesOf(version)) {
      for (let round = 0; round < ROUNDS / 4; round += 1) {
        const packet = generator.packet(type, version)
        const bytes = encodePacket(packet, version)
        const decoded = decodePacket(bytes, 0, bytes.length, version)
        const again = encodePacket(decoded, version)
        count += 1
        if (frameLength(bytes, 0, bytes.length) !== bytes.length) return void t.fail('frame length', { packet })
        if (JSON.stringify(sorted(decoded)) !== JSON.stringify(sorted(packet))) return void t.fail('value', { packet, decoded })
        if (!Buffer.from(bytes).equals(again)) return void t.fail('bytes', { packet })
      }
    }
  }
  t.ok(count > 1000, `${count} packets`)
})

t.test('a valid packet that was mutated is decoded or refused, and nothing else', async t => {
  const generator = new PacketGenerator(SEED + 1)
  const tally = { decoded: 0, refused: 0 }
  for (const version of VERSIONS) {
    for (const type of typesOf(version)) {
      for (let round = 0; round < ROUNDS; round += 1) {
        const bytes = mutate(generator, Buffer.from(encodePacket(generator.packet(type, version), version)))
        const problem = judge(bytes, version, tally)
        if (problem !== undefined) return void t.fail(problem, { version, hex: bytes.toString('hex') })
      }
    }
  }
  t.ok(tally.decoded > 100 && tally.refused > 100, JSON.stringify(tally))
})

t.test('random bytes with a fitting header are decoded or refused, and nothing else', async t => {
  const generator = new PacketGenerator(SEED + 2)
  const tally = { decoded: 0, refused: 0 }
  for (let round = 0; round < ROUNDS * 25; round += 1) {
    const body = Buffer.from(
      Array.from({ length: generator.below(60) }, () => generator.pick([0, 1, 2, 4, 0x26, 0x80, 0xff, generator.below(256)])),
    )
    const bytes = Buffer.concat([Buffer.from([generator.below(256), body.length]), body])
    const version = generator.pick(VERSIONS)
    const problem = judge(bytes, version, tally)
    if (problem !== undefined) return void t.fail(problem, { version, hex: bytes.toString('hex') })
  }
  t.ok(tally.refused > 100, JSON.stringify(tally))
})

t.test('any bytes as a stream of packets, a topic or properties are decoded or refused', async t => {
  const generator = new PacketGenerator(SEED + 3)
  for (let round = 0; round < ROUNDS * 10; round += 1) {
    const bytes = Buffer.from(Array.from({ length: generator.below(24) }, () => generator.below(256)))
    const results = [
      attempt(() => frameLength(bytes, 0, bytes.length), bytes.length),
      attempt(() => checkTopicBytes(bytes, 0, bytes.length), bytes.length),
      attempt(() => decodeProperties(bytes, 0, bytes.length, generator.pick(['publish', 'will', 'connect', 'connack'])), bytes.length),
    ]
    const problem = results.find(result => typeof result === 'string')
    if (problem !== undefined) return void t.fail(String(problem), { hex: bytes.toString('hex') })
  }
  t.pass()
})

/** What is wrong with how the codec takes these bytes, or undefined. */
function judge(bytes: Buffer, version: MqttVersion, tally: { decoded: number; refused: number }): string | undefined {
  const result = attempt(() => decodePacket(bytes, 0, bytes.length, version), bytes.length)
  if (typeof result === 'string') return result
  if (bytes[0] >>> 4 === 3) {
    const scanned = attempt(() => scanWithTopic(bytes, version), bytes.length)
    if (typeof scanned === 'string') return scanned
    if (scanned.ok !== result.ok) return `decoding says ${result.ok}, scanning says ${scanned.ok}`
  }
  if (!result.ok) {
    tally.refused += 1
    return undefined
  }
  tally.decoded += 1
  // What was accepted has an encoding that means the same.
  const packet = result.value
  const level = packet.type === 'connect' ? packet.protocolVersion : version
  const again = encodePacket(packet, level)
  const redecoded = decodePacket(again, 0, again.length, level)
  return JSON.stringify(sorted(redecoded)) === JSON.stringify(sorted(packet)) ? undefined : 'encoding what was decoded changes it'
}

function scanWithTopic(bytes: Buffer, version: MqttVersion): void {
  const scan = new PublishScan()
  scanPublish(bytes, 0, bytes.length, version, scan)
  if (scan.topicEnd > scan.topicStart) checkTopicBytes(bytes, scan.topicStart, scan.topicEnd, 0)
}

/** The value, a refusal, or as a string what should not have happened. */
function attempt<T>(run: () => T, length: number): { ok: true; value: T } | { ok: false } | string {
  try {
    return { ok: true, value: run() }
  } catch (error) {
    if (!isGatewayError(error, 'decode-malformed')) return `threw ${String(error)}`
    if (error.reason === undefined || error.reason < 0x80) return `reason ${error.reason}`
    if (error.offset === undefined || error.offset < 0 || error.offset > length) return `offset ${error.offset} of ${length}`
    return { ok: false }
  }
}

function mutate(generator: PacketGenerator, bytes: Buffer): Buffer {
  let mutated = bytes
  for (let count = 1 + generator.below(3); count > 0; count -= 1) {
    const position = generator.below(mutated.length)
    switch (generator.below(4)) {
      case 0:
        mutated[position] = generator.below(256)
        break
      case 1:
        mutated[position] ^= 1 << generator.below(8)
        break
      case 2:
        mutated = reframe(Buffer.concat([mutated.subarray(0, position), mutated.subarray(position + 1)]))
        break
      default:
        mutated = reframe(Buffer.concat([mutated.subarray(0, position), Buffer.from([generator.below(256)]), mutated.subarray(position)]))
    }
  }
  return mutated
}

/** Makes a short packet's remaining length fit again, so that a mutation reaches the body. */
function reframe(bytes: Buffer): Buffer {
  if (bytes.length < 2) return Buffer.from([0xc0, 0])
  if (bytes.length - 2 < 0x80) bytes[1] = bytes.length - 2
  return bytes
}

/** A value whose fields stand in one order and whose bytes are hexadecimal. */
function sorted(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [name, sorted(field)]),
  )
}
