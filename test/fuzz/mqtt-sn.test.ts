import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import { decodePacket, encodeForwarded, encodePacket } from '#codecs/mqtt-sn/index.ts'
import { SnBench } from '../adapters/mqtt-sn/bench.ts'
import { Random, seedOf } from '../support/random.ts'
import { MALFORMED, PACKETS, UNSUPPORTED } from '../vectors/mqtt-sn/packets.ts'

const SEED = seedOf('FUZZ_SEED')
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 20_000)
const corpus = [...PACKETS.map(({ hex }) => hex), ...MALFORMED.map(([, hex]) => hex), ...UNSUPPORTED].map(hex => Buffer.from(hex, 'hex'))

/** A datagram made of noise, or of a known one with some bytes changed, cut, put in, or its length put right. */
function datagram(random: Random): Buffer {
  if (random.whole(0, 5) === 0) return random.bytes(random.whole(0, 64))
  let bytes = Buffer.from(random.one(corpus))
  for (let changes = random.whole(0, 4); changes > 0; changes--) {
    const at = random.whole(0, bytes.length + 1)
    const kind = random.whole(0, 5)
    if (kind === 0 && at < bytes.length) bytes[at] = random.whole(0, 256)
    else if (kind === 1) bytes = bytes.subarray(0, at)
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(random.whole(0, 8)), bytes.subarray(at)])
    else if (kind === 3 && bytes.length > 1 && bytes.length < 256) bytes[0] = bytes.length
    else if (kind === 4) bytes = Buffer.from(encodeForwarded(random.whole(0, 4), random.bytes(random.whole(0, 4)), bytes))
  }
  return Buffer.from(bytes)
}

t.test(`the decoder throws nothing but decode errors, and what it takes survives encode and decode (seed ${SEED})`, async t => {
  const random = new Random(SEED)
  let packets = 0
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = datagram(random)
    try {
      const packet = decodePacket(bytes)
      packets++
      const again = decodePacket(encodePacket(packet))
      if (JSON.stringify(again) !== JSON.stringify(packet)) t.fail(bytes.toString('hex'))
    } catch (error) {
      if (isGatewayError(error, 'decode-malformed') && error.offset !== undefined && error.offset <= bytes.length) continue
      if (!isGatewayError(error, 'decode-unsupported')) t.fail(`${bytes.toString('hex')}: ${error}`)
    }
  }
  t.ok(packets > ROUNDS / 20, `${packets} were packets`)
})

t.test(`nothing that arrives makes the gateway throw, grow without bound or stop serving (seed ${SEED})`, async t => {
  const random = new Random(SEED + 1)
  const bench = await SnBench.start({ clientsMax: 30, config: { topic_ids: 20 } })
  const errors: unknown[] = []
  const strangers = Array.from({ length: 50 }, () => bench.node())
  const seen = bench.watch('#')
  for (const [index, node] of strangers.entries()) if (index % 3 === 0) await node.connect(`node-${index}`)
  for (let round = 0; round < ROUNDS; round++) {
    try {
      random.one(strangers).sendBytes(datagram(random))
    } catch (error) {
      errors.push(error)
    }
    if (round % 50 === 0) {
      await bench.publish(random.one(['a/b', 'ab', 'site/two', 'a/w']), 'x', random.one([0, 1, 2]))
      for (const node of strangers) await node.take()
      seen.length = 0
    }
    if (round % 500 === 0) await bench.pass(random.whole(0, 30_000))
    if (round % 5000 === 4999) await bench.crash()
  }
  t.strictSame(errors, [])
  t.strictSame(bench.failures, [], 'nothing was logged as an error')
  t.ok(bench.engine.clients <= 30)
  // The table may be full of nodes that asked to be let alone for hours.
  for (const { clientId } of bench.broker.clients()) bench.broker.kick(clientId, true)
  const node = await bench.connected('after')
  t.match(await node.publish({ kind: 'short', name: 'zz' }, 'x', 1), [{ type: 'puback', returnCode: 0 }])
})
