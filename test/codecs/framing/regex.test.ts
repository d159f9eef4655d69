import t from 'tap'
import { RegexParser } from '#codecs/framing/index.ts'

const REFUSED: readonly [string, RegExp][] = [
  ['(?<a>', /Unterminated|Invalid/],
  ['a+', /no named group/],
  ['^(?<x>(a+)+)$', /repetition whose end is not clear/],
  ['^(?<x>(?:a*)*)$', /not clear|can be empty/],
  ['(?<x>(?:a|a)*)b', /begin alike/],
  ['(?<x>(?:\\w|\\d)+)!', /begin alike/],
  ['(?<x>(?:a|ab)+)c', /begin alike/],
  ['^(?:\\s*(?<k>\\w+)=(?<v>\\d+))+$', /not clear/],
  ['(?<x>(?:.*,){3})', /not clear/],
  ['(?<x>(?:a?){30}a{30})', /not clear|can be empty/],
  [`(?<x>${'a?'.repeat(40)})b`, /too many optional parts/],
  ['^(?<a>.*),(?<b>.*),(?<c>.*),(?<d>.*),(?<e>.*)$', /too many parts/],
  ['(?<a>x)\\1', /not supported/],
  ['(?<a>x)\\k<a>', /not supported/],
  ['(?i:(?<a>x))', /not supported/],
  ['(?<a>\\cA)', /not supported/],
  [`(?<a>${'('.repeat(40)}x${')'.repeat(40)})`, /nested too deep/],
  [`(?<a>${'x'.repeat(3000)})`, /longer than/],
]
for (const [pattern, message] of REFUSED) {
  t.test(`the pattern ${pattern.slice(0, 60)} is refused`, async t => {
    t.throws(() => new RegexParser(pattern), { code: 'config-invalid', message })
  })
}

const TAKEN: readonly [pattern: string, line: string, groups: Record<string, string>][] = [
  ['(?<ip>(?:\\d{1,3}\\.){3}\\d{1,3})', 'at 192.0.2.17!', { ip: '192.0.2.17' }],
  ['^(?:(?<k>\\w+)=(?<v>\\d+);)+$', 'a=1;b=22;', { k: 'b', v: '22' }],
  ['^ST,GS,\\s*(?<w>[+-]?\\d+(?:\\.\\d+)?)\\s*(?<u>kg|lb|oz)$', 'ST,GS,  +12.50kg', { w: '+12.50', u: 'kg' }],
  ['^\\$GPGGA,(?<time>[^,]*),(?<lat>[^,]*),(?<ns>[NS]?)', '$GPGGA,1,4807.038,N,', { time: '1', lat: '4807.038', ns: 'N' }],
  ['T=(?<t>.*),H=(?<h>.*)', 'T=1,H=2', { t: '1', h: '2' }],
  ['[\\w.-]+:(?<v>[^\\]\\s]+?)(?=;)', 'x.y-z:17;', { v: '17' }],
  ['^(?<hex>(?:[0-9A-F]{2})+)\\x03$', 'C0FFEE\u0003', { hex: 'C0FFEE' }],
  ['(?<v>\\d+)\\u00b0C', '21°C', { v: '21' }],
  ['(?<a>a|b)(?<b>c{2,})', 'bccc', { a: 'b', b: 'ccc' }],
]
for (const [pattern, line, groups] of TAKEN) {
  t.test(`the pattern ${pattern} is taken`, async t => {
    const fields = new RegexParser(pattern).parse(line)
    t.same(Object.fromEntries([...(fields ?? [])].map(([name, field]) => [name, field.text])), groups)
  })
}

t.test('the less clear a pattern, the shorter its lines', async t => {
  const clear = new RegexParser('^(?<a>\\d+),(?<b>\\d+)$').lengthMax
  const unanchored = new RegexParser('(?<a>\\d+),(?<b>\\d+)').lengthMax
  const unclear = new RegexParser('(?<a>.*),(?<b>.*)').lengthMax
  t.ok(clear > unanchored && unanchored > unclear, `${clear} ${unanchored} ${unclear}`)
  const parser = new RegexParser('(?<a>.*),(?<b>.*)')
  t.throws(() => parser.parse(','.repeat(unclear + 1)), { code: 'decode-malformed', offset: unclear })
  t.ok(parser.parse(','.repeat(unclear)))
})
