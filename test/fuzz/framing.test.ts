import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import { CsvParser, decodeText, JsonParser, LINE_ENCODINGS, LineDeframer, type LineParser, RegexParser } from '#codecs/framing/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101)
const ROUNDS = 2000

t.test(`how a stream is cut never changes its lines (seed ${SEED})`, async t => {
  const random = new VirtualClock(SEED)
  const below = (limit: number) => Math.floor(random.random() * limit)
  let frames = 0
  for (let round = 0; round < ROUNDS; round++) {
    const delimiter = [Buffer.from('\n'), Buffer.from('\r\n'), Buffer.from('aa'), Buffer.from('aba'), Buffer.from([0])][below(5)]!
    const alphabet = Buffer.concat([delimiter, Buffer.from('ab\r\n\0')])
    const stream = Buffer.from(Array.from({ length: below(200) }, () => alphabet[below(alphabet.length)]!))
    const lengthMax = 1 + below(12)
    const skipFirst = below(4) === 0
    const run = (cut: () => number) => {
      const lines: string[] = []
      const deframer = new LineDeframer({ delimiter, lengthMax, skipFirst }, frame => lines.push(Buffer.from(frame).toString('hex')))
      for (let at = 0; at < stream.length; ) {
        const end = Math.min(stream.length, at + cut())
        // A buffer of its own that is overwritten afterwards, as a port's is.
        const chunk = Buffer.from(stream.subarray(at, end))
        deframer.push(chunk)
        chunk.fill(0x61)
        at = end
      }
      deframer.reset()
      return { lines, counters: deframer.counters }
    }
    const whole = run(() => stream.length)
    if (
      !isDeepStrictEqual(
        run(() => 1),
        whole,
      )
    )
      t.fail(`round ${round}: other lines byte by byte`)
    if (
      !isDeepStrictEqual(
        run(() => 1 + below(9)),
        whole,
      )
    )
      t.fail(`round ${round}: other lines cut at random`)
    frames += whole.lines.length
    const kept = whole.lines.reduce((sum, line) => sum + line.length / 2, 0)
    if (kept + whole.counters.discardedBytes > stream.length) t.fail(`round ${round}: more bytes came out than went in`)
    for (const line of whole.lines) if (line.length / 2 > lengthMax) t.fail(`round ${round}: a line is too long`)
  }
  t.ok(frames > ROUNDS, `${frames} lines`)
})

t.test(`a broken line is a decode error and nothing else (seed ${SEED})`, async t => {
  const random = new VirtualClock(SEED + 1)
  const below = (limit: number) => Math.floor(random.random() * limit)
  const parsers: readonly [LineParser, string[]][] = [
    [new JsonParser(), ['{"t":21.5,"a":{"b":[1,2,{"c":null}]}}', '{"n":12345678901234567890}']],
    [new CsvParser({ columns: ['a', 'b', 'c'] }), ['1,"two ""2""",3', '1,2,3,']],
    [new CsvParser({ columns: ['a', 'b'], separator: ' ' }), ['1  2', '"a b" c']],
    [new RegexParser('^T=(?<t>[-.0-9]+)(?:,(?<u>\\w+))*$'), ['T=1.5,a,b']],
  ]
  let errors = 0
  for (let round = 0; round < ROUNDS * 4; round++) {
    const [parser, samples] = parsers[below(parsers.length)]!
    const bytes = Buffer.from(samples[below(samples.length)]!)
    for (let change = below(4); change >= 0; change--) bytes[below(bytes.length)] = below(256)
    const cut = bytes.subarray(0, below(4) === 0 ? below(bytes.length + 1) : bytes.length)
    const encoding = LINE_ENCODINGS[below(3)]!
    try {
      parser.parse(decodeText(cut, encoding))
    } catch (error) {
      errors++
      if (!isGatewayError(error, 'decode-malformed') || error.offset === undefined)
        t.fail(`round ${round}: ${error} for ${cut.toString('hex')}`)
      else if (error.offset < 0 || error.offset > cut.length)
        t.fail(`round ${round}: offset ${error.offset} is outside ${cut.length} bytes`)
    }
  }
  t.ok(errors > ROUNDS / 2, `${errors} lines were broken`)
})

t.test(`no pattern that is taken holds up the gateway (seed ${SEED})`, async t => {
  const random = new VirtualClock(SEED + 2)
  const below = (limit: number) => Math.floor(random.random() * limit)
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!
  const atom = (depth: number): string => {
    if (depth > 0 && below(3) === 0) return `(?:${sequence(depth - 1)}${below(3) === 0 ? `|${sequence(depth - 1)}` : ''})`
    return pick(['a', 'b', 'c', '.', '[ab]', '[^a]', '\\w', '\\d', ','])
  }
  const sequence = (depth: number): string =>
    Array.from({ length: 1 + below(4) }, () => atom(depth) + pick(['', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?'])).join('')
  let taken = 0
  let slowest = 0
  for (let round = 0; round < ROUNDS; round++) {
    const pattern = `${pick(['', '^'])}(?<x>${sequence(2)})${pick(['', '$', 'c', '!'])}`
    let parser: RegexParser
    try {
      parser = new RegexParser(pattern)
    } catch (error) {
      if (!isGatewayError(error, 'config-invalid')) t.fail(`${pattern}: ${error}`)
      continue
    }
    taken++
    for (const unit of ['a', 'ab', 'b,', 'abc']) {
      const line = unit.repeat(400).slice(0, Math.min(parser.lengthMax, 400))
      const before = process.cpuUsage()
      parser.parse(line)
      const spent = process.cpuUsage(before)
      slowest = Math.max(slowest, spent.user)
      // An exponential pattern would take longer than the universe is old; the bound only needs to tell the two apart.
      if (spent.user > 5e6) t.fail(`${pattern} took ${spent.user} µs on ${unit}`)
    }
  }
  t.ok(taken > ROUNDS / 10, `${taken} patterns were taken, the slowest line cost ${slowest} µs`)
})
