import t from 'tap'
import { LineDeframer, type LineOptions } from '#codecs/framing/index.ts'

const bytes = (text: string) => Buffer.from(text, 'latin1')

function collect(options: Partial<LineOptions> & { delimiterText?: string } = {}) {
  const lines: string[] = []
  const { delimiterText = '\n', ...rest } = options
  const deframer = new LineDeframer({ delimiter: bytes(delimiterText), lengthMax: 16, ...rest }, (frame, final) =>
    lines.push(Buffer.from(frame).toString('latin1') + (final ? '' : '…')),
  )
  return { deframer, lines }
}

const CASES: readonly {
  name: string
  delimiter?: string
  skipFirst?: boolean
  chunks: string[]
  lines: string[]
  overlong?: number
  discarded?: number
}[] = [
  { name: 'one line in one chunk', chunks: ['abc\n'], lines: ['abc'] },
  { name: 'several lines in one chunk', chunks: ['a\nbc\nd\n'], lines: ['a', 'bc', 'd'] },
  { name: 'a line in pieces', chunks: ['a', 'b', 'c\nd', '\n'], lines: ['abc', 'd'] },
  { name: 'a carriage return before the newline belongs to the delimiter', chunks: ['ab\r\ncd\r', '\n'], lines: ['ab', 'cd'] },
  { name: 'a carriage return elsewhere stays', chunks: ['a\rb\n'], lines: ['a\rb'] },
  { name: 'empty lines are no frames', chunks: ['\n\r\n\na\n'], lines: ['a'] },
  { name: 'an unfinished line waits', chunks: ['a\nbc'], lines: ['a'] },
  { name: 'the longest line passes', chunks: [`${'x'.repeat(16)}\r\n`], lines: ['x'.repeat(16)] },
  { name: 'a longer line is dropped', chunks: [`${'x'.repeat(17)}\na\n`], lines: ['a'], overlong: 1, discarded: 18 },
  {
    name: 'a longer line in pieces is dropped',
    chunks: ['x'.repeat(10), 'x'.repeat(10), 'x'.repeat(40), 'y\na\n'],
    lines: ['a'],
    overlong: 1,
    discarded: 62,
  },
  { name: 'two bytes end a line', delimiter: '\r\n', chunks: ['a\nb\r', '\nc\rd\r\n'], lines: ['a\nb', 'c\rd'] },
  {
    name: 'an over-long line ends at a delimiter in two chunks',
    delimiter: '\r\n',
    chunks: ['x'.repeat(30), '\r', '\nok\r\n'],
    lines: ['ok'],
    overlong: 1,
    discarded: 32,
  },
  { name: 'a delimiter does not overlap itself', delimiter: 'aa', chunks: ['xaaay', 'aa'], lines: ['x', 'ay'] },
  { name: 'a carriage return alone ends a line', delimiter: '\r', chunks: ['a\rb\r'], lines: ['a', 'b'] },
  { name: 'a NUL ends a line', delimiter: '\0', chunks: ['a\0b', '\0'], lines: ['a', 'b'] },
  {
    name: 'what comes before the first delimiter is skipped when asked',
    skipFirst: true,
    chunks: ['tail', '\nwhole\n'],
    lines: ['whole'],
    discarded: 5,
  },
]

for (const each of CASES) {
  t.test(`lines: ${each.name}`, async t => {
    const { deframer, lines } = collect({ delimiterText: each.delimiter ?? '\n', skipFirst: each.skipFirst ?? false })
    for (const chunk of each.chunks) deframer.push(bytes(chunk))
    t.same(lines, each.lines)
    const { counters } = deframer
    t.equal(counters.frames, each.lines.length)
    t.equal(counters.overlong, each.overlong ?? 0)
    t.equal(counters.discardedBytes, each.discarded ?? 0)
    t.equal(counters.bytes, each.chunks.join('').length)
  })
}

t.test('silence ends a line when that is asked for', async t => {
  const { deframer, lines } = collect({ idleMs: 50 })
  t.equal(deframer.idleMs, 50)
  deframer.push(bytes('12.5'))
  deframer.idle()
  deframer.idle()
  deframer.push(bytes('13\n'))
  deframer.idle()
  t.same(lines, ['12.5…', '13'])
  deframer.push(bytes('x'.repeat(40)))
  deframer.idle()
  t.equal(deframer.counters.overlong, 1)
  deframer.push(bytes('ok\n'))
  t.same(lines.slice(2), ['ok'])
})

t.test('after an interruption the half line is no line', async t => {
  const { deframer, lines } = collect()
  deframer.push(bytes('12.'))
  deframer.reset()
  deframer.push(bytes('7\n'))
  t.same(lines, ['7'])
  t.equal(deframer.counters.discardedBytes, 3)
})

t.test('after an interruption the first line is skipped again', async t => {
  const { deframer, lines } = collect({ skipFirst: true })
  deframer.push(bytes('x\na\nb'))
  deframer.reset()
  deframer.push(bytes('c\nd\n'))
  t.same(lines, ['a', 'd'])
})

t.test('impossible delimiters and lengths are refused', async t => {
  const make = (options: LineOptions) => () => new LineDeframer(options, () => {})
  t.throws(make({ delimiter: bytes(''), lengthMax: 10 }), { code: 'config-invalid' })
  t.throws(make({ delimiter: bytes('x'.repeat(17)), lengthMax: 10 }), { code: 'config-invalid' })
  for (const lengthMax of [0, 1.5, Number.NaN, 2 ** 30]) t.throws(make({ delimiter: bytes('\n'), lengthMax }), { code: 'config-invalid' })
})
