import t from 'tap'
import { VirtualClock } from '../support/virtual-clock.ts'
import { bench, credentials, FakeHost } from './support.ts'

t.test('a ban shuts out by client id, user name or network, and disconnects who is there', async t => {
  const { access, host, enter } = bench(t, { anonymous: 'always' })
  await enter(credentials({ clientId: 'a' }))
  await enter(credentials({ clientId: 'b', username: 'eve' }))
  await enter(credentials({ clientId: 'c', address: '198.51.100.7' }))
  await enter(credentials({ clientId: 'd', address: '203.0.113.9' }))
  await access.ban('client_id', 'a', 'noisy', undefined)
  await access.ban('username', 'eve', '', 60_000)
  await access.ban('address', '198.51.100.0/24', 'not ours', undefined)
  t.same(host.expelled, [
    ['banned', 'a'],
    ['banned', 'b'],
    ['banned', 'c'],
  ])
  for (const who of [{ clientId: 'a' }, { username: 'eve' }, { address: '198.51.100.200' }]) {
    t.throws(() => access.authenticate(credentials(who)), { code: 'not-authorized', reason: 0x8a })
  }
  t.match(access.authenticate(credentials({ clientId: 'd', address: '203.0.113.9' })), { clientId: 'd' })
  t.equal(access.counters().refused.banned, 3)
  await access.unban('address', '198.51.100.0/24')
  t.match(access.authenticate(credentials({ address: '198.51.100.200' })), { address: '198.51.100.200' })
  await t.rejects(access.unban('address', '198.51.100.0/24'), { code: 'not-found' })
})

t.test('who has proved a banned name by another way than CONNECT is out too', async t => {
  const { access } = bench(t)
  await access.ban('username', 'meter', '', undefined)
  t.throws(() => access.authenticate(credentials({ pskIdentity: 'meter' })), { code: 'not-authorized', reason: 0x8a })
  t.throws(() => access.authenticate(credentials({ certificate: { commonName: 'm', username: 'meter' } })), {
    code: 'not-authorized',
    reason: 0x8a,
  })
})

t.test('a ban lasts over restarts, ends in running time, and damaged records are dropped', async t => {
  const clock = new VirtualClock()
  const host = new FakeHost(clock)
  const first = bench(t, { anonymous: 'always' }, host)
  await first.access.ban('client_id', 'dev-1', 'a', 60_000)
  await first.access.ban('address', '2001:DB8:0::7/128', 'b', undefined)
  host.records('ban').put('client_id:x', Buffer.from('no json'))
  host.records('ban').put('client_id:y', Buffer.from('{}'))
  const { access } = bench(t, { anonymous: 'always' }, host)
  t.match(access.bans(), [
    { kind: 'client_id', value: 'dev-1', reason: 'a', by: 'operator', untilMs: 60_000 },
    { kind: 'address', value: '2001:db8::7', untilMs: undefined },
  ])
  t.throws(() => access.authenticate(credentials({ address: '2001:db8:0:0::7' })), { code: 'not-authorized', reason: 0x8a })
  t.throws(() => access.authenticate(credentials()), { code: 'not-authorized', reason: 0x8a })
  clock.jumpWall(1e12)
  t.throws(() => access.authenticate(credentials()), { code: 'not-authorized', reason: 0x8a }, 'the wall clock ends no ban')
  clock.advance(60_000)
  t.match(access.authenticate(credentials()), { clientId: 'dev-1' })
})

t.test('what can be no address, network or name is refused with a sentence', async t => {
  const { access } = bench(t)
  for (const value of ['', 'x', '192.0.2.0/33', '192.0.2', '1.2.3.4/', '::/129', '1.2.3.4/8/9', 'a'.repeat(600)]) {
    await t.rejects(access.ban('address', value, '', undefined), { code: 'bad-request' }, JSON.stringify(value))
  }
  await t.rejects(access.ban('client_id', 'a\nb', '', undefined), { code: 'bad-request' })
})

t.test('the table of bans is bounded: those of guards make room, those of people do not', async t => {
  const clock = new VirtualClock()
  const host = new FakeHost(clock)
  const records = host.records('ban')
  const ban = (i: number, by: string) => {
    const entry = { kind: 'client_id', value: `c-${i}`, by, reason: '', untilMs: 1_000_000 + i, createdAtMs: 0 }
    records.put(`client_id:c-${i}`, Buffer.from(JSON.stringify(entry)))
  }
  for (let i = 0; i < 9_999; i++) ban(i, 'operator')
  ban(9_999, 'flapping')
  const { access } = bench(t, {}, host)
  await access.ban('client_id', 'new', '', undefined)
  t.equal(access.bans().length, 10_000)
  t.notOk(access.bans().some(each => each.by === 'flapping'))
  await t.rejects(access.ban('client_id', 'one more', '', undefined), { code: 'quota-exceeded' })
  await access.ban('client_id', 'new', 'again', 5)
  t.equal(access.bans().length, 10_000)
})
