import t from 'tap'
import { Points } from '#adapters/serial/points.ts'
import { JsonParser } from '#codecs/framing/index.ts'
import { deviceConfig } from './support.ts'

const json = new JsonParser()

function points(keys: string): Points {
  return new Points(deviceConfig(`parse = "json"\n${keys}`).points)
}

function read(keys: string, line: string) {
  return Object.fromEntries(
    points(keys)
      .read(json.parse(line))
      .map(({ point, text, value, good }) => [point, good ? [text, value] : 'bad']),
  )
}

t.test('without configured points each field is one, as it came', async t => {
  t.same(read('', '{"t":21.5,"id":"0007","ok":true,"a":{"b":1}}'), {
    t: ['21.5', 21.5],
    id: ['0007', '0007'],
    ok: ['true', true],
    'a.b': ['1', 1],
  })
})

t.test('a field that cannot be a level of a topic is escaped or left out', async t => {
  t.same(Object.keys(read('', '{"a/b":1,"c+#":2,"$state":3,"write":4,"line":5,"raw":6,"":7}')), ['a%2Fb', 'c%2B%23'])
})

t.test('points are taken from their fields, and no others', async t => {
  t.same(read('points.temp = { from = "air.t" }\npoints.missing = {}', '{"air":{"t":3},"x":1}'), { temp: ['3', 3] })
})

const CASES: readonly [string, string, unknown][] = [
  ['scale = 0.1', '3', ['0.3', 0.3]],
  ['scale = 0.001, offset = -40', '65000', ['25', 25]],
  ['scale = 1.8, offset = 32', '"21.5"', ['70.7', 70.7]],
  ['scale = 2', '"abc"', 'bad'],
  ['scale = 1e10', '1e305', 'bad'],
  ['type = "number"', '"007.50"', ['007.50', 7.5]],
  ['type = "number"', '"n/a"', 'bad'],
  ['type = "number"', 'null', 'bad'],
  ['type = "integer"', '2.6', ['3', 3]],
  ['type = "integer", scale = 0.5', '3', ['2', 2]],
  ['type = "text"', '21.50', ['21.5', '21.5']],
  ['type = "text"', '12345678901234567890', ['12345678901234567890', '12345678901234567890']],
  ['type = "boolean"', '"ON"', ['true', true]],
  ['type = "boolean"', '0', ['false', false]],
  ['type = "boolean"', '2', 'bad'],
  ['type = "auto"', 'null', ['null', null]],
]
for (const [keys, value, expected] of CASES) {
  t.test(`{ ${keys} } makes ${JSON.stringify(expected)} of ${value}`, async t => {
    t.same(read(`points.p = { ${keys} }`, `{"p":${value}}`), { p: expected })
  })
}

t.test('a write becomes the line of its point, scaled back', async t => {
  const device = points(`
points.temp = { scale = 0.1, offset = -40, set = 'T \${value};\${value}' }
points.count = { type = "integer", scale = 0.5, set = "C \${value}" }
points.name = { type = "text", set = 'N "\${value}"' }
points.on = { type = "boolean", set = "O \${value}" }
points.mode = { set = "M \${value}" }
points.reset = { set = "RESET" }
points.fixed = {}`)
  t.equal(device.writeLine('temp', ' 21.5\n'), 'T 615;615')
  t.equal(device.writeLine('count', '2'), 'C 4')
  t.equal(device.writeLine('name', '$& $1'), 'N "$& $1"')
  t.equal(device.writeLine('on', 'yes'), 'O true')
  t.equal(device.writeLine('on', '0'), 'O 0')
  t.equal(device.writeLine('mode', 'AUTO'), 'M AUTO')
  t.equal(device.writeLine('reset', ''), 'RESET')
  for (const name of ['fixed', 'unknown', 'constructor']) t.throws(() => device.writeLine(name, '1'), { code: 'not-found' }, name)
  for (const [name, payload] of [
    ['temp', 'hot'],
    ['count', ''],
    ['on', 'maybe'],
    ['name', 'a\nRESET'],
    ['mode', 'x\0y'],
  ] as const) {
    t.throws(() => device.writeLine(name, payload), { code: 'encode-range' }, `${name} ${JSON.stringify(payload)}`)
  }
})
