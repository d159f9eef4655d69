import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import { Entry, Message, type MessageProperties, type TimeQuality } from '#broker/ports.ts'
import { ByteReader, ByteWriter } from '#store/bytes.ts'
import { decodeEntry, encodeEntry, encodeMessage } from '#store/record.ts'
import { entry, message, plain } from '../contracts/store.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const random = new VirtualClock(20_261)
const pick = (count: number) => Math.floor(random.random() * count)
const LETTERS = 'abcXYZ/+ äöü€水🙂\u0001'
const text = (max: number) => Array.from({ length: pick(max) }, () => [...LETTERS][pick(16)]).join('')
const maybe = <T>(make: () => T): T | undefined => (pick(2) ? make() : undefined)

function someProperties(): MessageProperties {
  const properties: MessageProperties = {}
  if (pick(2)) properties.payloadFormatIndicator = pick(2) ? 1 : 0
  if (pick(2)) properties.contentType = text(30)
  if (pick(2)) properties.responseTopic = text(100)
  if (pick(2)) properties.correlationData = random.randomBytes(pick(40))
  if (pick(2)) properties.userProperties = Array.from({ length: pick(5) }, () => [text(10), text(80)] as const)
  return properties
}

function someEntry(): Entry {
  const qos = pick(3) as 0 | 1 | 2
  const qualities: TimeQuality[] = ['synced', 'restamped', 'unsynced']
  const whole = random.randomBytes(pick(400))
  const start = pick(whole.length + 1)
  const of = new Message(text(80), whole, start, start + pick(whole.length - start + 1), qos, pick(2) === 1, maybe(someProperties))
  of.publisher = text(30)
  of.expiresAtMs = pick(2) * random.random() * 1e12
  of.timeMs = pick(2) * Math.floor(random.random() * 4e12)
  of.timeQuality = qualities[pick(3)]!
  of.takenAtMs = random.random() * 1e9
  return new Entry(
    pick(2 ** 40),
    of,
    pick(3) as 0 | 1 | 2,
    pick(2) === 1,
    maybe(() => Array.from({ length: pick(4) }, () => pick(2 ** 28))),
  )
}

function encoded(of: Entry): Uint8Array {
  const writer = new ByteWriter(16)
  encodeEntry(writer, of)
  encodeMessage(writer, of.message)
  return new Uint8Array(writer.take())
}

const decoded = (bytes: Uint8Array, seq: number) => decodeEntry(new ByteReader(bytes), seq, undefined)

t.test('what is encoded is decoded again', async t => {
  for (let round = 0; round < 3000; round++) {
    const one = someEntry()
    const back = decoded(encoded(one), one.seq)
    if (JSON.stringify(plain(back)) !== JSON.stringify(plain(one)) || back.message.size !== one.message.size) {
      t.same(plain(back), plain(one))
      return
    }
  }
})

t.test('bytes that are cut short or altered are decoded or refused, and nothing else', async t => {
  let refused = 0
  for (let round = 0; round < 20_000; round++) {
    const bytes = encoded(someEntry())
    const broken = bytes.slice(0, pick(3) ? bytes.length : pick(bytes.length + 1))
    for (let count = pick(4); count > 0 && broken.length > 0; count--) broken[pick(Math.min(broken.length, 60))] = pick(256)
    try {
      decoded(broken, 1)
    } catch (error) {
      refused++
      if (isGatewayError(error, 'decode-malformed') && error.offset !== undefined) continue
      t.error(error)
      return
    }
  }
  t.ok(refused > 2000, `${refused} were refused`)
})

t.test('text that is not UTF-8 is refused, for no client could take it', async t => {
  const bytes = encoded(entry(1, message({ topic: 'plant/1' })))
  bytes[Buffer.from(bytes).indexOf('plant')] = 0xff
  t.throws(() => decoded(bytes, 1), { code: 'decode-malformed', message: /UTF-8/ })
})

t.test('a record of another version is refused', async t => {
  const bytes = encoded(entry(1, message()))
  bytes[1]! += 1
  t.throws(() => decoded(bytes, 1), { code: 'decode-malformed', message: /version 2/ })
})
