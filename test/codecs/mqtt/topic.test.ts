import { isUtf8 } from 'node:buffer'
import t from 'tap'
import { checkTopicBytes, filterFault, isSharedFilter, topicFault } from '#codecs/mqtt/index.ts'
import { ASCII, decodeUtf8, scanUtf8, WELL_FORMED } from '#codecs/mqtt/utf8.ts'
import { BAD_FILTERS, BAD_UTF8 } from '../../vectors/mqtt/malformed.ts'
import { expectFault } from './expect-fault.ts'

const GOOD_FILTERS = [
  '#',
  '+',
  '/',
  '/#',
  '+/#',
  '/+',
  '+/+',
  'a',
  'a/',
  '/a',
  '//',
  'a/#',
  'a/+/b/#',
  ' ',
  'a b',
  '$SYS/#',
  '$share',
  '$shared/#',
  '$Share/',
  '$share/g/a',
  '$share/g//',
  '$share/g/#',
  '$share/g/+/b',
  '$share/g h/a',
  '$queue/a',
  'ü/+/日本',
  '\uFEFF/a',
]

t.test('topic filters follow §4.7.1 and §4.8.2', async t => {
  for (const filter of GOOD_FILTERS) t.equal(filterFault(filter), undefined, filter)
  for (const filter of BAD_FILTERS) t.type(filterFault(filter), 'string', filter)
})

t.test('a shared filter is one that begins with $share and a slash', async t => {
  t.ok(isSharedFilter('$share/g/a'))
  t.notOk(isSharedFilter('$share'))
  t.notOk(isSharedFilter('a/$share/g'))
})

t.test('topic names are checked alike as bytes and as text', async t => {
  for (const topic of ['a', '/', ' ', '$SYS/x', 'ü', '日本/語', '\u{10FFFF}', '\uFEFF', 'a\u0001', 'x'.repeat(65535)]) {
    const bytes = Buffer.from(topic)
    t.equal(topicFault(topic), undefined)
    t.equal(checkTopicBytes(bytes, 0, bytes.length), bytes.length === topic.length, topic.slice(0, 20))
  }
  for (const topic of ['', '+', '#', 'a+', 'ü/#', 'a/+/b']) {
    const bytes = Buffer.from(topic)
    t.type(topicFault(topic), 'string', topic)
    t.throws(() => checkTopicBytes(bytes, 0, bytes.length), { code: 'decode-malformed' }, topic)
  }
})

t.test('the offset of a bad topic counts from the topic unless told otherwise', async t => {
  const bytes = Buffer.from('xxxab#')
  expectFault(t, () => checkTopicBytes(bytes, 3, 6), 'own', 0x81, 6, 2)
  expectFault(t, () => checkTopicBytes(bytes, 3, 6, 0), 'given', 0x81, 6, 5)
})

t.test('every code point but U+0000 and the surrogates is well-formed, at both ends of a range', async t => {
  const points = [
    0x1, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xcfff, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0x10000, 0x3ffff, 0xfffff, 0x10ffff,
  ]
  for (const point of points) {
    const text = `a${String.fromCodePoint(point)}b`
    const bytes = Buffer.from(text)
    t.equal(scanUtf8(bytes, 0, bytes.length), point < 0x80 ? ASCII : WELL_FORMED, point.toString(16))
    t.equal(decodeUtf8(Uint8Array.from(bytes), 0, bytes.length, 0), text)
  }
})

t.test('validation agrees with Node on every sequence of up to two bytes and on samples of three and four', async t => {
  const edges = [0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
  const wrong: string[] = []
  const compare = (...sequence: number[]) => {
    const bytes = Uint8Array.from(sequence)
    if (scanUtf8(bytes, 0, bytes.length) < 0 !== isUtf8(bytes)) wrong.push(Buffer.from(bytes).toString('hex'))
  }
  for (let first = 1; first < 256; first += 1) {
    compare(first)
    for (let second = 1; second < 256; second += 1) compare(first, second)
    for (const second of edges) for (const third of edges) for (const fourth of edges) compare(first, second, third, fourth)
    for (const second of edges) for (const third of edges) compare(first, second, third)
  }
  t.strictSame(wrong, [])
})

t.test('the position of the first bad byte is found', async t => {
  for (const [name, hex] of BAD_UTF8) {
    const bytes = Buffer.concat([Buffer.from('ok/é'), Buffer.from(hex, 'hex')])
    const position = scanUtf8(bytes, 0, bytes.length)
    t.ok(position >= 5 && position < bytes.length, `${name} at ${position}`)
    expectFault(t, () => decodeUtf8(bytes, 0, bytes.length, 0), name, 0x81, bytes.length, position)
  }
})
