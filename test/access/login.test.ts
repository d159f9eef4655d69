import t from 'tap'
import { SCRAM_SHA_256 } from '#access/scram.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { bench, credentials, FakeHost, login } from './support.ts'

t.test('beyond loopback nobody gets in who is not known', async t => {
  const { access, refusal } = bench(t)
  t.match(await access.authenticate(credentials({ loopback: true })), { anonymous: true, username: undefined })
  t.match(await refusal(credentials()), { code: 'not-authorized', reason: 0x87, afterMs: 0 })
  t.match(await refusal(login('ann', 'x')), { code: 'bad-credentials', reason: 0x86 })
})

t.test('anonymous access is as the listener says, else as [access] says', async t => {
  const cases: [
    global: 'never' | 'loopback' | 'always',
    listener: 'never' | 'loopback' | 'always' | undefined,
    loopback: boolean,
    ok: boolean,
  ][] = [
    ['always', undefined, false, true],
    ['always', 'never', true, false],
    ['never', undefined, true, false],
    ['never', 'always', false, true],
    ['loopback', 'always', false, true],
    ['never', 'loopback', true, true],
    ['never', 'loopback', false, false],
  ]
  for (const [anonymous, own, loopback, ok] of cases) {
    const { access } = bench(t, { anonymous })
    const outcome = () => access.authenticate(credentials({ anonymous: own, loopback }))
    if (ok) t.match(outcome(), { anonymous: true })
    else t.throws(outcome, { code: 'not-authorized' }, `${anonymous} ${own} ${loopback}`)
  }
})

t.test('while there are no users a name is a claim; with the first one it must be right', async t => {
  const { access, enter, refusal } = bench(t)
  t.match(await enter(login('ann', 'x', { loopback: true })), { anonymous: true, username: 'ann' })
  await access.addUser('bob', 'secret')
  t.match(await refusal(login('ann', 'x', { loopback: true })), { code: 'bad-credentials', reason: 0x86 })
  t.match(await enter(login('bob', 'secret', { loopback: true })), { anonymous: false, username: 'bob' })
  t.match(await enter(credentials({ loopback: true })), { anonymous: true })
  t.match(await refusal(credentials({ loopback: true, password: Buffer.from('secret') })), { code: 'bad-credentials' }, 'a password alone')
})

t.test('a user gets in with the right password and no other, whatever its bytes', async t => {
  const { access, enter, refusal } = bench(t)
  await access.addUser('bob', 'grüße 🔑')
  t.match(await enter(login('bob', 'grüße 🔑')), { username: 'bob', anonymous: false, clientId: 'dev-1', address: '192.0.2.7' })
  for (const wrong of ['', 'grüße', 'grüße 🔑 ', 'x'.repeat(70_000)])
    t.match(await refusal(login('bob', wrong)), { code: 'bad-credentials' })
  t.match(await refusal(credentials({ username: 'bob' })), { code: 'bad-credentials' }, 'without a password')
  t.match(await refusal(login('Bob', 'grüße 🔑')), { code: 'bad-credentials' })
})

t.test('users outlive the process, a changed password holds at once, a removed user is disconnected', async t => {
  const clock = new VirtualClock()
  const host = new FakeHost(clock)
  const first = bench(t, {}, host)
  await first.access.addUser('bob', 'one')
  await first.enter(login('bob', 'one'))
  await first.access.changePassword('bob', 'two')
  t.match(await first.refusal(login('bob', 'one')), { code: 'bad-credentials' }, 'not from a cache either')
  t.match(await first.enter(login('bob', 'two', { clientId: 'dev-2' })), { username: 'bob' })
  const again = bench(t, {}, host)
  t.match(await again.enter(login('bob', 'two')), { username: 'bob' })
  t.notMatch(Buffer.from(host.tables.get('user')!.get('bob')!).toString(), /two/)
  await t.rejects(again.access.addUser('bob', 'x'), { code: 'conflict' })
  await again.access.removeUser('bob')
  t.ok(host.expelled.length > 0 && host.expelled.every(([reason]) => reason === 'not-authorized'))
  t.equal(host.tables.get('user')!.size, 0)
  await t.rejects(again.access.removeUser('bob'), { code: 'not-found' })
  await t.rejects(again.access.changePassword('bob', 'x'), { code: 'not-found' })
})

t.test('names and passwords that cannot be are refused with a sentence', async t => {
  const { access } = bench(t)
  for (const name of ['', 'a:b', 'a\n', 'x'.repeat(257), '\ud800'])
    await t.rejects(access.addUser(name, 'x'), { code: 'bad-request' }, JSON.stringify(name))
  for (const password of ['', 'x'.repeat(1025)]) await t.rejects(access.addUser('bob', password), { code: 'bad-request' })
  const both = await Promise.allSettled([access.addUser('bob', 'a'), access.addUser('bob', 'b')])
  t.same(both.map(each => each.status).sort(), ['fulfilled', 'rejected'], 'two at once make one user')
})

t.test('a verified certificate or pre-shared key is the user name, a mere common name is not', async t => {
  const { enter, refusal } = bench(t)
  const certificate = (username: string | undefined) => ({ certificate: { commonName: 'meter-7', username } })
  t.match(await enter(credentials(certificate('meter-7'))), { username: 'meter-7', anonymous: false, certificateCn: 'meter-7' })
  t.match(await enter(login('other', 'x', certificate('meter-7'))), { username: 'meter-7' }, 'what CONNECT says does not count')
  t.match(await enter(credentials({ pskIdentity: 'valve' })), { username: 'valve', anonymous: false })
  t.match(await refusal(credentials(certificate(undefined))), { code: 'not-authorized' })
})

t.test('client ids are let in by list', async t => {
  const { access } = bench(t, { anonymous: 'always', client_ids: { allow: ['dev-*', 'hub'], deny: ['dev-9*'] } })
  const tries = (clientId: string) => access.authenticate(credentials({ clientId }))
  for (const good of ['dev-1', 'hub', 'dev-']) t.match(tries(good), { clientId: good })
  for (const bad of ['dev-9', 'dev-99', 'hub2', 'x']) t.throws(() => tries(bad), { code: 'identifier-rejected', reason: 0x85 }, bad)
})

t.test('a storm of logins is served from what was found a moment ago, and computes each password once', async t => {
  const { access } = bench(t)
  await access.addUser('fleet', 'secret')
  const before = access.counters().hashes
  const storm = Array.from({ length: 2000 }, (_, i) => access.authenticate(login('fleet', 'secret', { clientId: `dev-${i}` })))
  await Promise.all(storm)
  t.equal(access.counters().hashes - before, 1, 'two thousand at once')
  const started = performance.now()
  for (let i = 0; i < 10_000; i++) await access.authenticate(login('fleet', 'secret', { clientId: `dev-${i}` }))
  t.equal(access.counters().hashes - before, 1)
  t.comment(`${Math.round(10_000 / ((performance.now() - started) / 1000))} logins/s from memory`)
})

t.test('what is remembered of a login is forgotten after an hour', async t => {
  const { access, clock } = bench(t)
  await access.addUser('bob', 'x')
  await access.authenticate(login('bob', 'x'))
  const { hashes } = access.counters()
  await access.authenticate(login('bob', 'x'))
  t.equal(access.counters().hashes, hashes)
  clock.advance(3_600_001)
  await access.authenticate(login('bob', 'x'))
  t.equal(access.counters().hashes, hashes + 1)
})

t.test('a reload holds at once, and who would not be let in any more is disconnected', async t => {
  const { access, enter, host } = bench(t, { anonymous: 'always' })
  await access.addUser('bob', 'x')
  await enter(credentials({ clientId: 'nobody' }))
  await enter(login('bob', 'x', { clientId: 'bob-1' }))
  await enter(credentials({ clientId: 'near', anonymous: 'always' }))
  await enter(credentials({ clientId: 'cert', certificate: { commonName: 'c', username: 'c' } }))
  const before = access.generation
  const local = { kind: 'built-in' as const }
  const off = { ban_after: 0, window: 1, ban_for: 1 }
  access.reload({
    anonymous: 'never',
    deny_action: 'disconnect',
    authenticators: { local },
    rules: [],
    client_ids: { allow: [], deny: [] },
    failed_logins: off,
    flapping: off,
  })
  t.same(host.expelled, [['not-authorized', 'nobody']])
  t.ok(access.generation > before)
  t.equal(access.denyAction, 'disconnect')
  t.equal(host.reviews, 2, 'subscriptions are looked at when the broker is there, and at the reload')
  t.throws(() => access.authenticate(credentials()), { code: 'not-authorized' })
})

t.test('an enhanced authentication asks for the same users', async t => {
  const { access } = bench(t)
  t.equal(access.exchange('GS2-KRB5', credentials()), undefined)
  await access.addUser('bob', 'pencil')
  const first = await access.exchange(SCRAM_SHA_256, credentials())!.next(Buffer.from('n,,n=bob,r=abc'))
  t.match(Buffer.from(first.data!).toString(), /^r=abc.+,s=.+,i=10000$/)
  const unknown = await access.exchange(SCRAM_SHA_256, credentials())!.next(Buffer.from('n,,n=eve,r=abc'))
  t.match(Buffer.from(unknown.data!).toString(), /^r=abc.+,s=.+,i=10000$/, 'an unknown name looks the same')
})
