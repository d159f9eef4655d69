import t from 'tap'
import { CsvParser, type Fields, JsonParser, RegexParser, recogniseNumber } from '#codecs/framing/index.ts'

const values = (fields: Fields | undefined) => fields && Object.fromEntries([...fields].map(([name, field]) => [name, field.value]))
const texts = (fields: Fields | undefined) => fields && Object.fromEntries([...fields].map(([name, field]) => [name, field.text]))

t.test('numbers are recognised in decimal notation only', async t => {
  const cases: [string, number | undefined][] = [
    ['12', 12],
    ['-12.50', -12.5],
    ['+0007.50', 7.5],
    ['.5', 0.5],
    ['5.', 5],
    ['1e-3', 0.001],
    ['-0', -0],
    ['', undefined],
    ['0x1f', undefined],
    ['1,5', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
    ['1e999', undefined],
    ['--1', undefined],
    ['.', undefined],
    ['1 2', undefined],
    ['9'.repeat(80), undefined],
  ]
  for (const [text, expected] of cases) t.equal(recogniseNumber(text), expected, text)
})

t.test('a regular expression gives a field for each named group', async t => {
  const parser = new RegexParser('^T=(?<temperature>[-.0-9]+) H=(?<humidity>[.0-9]+)(?: (?<note>\\w+))?$')
  t.same(parser.names, ['temperature', 'humidity', 'note'])
  t.same(values(parser.parse('T=-4.50 H=81')), { temperature: -4.5, humidity: 81 })
  t.same(texts(parser.parse('T=-4.50 H=81 low')), { temperature: '-4.50', humidity: '81', note: 'low' })
  t.equal(parser.parse('booting'), undefined)
})

t.test('CSV values go to their columns', async t => {
  const parser = new CsvParser({ columns: ['id', '', 't', 'text'] })
  t.same(values(parser.parse('A1,x,21.5,"a ""b"", c"')), { id: 'A1', t: 21.5, text: 'a "b", c' })
  t.same(values(parser.parse('A1,,21.5, "x" ,')), { id: 'A1', t: 21.5, text: 'x' }, 'a separator at the end means nothing')
  t.same(values(parser.parse(',,,')), { id: '', t: '', text: '' })
  for (const bad of ['A1,x,21.5', 'A1,x,21.5,y,z', '', 'A1,x,21.5,"open', 'A1,x,21.5,"a"b']) {
    t.throws(() => parser.parse(bad), { code: 'decode-malformed', offset: Number }, bad)
  }
  t.equal(new CsvParser({ columns: ['a'] }).parse('"12"').get('a')?.value, '12', 'a quoted value is text')
})

t.test('CSV has other separators and quotes', async t => {
  t.same(values(new CsvParser({ columns: ['a', 'b'], separator: ';', quote: "'" }).parse("1;'x;y'")), { a: 1, b: 'x;y' })
  t.same(values(new CsvParser({ columns: ['a', 'b', 'c'], separator: ' ' }).parse('  1   2 3 ')), { a: 1, b: 2, c: 3 })
  t.same(values(new CsvParser({ columns: ['a', 'b'], quote: '' }).parse('"1,2')), { a: '"1', b: 2 })
  for (const options of [
    { columns: [] },
    { columns: ['a', 'a'] },
    { columns: ['a'], separator: ',,' },
    { columns: ['a'], quote: ',' },
    { columns: ['a'], quote: '""' },
  ]) {
    t.throws(() => new CsvParser(options), { code: 'config-invalid' })
  }
})

t.test('JSON members are fields, nested ones by their path', async t => {
  const parser = new JsonParser()
  t.same(values(parser.parse('{"t":21.5,"air":{"co2":[400,401]},"ok":true,"none":null,"s":"7"}')), {
    t: 21.5,
    'air.co2.0': 400,
    'air.co2.1': 401,
    ok: true,
    none: null,
    s: '7',
  })
  t.same(
    texts(parser.parse('{"n":12345678901234567890,"m":1.50}')),
    { n: '12345678901234567890', m: '1.5' },
    'no digit of a long number is lost',
  )
  t.same(
    values(parser.parse('{"__proto__":1,"constructor":2}')),
    Object.fromEntries([
      ['__proto__', 1],
      ['constructor', 2],
    ]),
  )
  for (const bad of [
    '',
    '[1]',
    '7',
    'null',
    '{"t":21.5',
    '{"t":}',
    '{"t":1}x',
    `${'{"a":'.repeat(20)}1${'}'.repeat(20)}`,
    '['.repeat(4000),
  ]) {
    t.throws(() => parser.parse(bad), { code: 'decode-malformed', offset: Number }, bad.slice(0, 30))
  }
  const many = JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, i])))
  t.throws(() => parser.parse(many), { code: 'decode-malformed' })
})
