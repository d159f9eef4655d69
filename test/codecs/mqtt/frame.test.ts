import t from 'tap'
import { readVarint, varintLength, writeVarint } from '#codecs/mqtt/frame.ts'
import { frameLength, VARINT_MAX } from '#codecs/mqtt/index.ts'
import { expectFault } from './expect-fault.ts'

t.test('the length of a packet is known from its header alone', async t => {
  const cases: [hex: string, length: number][] = [
    ['c000', 2],
    ['307f', 129],
    ['308001', 131],
    ['30ff7f', 16386],
    ['30808001', 16388],
    ['30ffff7f', 2097155],
    ['3080808001', 2097157],
    ['30ffffff7f', VARINT_MAX + 5],
    // Longer than it needs be: only the decoder knows whether the version minds.
    ['3080808000', 5],
  ]
  for (const [hex, length] of cases) {
    const bytes = Buffer.from(`ffff${hex}ff`, 'hex')
    t.equal(frameLength(bytes, 2, bytes.length), length, hex)
    t.equal(frameLength(bytes, 2, bytes.length - 1), length, `${hex} at the end`)
  }
})

t.test('an incomplete header has no length yet', async t => {
  for (const hex of ['', '30', '3080', '30ffff', '30ffffff']) {
    const bytes = Buffer.from(`${hex}00`, 'hex')
    t.equal(frameLength(bytes, 0, bytes.length - 1), 0, `'${hex}'`)
  }
})

t.test('a header that can never be good is refused at once', async t => {
  expectFault(t, () => frameLength(Buffer.from('00', 'hex'), 0, 1), 'type 0', 0x81, 1, 0)
  expectFault(t, () => frameLength(Buffer.from('30ffffffff', 'hex'), 0, 5), 'five bytes', 0x81, 5, 4)
})

t.test('a variable byte integer comes back from its bytes', async t => {
  for (const value of [0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 2 ** 27, VARINT_MAX]) {
    const bytes = Buffer.alloc(6)
    const end = writeVarint(bytes, 1, value)
    t.equal(end - 1, varintLength(value), `length of ${value}`)
    const read = readVarint(bytes, 1, end, 0)
    t.equal(read >>> 2, value)
    t.equal((read & 3) + 1, varintLength(value))
    expectFault(t, () => readVarint(bytes, 1, end - 1, 0), `${value} cut`, 0x81, 6, end - 1)
  }
})
