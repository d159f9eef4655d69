import t from 'tap'
import { filtersOverlap, RouteFilter } from '#base/topic-filter.ts'
import { readTemplate } from '#bridges/engine/template.ts'

const CONTEXT = { gateway: 'gw-1', client: 'dev/+#7' }

t.test('topics become what the template says', async t => {
  const cases: [from: string, to: string, topic: string, result: string | undefined][] = [
    ['sensors/#', 'site-7/${topic}', 'sensors/a/b', 'site-7/sensors/a/b'],
    ['sensors/#', 'up/${rest}', 'sensors/a/b', 'up/a/b'],
    ['sensors/#', 'up/${rest}', 'sensors', 'up'],
    ['sensors/#', 'up/${rest}', 'sensors/', 'up/'],
    ['sensors/#', '${rest}', 'sensors/a', 'a'],
    ['sensors/#', '${rest}', 'sensors', ''],
    ['sensors/#', 'x-${rest}/end', 'sensors/a', 'x-a/end'],
    ['#', '${rest}', 'a/b', 'a/b'],
    ['#', 'up/${rest}', '$SYS/x', undefined],
    ['$SYS/#', 'up/${topic}', '$SYS/x', 'up/$SYS/x'],
    ['a/+/b/+', '${2}/${1}', 'a/x/b/y', 'y/x'],
    ['a/+/b/+', '${2}/${1}', 'a/x/b', undefined],
    ['a/+', 'u/${1}', 'a/', 'u/'],
    ['+/+', '${1}-${2}', 'é/ü', 'é-ü'],
    ['a/+/#', '${1}/${rest}', 'a/x/y/z', 'x/y/z'],
    ['a', 'up', 'a', 'up'],
    ['a', 'up', 'b', undefined],
    ['a', '${gateway}/${client}', 'a', 'gw-1/dev%2F%2B%237'],
    ['a', 'x$${topic}/$5/$', 'a', 'x${topic}/$5/$'],
    ['$share/g/a/+', 'in/${1}', 'a/b', 'in/b'],
  ]
  for (const [from, to, topic, result] of cases) {
    const reading = readTemplate(to, from)
    t.ok(reading.ok, `${from} -> ${to}`)
    if (reading.ok) t.equal(reading.template.apply(topic, CONTEXT), result, `${from} -> ${to}: ${topic}`)
  }
})

t.test('faults of templates are told', async t => {
  const cases: [from: string, to: string, words: RegExp][] = [
    ['a', '', /empty/],
    ['a', 'x/${rest}', /has no #/],
    ['a/+', '${2}', /one \+ only/],
    ['a/+/+', '${3}', /2 \+ only/],
    ['a', '${1}', /no \+/],
    ['a/+', '${0}', /no placeholder/],
    ['a', '${Topic}', /no placeholder \$\{Topic\}/],
    ['a', '${}', /no placeholder/],
    ['a', 'x/${topic', /no end/],
    ['a', 'x/+', /no wildcards/],
    ['a/#', 'x/#', /no wildcards/],
  ]
  for (const [from, to, words] of cases) {
    const reading = readTemplate(to, from)
    t.match(reading.ok ? 'no fault' : reading.message, words, `${from} -> ${to}`)
  }
})

t.test('the range of a template is a filter that holds all it makes', async t => {
  const cases: [from: string, to: string, range: string][] = [
    ['a/#', 'up/${topic}', 'up/a/#'],
    ['a/+', '${topic}', 'a/+'],
    ['a/#', 'up-${topic}', '#'],
    ['a/#', 'up/${topic}/x', 'up/#'],
    ['a/#', 'up/${rest}', 'up/#'],
    ['a/#', 'up/x-${rest}/y', 'up/#'],
    ['a/+', 'up/${1}/v', 'up/+/v'],
    ['a/+', 'up-${1}/v', '+/v'],
    ['a', 'x/y', 'x/y'],
  ]
  for (const [from, to, range] of cases) {
    const reading = readTemplate(to, from)
    t.equal(reading.ok && reading.template.range, range)
  }
})

t.test('overlaps of filters are found', async t => {
  const cases: [string, string, boolean][] = [
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a/+', 'a/c', true],
    ['a/+', '+/c', true],
    ['a/#', 'a', true],
    ['a/+', 'a', false],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['a/#', 'b/#', false],
    ['$share/g/a/#', 'a/b', true],
  ]
  for (const [one, other, overlap] of cases) {
    t.equal(filtersOverlap(one, other), overlap, `${one} and ${other}`)
    t.equal(filtersOverlap(other, one), overlap, `${other} and ${one}`)
  }
})

t.test('what wildcards matched is told', async t => {
  t.same(new RouteFilter('+/b/#').match('a/b/c/d'), { levels: ['a'], rest: 'c/d' })
  t.same(new RouteFilter('+/b/#').match('a/b'), { levels: ['a'], rest: undefined })
  t.equal(new RouteFilter('+/b/#').match('a/c'), undefined)
})
