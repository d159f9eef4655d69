import t from 'tap'
import { covers, coversText, overlaps } from '#access/filter-relation.ts'
import { RuleSet, type RuleSettings } from '#access/rules.ts'
import type { Identity } from '#broker/ports.ts'
import { topicMatches } from '#broker/topic.ts'

const split = (text: string) => text.split('/')

const NAMES = ['a', 'b', '', '$SYS']
const LEVELS = [...NAMES, '+']

/** Every filter of up to three levels over a small alphabet, and every topic of up to four. */
function everyFilter(): string[] {
  const filters: string[] = ['#']
  let stems: string[] = ['']
  for (let depth = 0; depth < 3; depth++) {
    const next: string[] = []
    for (const stem of stems) for (const level of LEVELS) next.push(depth === 0 ? level : `${stem}/${level}`)
    for (const each of next) if (each !== '') filters.push(each, `${each}/#`)
    stems = next
  }
  return filters
}

function everyTopic(): string[] {
  const topics: string[] = []
  let stems: string[] = ['']
  for (let depth = 0; depth < 4; depth++) {
    stems = stems.flatMap(stem => NAMES.map(name => (depth === 0 ? name : `${stem}/${name}`)))
    topics.push(...stems.filter(topic => topic !== ''))
  }
  return topics
}

t.test('what covers and what overlaps agrees with what matches, for every pair of small filters', async t => {
  const topics = everyTopic()
  const filters = everyFilter()
  const matched = new Map(filters.map(filter => [filter, new Set(topics.filter(topic => topicMatches(filter, topic)))]))
  let wrong = 0
  for (const outer of filters) {
    for (const inner of filters) {
      const of = matched.get(inner)!
      const by = matched.get(outer)!
      const isCovered = [...of].every(topic => by.has(topic))
      const meets = [...of].some(topic => by.has(topic))
      // The one filter that says the same in another way: "+/#" is "#". It is taken for less, which only refuses.
      const isTwin = inner === '#' && outer === '+/#'
      if (covers(split(outer), split(inner)) !== (isCovered && !isTwin))
        t.fail(`${outer} covers ${inner}`, { skip: wrong++ > 10 ? 'more' : false })
      if (overlaps(split(outer), split(inner)) !== meets) t.fail(`${outer} overlaps ${inner}`, { skip: wrong++ > 10 ? 'more' : false })
    }
  }
  t.equal(wrong, 0, `${filters.length} filters, ${topics.length} topics`)
})

const device = (more: Partial<Identity> = {}): Identity => ({
  clientId: 'dev-1',
  protocol: 'mqtt',
  username: 'ann',
  address: '192.0.2.7',
  anonymous: false,
  internal: false,
  ...more,
})

const rule = (permit: 'allow' | 'deny', topics: string[] | undefined, more: Partial<RuleSettings> = {}): RuleSettings => ({
  permit,
  who: {},
  action: 'all',
  ...(topics && { topics }),
  ...more,
})

t.test('the first rule that applies decides, and where none does no_match', async t => {
  const rights = new RuleSet([rule('deny', ['a/secret']), rule('allow', ['a/#'])], undefined).rightsOf(device())
  t.equal(rights.mayPublish('a/b', 0, false), true)
  t.equal(rights.mayPublish('a/secret', 0, false), false)
  t.equal(rights.mayPublish('b', 0, false), false, 'deny as soon as there is a rule')
  t.equal(rights.unrestricted, false)
  const open = new RuleSet([rule('deny', ['a/secret'])], 'allow').rightsOf(device())
  t.equal(open.mayPublish('b', 0, false), true)
  t.equal(new RuleSet([], undefined).rightsOf(device()).unrestricted, true, 'allow while there is no rule')
  t.equal(new RuleSet([], 'deny').rightsOf(device()).unrestricted, false)
})

t.test('who nothing is forbidden to is not asked about', async t => {
  const rules = [rule('allow', undefined, { who: { username: 'root' } }), rule('deny', ['x'], { who: { username: 'ann' } })]
  const set = new RuleSet(rules, 'deny')
  t.equal(set.rightsOf(device({ username: 'root' })).unrestricted, true)
  t.equal(set.rightsOf(device()).unrestricted, false)
  t.equal(new RuleSet(rules, 'allow').rightsOf(device({ username: 'bob' })).unrestricted, true)
  const shadowed = new RuleSet([rule('allow', undefined), rule('deny', ['a'])], 'deny')
  t.equal(shadowed.rightsOf(device()).unrestricted, true, 'what stands behind a rule for everything never applies')
})

t.test(
  'a rule that allows must cover a filter, one that denies refuses it by its text, or whatever of it where all must be allowed',
  async t => {
    const rights = new RuleSet([rule('deny', ['a/secret/#']), rule('allow', ['a/#', 'b/+'])], undefined).rightsOf(device())
    const cases: [filter: string, allowed: boolean, whole: boolean][] = [
      ['a/b', true, true],
      ['a/b/#', true, true],
      ['a/secret', false, false],
      ['a/secret/x', false, false],
      ['a/secret/+', false, false],
      ['a/secret/#', false, false],
      ['a/#', true, false],
      ['a/+', true, false],
      ['a/+/x', true, false],
      ['a/b/+', true, true],
      ['#', false, false],
      ['+/b', false, false],
      ['b/x', true, true],
      ['b/+', true, true],
      ['b/#', false, false],
      ['c', false, false],
    ]
    for (const [filter, allowed, whole] of cases) {
      t.equal(rights.maySubscribe(filter, 0), allowed, filter)
      t.equal(rights.maySubscribe(filter, 0, true), whole, `all of ${filter}`)
    }
  },
)

t.test('what a wildcard filter brings never includes a topic that may not be subscribed to by its name', async t => {
  const filters = everyFilter()
  const topics = everyTopic()
  const sets = [
    new RuleSet([rule('deny', ['a/b'])], 'allow'),
    new RuleSet([rule('allow', ['a/b']), rule('deny', ['a/+', '$SYS/#']), rule('allow', ['#'])], undefined),
    new RuleSet([rule('deny', ['a/#'], { qos: [1] }), rule('deny', ['b'], { action: 'publish' }), rule('allow', ['+/#'])], undefined),
    new RuleSet([rule('deny', ['eq:a/b', 'eq:b/#'])], 'allow'),
    new RuleSet([rule('allow', ['a/#']), rule('deny', undefined)], undefined),
  ]
  let asked = 0
  let wrong = 0
  for (const set of sets) {
    const rights = set.rightsOf(device())
    for (const filter of filters) {
      for (const qos of [0, 1] as const) {
        if (!rights.maySubscribe(filter, qos)) continue
        for (const topic of topics) {
          if (!topicMatches(filter, topic)) continue
          asked++
          if (rights.mayReceive(topic, filter, qos) !== rights.maySubscribe(topic, qos)) wrong++
        }
      }
    }
  }
  t.ok(asked > 1000)
  t.equal(wrong, 0, `of ${asked}`)
})

t.test('a filter that is allowed by its very text brings what no rule before that one denies', async t => {
  const rules = [rule('deny', ['secret']), rule('allow', ['eq:#']), rule('deny', ['late'])]
  const rights = new RuleSet(rules, undefined).rightsOf(device())
  t.equal(rights.maySubscribe('#', 0), true)
  t.equal(rights.maySubscribe('a', 0), false)
  t.equal(rights.mayReceive('a', '#', 0), true)
  t.equal(rights.mayReceive('late', '#', 0), true, 'it comes first')
  t.equal(rights.mayReceive('secret', '#', 0), false)
})

t.test('as text, wildcards of a filter are levels like others', async t => {
  const cases: [pattern: string, filter: string, matches: boolean][] = [
    ['a/+', 'a/+', true],
    ['a/+', 'a/#', true],
    ['a/#', 'a/+/#', true],
    ['a/#', '#', false],
    ['a/b', 'a/+', false],
    ['#', '+', true],
    ['#', '$SYS/#', false],
    ['+/x', '$SYS/x', false],
  ]
  for (const [pattern, filter, matches] of cases) t.equal(coversText(split(pattern), split(filter)), matches, `${pattern} ${filter}`)
})

t.test('wildcards say nothing of topics that begin with $, rules without topics do', async t => {
  const all = new RuleSet([rule('allow', ['#'])], undefined).rightsOf(device())
  t.equal(all.maySubscribe('$SYS/#', 0), false)
  t.equal(all.maySubscribe('#', 0), true)
  const bare = new RuleSet([rule('allow', undefined)], undefined).rightsOf(device())
  t.equal(bare.maySubscribe('$SYS/#', 0), true)
  const system = new RuleSet([rule('deny', ['$SYS/#']), rule('allow', ['#'])], undefined).rightsOf(device())
  t.equal(system.maySubscribe('#', 0), true, 'as # does not match them')
})

t.test('eq: is that very filter and no other', async t => {
  const rights = new RuleSet([rule('deny', ['eq:#', 'eq:a/#']), rule('allow', ['#'])], undefined).rightsOf(device())
  t.equal(rights.maySubscribe('#', 0), false)
  t.equal(rights.maySubscribe('a/#', 0), false)
  t.equal(rights.maySubscribe('a/b', 0), true)
  t.equal(rights.maySubscribe('a/b/#', 0), true)
  t.equal(new RuleSet([rule('allow', ['eq:a/#'])], undefined).rightsOf(device()).maySubscribe('a/b', 0), false)
  const topic = new RuleSet([rule('deny', ['eq:a/b'])], 'allow').rightsOf(device())
  t.equal(topic.mayReceive('a/b', 'a/+', 0), false, 'without wildcards it is a topic')
  t.equal(topic.maySubscribe('a/+', 0, true), false)
})

t.test('placeholders stand for the names of the client, and for nothing where they would widen the rule', async t => {
  const set = new RuleSet([rule('allow', [`d/\${client_id}/#`, `u/\${username}`])], undefined)
  t.equal(set.rightsOf(device()).mayPublish('d/dev-1/x', 0, false), true)
  t.equal(set.rightsOf(device()).mayPublish('d/dev-2/x', 0, false), false)
  t.equal(set.rightsOf(device()).maySubscribe('d/dev-1/#', 0), true)
  t.equal(set.rightsOf(device()).mayPublish('u/ann', 0, false), true)
  for (const clientId of ['+', '#', 'a/b', '']) {
    const rights = set.rightsOf(device({ clientId }))
    for (const topic of ['d/x/y', 'd/+/y', `d/${clientId}/y`, 'd//y']) t.equal(rights.mayPublish(topic, 0, false), false, topic)
  }
  t.equal(set.rightsOf(device({ username: undefined })).mayPublish('u/', 0, false), false)
  t.equal(set.rightsOf(device({ anonymous: true })).mayPublish('u/ann', 0, false), false, 'a name that nothing has proved')
})

t.test('a rule is for those to whom all of who applies', async t => {
  const at = (who: RuleSettings['who'], identity: Identity) =>
    new RuleSet([rule('allow', undefined, { who })], undefined).rightsOf(identity).unrestricted
  const network = (address: string, prefixBits: number, family: 'ipv4' | 'ipv6' = 'ipv4') => ({ address, prefixBits, family })
  t.equal(at({ username: 'ann' }, device()), true)
  t.equal(at({ username: 'ann' }, device({ anonymous: true })), false, 'claims do not count')
  t.equal(at({ username: 'ann', client_id: 'dev-2' }, device()), false)
  t.equal(at({ username: 'ann', client_id: 'dev-*' }, device()), true)
  t.equal(at({ client_id: '*-1' }, device()), true)
  t.equal(at({ client_id: 'd*v*1' }, device()), true)
  t.equal(at({ client_id: 'd*vv*1' }, device()), false)
  t.equal(at({ address: network('192.0.2.0', 24) }, device()), true)
  t.equal(at({ address: network('192.0.3.0', 24) }, device()), false)
  t.equal(at({ address: network('192.0.2.0', 24) }, device({ address: undefined })), false)
  t.equal(at({ address: network('192.0.2.0', 24) }, device({ address: '::ffff:192.0.2.9' })), true)
  t.equal(at({ address: network('2001:db8::', 32, 'ipv6') }, device({ address: '2001:db8:1::7' })), true)
  t.equal(at({ address: network('2001:db8::', 32, 'ipv6') }, device({ address: '2001:db9::7' })), false)
  t.equal(at({ address: network('0.0.0.0', 0) }, device()), true)
  t.equal(at({ certificate_cn: 'meter-*' }, device({ certificateCn: 'meter-7' })), true)
  t.equal(at({ certificate_cn: 'meter-*' }, device()), false)
  t.equal(at({ protocol: 'coap' }, device()), false)
  t.equal(at({ protocol: 'coap' }, device({ protocol: 'coap' })), true)
})

t.test('a rule may be for some QoS and for retained messages alone', async t => {
  const rights = new RuleSet([rule('deny', ['a'], { retain: true }), rule('allow', ['a'], { qos: [0, 1] })], undefined).rightsOf(device())
  t.equal(rights.mayPublish('a', 0, false), true)
  t.equal(rights.mayPublish('a', 2, false), false)
  t.equal(rights.mayPublish('a', 0, true), false)
  t.equal(rights.maySubscribe('a', 2), false)
  const retained = new RuleSet([rule('deny', ['a'], { retain: true })], 'allow').rightsOf(device())
  t.equal(retained.unrestricted, false)
  t.equal(retained.maySubscribe('a', 0), true, 'nobody subscribes with RETAIN')
})

t.test('rules keep their order whether they are found by client, by user or looked at one by one', async t => {
  const rules = [
    rule('allow', ['x'], { who: { client_id: 'dev-1' } }),
    rule('deny', ['x', 'y']),
    rule('allow', ['y', 'z'], { who: { username: 'ann' } }),
    rule('deny', undefined),
  ]
  const rights = new RuleSet(rules, undefined).rightsOf(device())
  t.equal(rights.mayPublish('x', 0, false), true)
  t.equal(rights.mayPublish('y', 0, false), false)
  t.equal(rights.mayPublish('z', 0, false), true)
  t.equal(rights.mayPublish('w', 0, false), false)
})

t.test('ten thousand rules, one for each device, cost a device nothing but its own', async t => {
  const rules = Array.from({ length: 10_000 }, (_, i) => rule('allow', [`d/${i}/#`], { who: { client_id: `dev-${i}` } }))
  const set = new RuleSet(rules, undefined)
  const started = performance.now()
  let allowed = 0
  for (let i = 0; i < 10_000; i++) if (set.rightsOf(device({ clientId: `dev-${i}` })).mayPublish(`d/${i}/x`, 0, false)) allowed++
  t.equal(allowed, 10_000)
  t.comment(`${((performance.now() - started) / 10).toFixed(1)} µs for each`)
})
