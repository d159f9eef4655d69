import t from 'tap'
import { HashQueue } from '#access/hash-queue.ts'
import { WindowCounts } from '#access/window-counts.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { bench, credentials, FakeHost, login } from './support.ts'

const GUESSING = { ban_after: 5, window: 60_000, ban_for: 300_000 }

t.test('each wrong password is answered later than the one before, a right one at once', async t => {
  const { access, refusal, clock } = bench(t)
  await access.addUser('bob', 'right')
  const waits: number[] = []
  for (let i = 0; i < 8; i++) waits.push((await refusal(login('bob', `wrong-${i}`))).afterMs)
  t.same(waits, [250, 500, 1000, 2000, 4000, 5000, 5000, 5000])
  const before = clock.monotonic()
  t.match(await access.authenticate(login('bob', 'right')), { username: 'bob' })
  t.equal(clock.monotonic(), before)
  t.equal((await refusal(login('bob', 'again', { address: '198.51.100.1' }))).afterMs, 250, 'a success forgives the user')
})

t.test('an address that guesses is banned for a time, and its ban survives a restart', async t => {
  const clock = new VirtualClock()
  const host = new FakeHost(clock)
  const { access, refusal, clock: own, logger } = bench(t, { failed_logins: GUESSING }, host)
  await access.addUser('bob', 'right')
  for (let i = 0; i < 5; i++) t.match(await refusal(login(`user-${i}`, 'x')), { code: 'bad-credentials' })
  t.match(await refusal(login('bob', 'right')), { code: 'not-authorized', reason: 0x8a, afterMs: 0 })
  t.match(access.bans(), [{ kind: 'address', value: '192.0.2.7', by: 'failed-logins' }])
  t.match(await access.authenticate(login('bob', 'right', { address: '192.0.2.8' })), { username: 'bob' }, 'others are not meant')
  t.match(logger.messages('warn'), ['somebody is banned for a time'])
  const again = bench(t, { failed_logins: GUESSING }, host)
  t.match(await again.refusal(login('bob', 'right')), { reason: 0x8a })
  clock.advance(300_001)
  t.match(await again.access.authenticate(login('bob', 'right')), { username: 'bob' })
  t.same(again.access.bans(), [])
  t.equal(host.tables.get('ban')!.size, 0, 'what is over leaves the store')
  own.advance(1)
})

t.test('this machine is slowed and never banned; failures that lie apart ban nobody', async t => {
  const { access, refusal, clock } = bench(t, { failed_logins: GUESSING })
  await access.addUser('bob', 'right')
  for (let i = 0; i < 8; i++)
    t.match(await refusal(login('bob', 'x', { loopback: true, address: '127.0.0.1' })), { code: 'bad-credentials' })
  t.same(access.bans(), [])
  for (let i = 0; i < 8; i++) {
    t.match(await refusal(login('eve', 'x')), { code: 'bad-credentials' })
    clock.advance(60_000)
  }
  t.same(access.bans(), [])
})

t.test('an IPv6 site counts as one address', async t => {
  const { access, refusal } = bench(t, { failed_logins: GUESSING })
  await access.addUser('bob', 'right')
  for (let i = 0; i < 5; i++) await refusal(login('bob', 'x', { address: `2001:db8:1:2::${i}` }))
  t.match(await refusal(login('bob', 'right', { address: '2001:db8:1:2:ffff::9' })), { reason: 0x8a })
  t.match(await access.authenticate(login('bob', 'right', { address: '2001:db8:1:3::9' })), { username: 'bob' })
})

t.test('a client that comes and goes without end is banned by its id for a time', async t => {
  const { access, clock } = bench(t, { anonymous: 'always', flapping: { ban_after: 3, window: 10_000, ban_for: 60_000 } })
  const come = (clientId = 'dev-1') => access.authenticate(credentials({ clientId }))
  t.match(come(), { clientId: 'dev-1' })
  t.match(come(), { clientId: 'dev-1' })
  clock.advance(10_001)
  t.match(come(), { clientId: 'dev-1' }, 'in a new window')
  t.match(come(), { clientId: 'dev-1' })
  t.throws(come, { code: 'not-authorized', reason: 0x8a })
  t.match(come('dev-2'), { clientId: 'dev-2' })
  t.match(access.bans(), [{ kind: 'client_id', value: 'dev-1', by: 'flapping' }])
  clock.advance(60_001)
  t.match(come(), { clientId: 'dev-1' })
})

t.test('counts are bounded: who came longest ago is forgotten', async t => {
  const clock = new VirtualClock()
  const counts = new WindowCounts(clock, 2)
  t.equal(counts.add('a', 1000), 1)
  t.equal(counts.add('b', 1000), 1)
  t.equal(counts.add('a', 1000), 2)
  t.equal(counts.add('c', 1000), 1)
  t.equal(counts.add('b', 1000), 1, 'b had to go for c')
})

t.test('addresses take turns at the hashes, two at a time, and beyond the maximum the gateway is busy', async t => {
  const queue = new HashQueue(2)
  const order: string[] = []
  const finish: (() => void)[] = []
  const job = (name: string) => () => {
    order.push(name)
    return new Promise<void>(resolve => finish.push(resolve))
  }
  const all = [1, 2, 3, 4].map(n => queue.run('flood', job(`flood-${n}`)))
  all.push(queue.run('other', job('other-1')))
  t.same(order, ['flood-1', 'flood-2'])
  t.equal(queue.pending, 5)
  while (finish.length > 0) {
    finish.shift()!()
    await new Promise(resolve => setImmediate(resolve))
  }
  t.same(order, ['flood-1', 'flood-2', 'flood-3', 'other-1', 'flood-4'])
  await Promise.all(all)
  t.equal(queue.computed, 5)
  const held = Array.from({ length: 10_002 }, () => queue.run('x', job('x')))
  await t.rejects(queue.run('y', job('y')), { code: 'server-busy', reason: 0x89 })
  while (finish.length > 0) {
    finish.shift()!()
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
  }
  await new Promise(resolve => setImmediate(resolve))
  while (finish.length > 0) {
    finish.shift()!()
    await new Promise(resolve => setImmediate(resolve))
  }
  await Promise.all(held)
})
