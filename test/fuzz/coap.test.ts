import t from 'tap'
import { decodeMessage, encodeMessage } from '#codecs/coap/index.ts'
import { endpointBench, engineBench } from '../adapters/coap/support/bench.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { MALFORMED, MESSAGES } from '../vectors/coap/messages.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 20_000)
const corpus = [...MESSAGES.map(vector => vector.hex), ...MALFORMED.map(([, hex]) => hex)].map(hex => Buffer.from(hex, 'hex'))

/** A datagram made of noise, or of a known one with some bytes changed, cut, repeated or put in. */
function datagram(random: VirtualClock): Buffer {
  const below = (end: number) => Math.floor(random.random() * end)
  if (below(4) === 0) return Buffer.from(random.randomBytes(below(64)))
  let bytes = Buffer.from(corpus[below(corpus.length)])
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(bytes.length + 1)
    const kind = below(4)
    if (kind === 0 && at < bytes.length) bytes[at] = below(256)
    else if (kind === 1) bytes = bytes.subarray(0, at)
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), random.randomBytes(below(8)), bytes.subarray(at)])
    else bytes = Buffer.concat([bytes, bytes.subarray(at)])
  }
  return bytes
}

t.test(`the decoder takes any bytes, and what it takes survives encode and decode (seed ${SEED})`, async t => {
  const random = new VirtualClock(SEED)
  let messages = 0
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = datagram(random)
    const decoded = decodeMessage(bytes)
    if (decoded.outcome !== 'message') continue
    messages++
    const again = decodeMessage(encodeMessage(decoded.message))
    if (JSON.stringify(again) !== JSON.stringify(decoded)) t.fail(bytes.toString('hex'))
  }
  t.ok(messages > ROUNDS / 20, `${messages} were messages`)
})

t.test(`nothing that arrives makes the endpoint or the adapter throw (seed ${SEED})`, async t => {
  const random = new VirtualClock(SEED + 1)
  const endpoint = endpointBench()
  const engine = engineBench()
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = datagram(random)
    const port = 1000 + (round % 50)
    for (const bench of [endpoint, engine]) {
      const to = bench.peer(port, round % 2 === 0)
      try {
        to.sendBytes(bytes)
      } catch (error) {
        t.fail(`${bytes.toString('hex')}: ${error}`)
      }
    }
    if (round % 100 === 0) for (const bench of [endpoint, engine]) bench.clock.advance(5000)
  }
  t.equal(engine.engine.endpoint.counters.handlerErrors, 0)
  t.ok(engine.engine.endpoint.counters.requests > 100)
  for (const bench of [endpoint, engine]) bench.clock.advance(3_600_000)
  t.match(endpoint.endpoint.load, { peers: 0, duplicates: Number, observers: 0, pending: 0 })
})
