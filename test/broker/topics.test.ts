import t from 'tap'
import { Message } from '#broker/ports.ts'
import { RetainedMessages } from '#broker/retained.ts'
import type { Session } from '#broker/session.ts'
import { isTopicFilter, isTopicName, levelCount, topicMatches } from '#broker/topic.ts'
import { TopicTree } from '#broker/topic-tree.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const session = (id: string) => ({ id }) as Session
const subscription = (of: Session, filter: string) =>
  ({
    session: of,
    filter,
    qos: 0,
    qosAtLeast: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: undefined,
  }) as const

t.test('names and filters follow the rules of §4.7', async t => {
  for (const name of ['a', '/', 'a//b', '$SYS/x', 'ä/ö', ' ']) t.ok(isTopicName(name), name)
  for (const name of ['', 'a/+', '#', 'a\0', 'x'.repeat(65_536), 'ä'.repeat(32_768)]) t.notOk(isTopicName(name), name.slice(0, 10))
  for (const filter of ['#', '+', '+/+', 'a/#', '/', 'a/+/b', '$share/g/a']) t.ok(isTopicFilter(filter), filter)
  for (const filter of ['', 'a#', '#/a', 'a/#/b', 'a+', 'a/+b', 'a\0']) t.notOk(isTopicFilter(filter), filter)
  t.equal(levelCount('a/b//'), 4)
})

t.test('matching is as the specification has it', async t => {
  const matching: [string, string][] = [
    ['sport/tennis/player1/#', 'sport/tennis/player1'],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon'],
    ['sport/#', 'sport'],
    ['#', 'sport'],
    ['sport/tennis/+', 'sport/tennis/player1'],
    ['sport/+', 'sport/'],
    ['+/+', '/finance'],
    ['/+', '/finance'],
    ['$SYS/#', '$SYS/a'],
    ['$SYS/+/a', '$SYS/x/a'],
  ]
  for (const [filter, topic] of matching) t.ok(topicMatches(filter, topic), `${filter} ${topic}`)
  const not: [string, string][] = [
    ['sport/tennis/+', 'sport/tennis/player1/ranking'],
    ['sport/+', 'sport'],
    ['+', '/finance'],
    ['#', '$SYS/a'],
    ['+/a', '$SYS/a'],
  ]
  for (const [filter, topic] of not) t.notOk(topicMatches(filter, topic), `${filter} ${topic}`)
})

/** A random name or filter of few levels over a small alphabet, so that matches are common. */
function randomTopic(clock: VirtualClock, wild: boolean): string {
  const levels = Array.from({ length: 1 + Math.floor(clock.random() * 4) }, () => ['a', 'b', '', '$c', 'a'][Math.floor(clock.random() * 5)])
  if (!wild) return levels.join('/') || 'a'
  const filter = levels.map(level => (clock.random() < 0.3 ? '+' : level))
  if (clock.random() < 0.3) filter[filter.length - 1] = '#'
  return filter.join('/') || '#'
}

t.test('the tree finds what comparing with each filter finds, through additions and removals', async t => {
  const clock = new VirtualClock(7)
  const tree = new TopicTree<{ session: Session; filter: string }>()
  const held = new Map<string, { of: Session; filter: string }>()
  const sessions = ['s1', 's2', 's3'].map(session)
  for (let step = 0; step < 5000; step++) {
    const of = sessions[Math.floor(clock.random() * 3)]
    const filter = randomTopic(clock, true)
    const key = `${of.id} ${filter}`
    if (clock.random() < 0.6) {
      const replaced = tree.add(of, filter, subscription(of, filter))
      if ((replaced !== undefined) !== held.has(key)) throw new Error(`replacing ${key}`)
      held.set(key, { of, filter })
    } else if (tree.remove(of, filter) !== held.delete(key)) throw new Error(`removing ${key}`)
    if (held.size > 40) for (const [other, { of, filter }] of [...held].slice(0, 20)) held.delete(other) && tree.remove(of, filter)
    const topic = randomTopic(clock, false)
    const found = tree.match(topic).map(({ session, filter }) => `${session.id} ${filter}`)
    const expected = [...held].filter(([, { filter }]) => topicMatches(filter, topic)).map(([key]) => key)
    if (found.sort().join() !== expected.sort().join()) t.same(found, expected, topic)
  }
  for (const { of, filter } of held.values()) if (!tree.remove(of, filter)) t.fail(filter)
  t.same(tree.match('a'), [])
})

t.test('retained messages are found by filter as by comparing each', async t => {
  const clock = new VirtualClock(8)
  const retained = new RetainedMessages()
  const held = new Set<string>()
  for (let step = 0; step < 3000; step++) {
    const topic = randomTopic(clock, false)
    if (clock.random() < 0.6) {
      retained.set(Message.from({ topic, payload: Buffer.from('x'), qos: 0, retain: true }))
      held.add(topic)
    } else if (retained.delete(topic) !== held.delete(topic)) throw new Error(topic)
    const filter = randomTopic(clock, true)
    const found = retained.matching(filter).map(message => message.topic)
    const expected = [...held].filter(topic => topicMatches(filter, topic))
    if (found.sort().join() !== expected.sort().join()) t.same(found, expected, filter)
  }
  t.equal(retained.count, held.size)
  for (const topic of held) retained.delete(topic)
  t.equal(retained.bytes, 0)
  t.same(retained.matching('#'), [])
})
