import t from 'tap'
import { DuplicateTable, datagramHash } from '#adapters/coap/endpoint-duplicates.ts'
import { ENDPOINT_LIMITS, endpointCounters } from '#adapters/coap/endpoint-types.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const LIFETIME_MS = 247_000
const owner = (id: number) => ({ id, duplicates: 0, oldestTicket: -1, newestTicket: -1 })

function table(limits: Partial<typeof ENDPOINT_LIMITS> = {}) {
  const counters = endpointCounters()
  return { counters, table: new DuplicateTable({ ...ENDPOINT_LIMITS, ...limits }, counters) }
}

t.test('a message is found by owner, id and content while it lives', async t => {
  const { table: known } = table()
  const one = owner(1)
  const ticket = known.add(one, 7, 42, 0, LIFETIME_MS)
  t.equal(known.find(one, 7, 42, 1000), ticket)
  t.equal(known.find(one, 8, 42, 1000), -1)
  t.equal(known.find(owner(2), 7, 42, 1000), -1)
  t.equal(known.find(one, 7, 42, LIFETIME_MS), -1)
  t.equal(one.duplicates, 0)
})

t.test('the reply is undefined until there is one', async t => {
  const { table: known } = table()
  const ticket = known.add(owner(1), 7, 42, 0, LIFETIME_MS)
  t.equal(known.reply(ticket), undefined)
  known.answer(ticket, Buffer.from('60ff0080', 'hex'))
  t.equal(Buffer.from(known.reply(ticket)!).toString('hex'), '60ff0080')
  known.forget(ticket)
  t.equal(known.reply(ticket), undefined)
  known.answer(ticket, Buffer.alloc(1))
  t.equal(known.size, 0)
})

t.test('full for one owner: its oldest goes, and nobody else loses anything', async t => {
  const { table: known, counters } = table({ duplicatesPerPeerMax: 3 })
  const one = owner(1)
  const two = owner(2)
  known.add(two, 1, 0, 0, LIFETIME_MS)
  for (let id = 1; id <= 5; id++) known.add(one, id, 0, 0, LIFETIME_MS)
  t.same(
    [1, 2, 3, 4, 5].map(id => known.find(one, id, 0, 1) >= 0),
    [false, false, true, true, true],
  )
  t.ok(known.find(two, 1, 0, 1) >= 0)
  t.equal(counters.duplicatesForgotten, 2)
  t.equal(one.duplicates, 3)
})

t.test('full overall: the oldest of all goes', async t => {
  const { table: known, counters } = table({ duplicatesMax: 1024 })
  const owners = Array.from({ length: 2000 }, (_, id) => owner(id + 1))
  for (const each of owners) known.add(each, 5, 0, 0, LIFETIME_MS)
  t.equal(known.size, 1024)
  t.equal(counters.duplicatesForgotten, 976)
  t.equal(known.find(owners[975], 5, 0, 1), -1)
  t.ok(known.find(owners[976], 5, 0, 1) >= 0)
})

t.test('it grows when it must and keeps what it holds', async t => {
  const { table: known } = table()
  const one = owner(1)
  const tickets: number[] = []
  for (let id = 0; id < 4000; id++) {
    const ticket = known.add(one, id, id, 0, LIFETIME_MS)
    known.answer(ticket, Buffer.from(`reply ${id}`))
    tickets.push(ticket)
  }
  t.ok(
    tickets.every((ticket, id) => known.find(one, id, id, 1) === ticket && Buffer.from(known.reply(ticket)!).toString() === `reply ${id}`),
  )
})

t.test('against a plain map, with thousands of random additions, look-ups and hours', async t => {
  const random = new VirtualClock(3)
  const below = (end: number) => Math.floor(random.random() * end)
  const { table: known, counters } = table({ duplicatesMax: 0x10000 })
  const owners = Array.from({ length: 20 }, (_, id) => owner(id + 1))
  const model = new Map<string, { hash: number; until: number }>()
  let nowMs = 0
  for (let step = 0; step < 30_000; step++) {
    nowMs += below(40)
    const who = owners[below(owners.length)]
    const id = below(300)
    const hash = below(2)
    const key = `${who.id} ${id}`
    const expected = model.get(key)
    const found = known.find(who, id, hash, nowMs) >= 0
    const wanted = expected !== undefined && expected.hash === hash && expected.until > nowMs
    if (found !== wanted) t.fail(`step ${step}: ${key}`)
    if (found) continue
    const lifetime = below(2) === 0 ? LIFETIME_MS : 145_000
    known.add(who, id, hash, nowMs, lifetime)
    model.set(key, { hash, until: nowMs + lifetime })
  }
  t.equal(counters.duplicatesForgotten, 0)
  t.equal(
    known.size,
    owners.reduce((sum, each) => sum + each.duplicates, 0),
  )
})

t.test('the hash tells datagrams apart that differ in one bit', async t => {
  const hashes = new Set(Array.from({ length: 256 }, (_, value) => datagramHash(Buffer.of(0x40, 1, 0, 1, value))))
  t.equal(hashes.size, 256)
})
