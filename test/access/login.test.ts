import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SCRAM_SHA_256 } from '#access/scram.ts'
import type { Credentials } from '#broker/ports.ts'
import { ScramClient } from '../support/scram-client.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
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

t.test('a stored user logs in by SCRAM-SHA-256, and a wrong proof counts as a wrong password', async t => {
  const { access, clock } = bench(t)
  await access.addUser('bob', 'pencil')
  const talk = async (password: string, more: Partial<Credentials> = {}) => {
    const client = new ScramClient('bob', password)
    const exchange = access.exchange(SCRAM_SHA_256, credentials(more))
    const first = await exchange!.next(Buffer.from(client.first))
    const last = Promise.resolve(exchange!.next(Buffer.from(client.final(Buffer.from(first.data!).toString()))))
    return { client, last }
  }
  const good = await talk('pencil')
  const step = await good.last
  t.ok(good.client.believes(Buffer.from(step.data!).toString()))
  t.match(step.identity, { username: 'bob', anonymous: false, clientId: 'dev-1' })
  const bad = await talk('pencils')
  let isRefused = false
  const refused = t.rejects(bad.last, { code: 'bad-credentials' }).then(() => (isRefused = true))
  await new Promise(resolve => setImmediate(resolve))
  t.equal(isRefused, false, 'held back like other refusals')
  clock.advance(250)
  await refused
  t.equal(access.counters().failedLogins, 1)
  await access.ban('username', 'bob', '', undefined)
  const banned = await talk('pencil')
  const out = t.rejects(banned.last, { code: 'not-authorized', reason: 0x8a })
  await new Promise(resolve => setImmediate(resolve))
  clock.advance(5000)
  await out
  await access.ban('client_id', 'dev-1', '', undefined)
  t.throws(() => access.exchange(SCRAM_SHA_256, credentials()), { code: 'not-authorized', reason: 0x8a })
})

t.test(
  'authenticators are asked in their order: one that does not know a name leaves it to the next, a wrong password ends it',
  async t => {
    const folder = temporaryFolder(t)
    const file = (name: string, users: Record<string, string>) => {
      const path = join(folder, name)
      const lines = Object.entries(users).map(([user, password]) => {
        const salt = Buffer.from(`the salt of ${user}`)
        return `${user}:$6$${salt.toString('base64')}$${createHash('sha512').update(password).update(salt).digest('base64')}\n`
      })
      writeFileSync(path, lines.join(''))
      return { kind: 'built-in' as const, users_file: path }
    }
    const first = file('first.txt', { ann: 'a1', bob: 'b1' })
    const second = file('second.txt', { ann: 'a2', eve: 'e2' })
    const { enter, refusal } = bench(t, { authenticators: { first, second } })
    t.match(await enter(login('ann', 'a1')), { username: 'ann' })
    t.match(await enter(login('eve', 'e2')), { username: 'eve' })
    for (const again of [1, 2]) t.match(await refusal(login('ann', 'a2')), { code: 'bad-credentials' }, `${again}`)
    t.match(await refusal(login('nobody', 'x')), { code: 'bad-credentials' })
  },
)
