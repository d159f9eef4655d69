import { createHash } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { accessFaults, GatewayAccess, PLAIN_ACCESS } from '#access/index.ts'
import { silentLogger } from '#base/logger.ts'
import type { Outside } from '#base/schema.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { bench, login } from './support.ts'

function line(name: string, password: string): string {
  const salt = Buffer.from(`salt of ${name}`)
  return `${name}:$6$${salt.toString('base64')}$${createHash('sha512').update(password).update(salt).digest('base64')}\n`
}

t.test('a users file is read again when it changes, and who is no longer in it is disconnected', async t => {
  const path = join(temporaryFolder(t), 'users.txt')
  writeFileSync(path, line('ann', 'a') + line('bob', 'b'))
  const { access, clock, enter, refusal, host, logger } = bench(t, { authenticators: { local: { kind: 'built-in', users_file: path } } })
  await enter(login('ann', 'a', { clientId: 'ann-1' }))
  await enter(login('bob', 'b', { clientId: 'bob-1' }))
  t.match(access.users(), [{ user: { name: 'ann' }, source: path }, { user: { name: 'bob' } }])
  writeFileSync(`${path}.new`, line('bob', 'b2') + line('eve', 'e'))
  renameSync(`${path}.new`, path)
  clock.advance(2000)
  t.same(host.expelled, [['not-authorized', 'ann-1']])
  t.match(await refusal(login('ann', 'a')), { code: 'bad-credentials' })
  t.match(await refusal(login('bob', 'b')), { code: 'bad-credentials' })
  t.match(await enter(login('bob', 'b2')), { username: 'bob' })
  t.match(await enter(login('eve', 'e')), { username: 'eve' })
  writeFileSync(path, `${line('eve', 'e')}bob:oops\n`)
  clock.advance(2000)
  t.match(await enter(login('bob', 'b2')), { username: 'bob' }, 'a fault changes nothing')
  t.match(
    logger.records.filter(record => record.level === 'error'),
    [{ fields: { error: new RegExp(`^${path}:2: this is no hash`) } }],
  )
  rmSync(path)
  clock.advance(2000)
  t.match(await enter(login('bob', 'b2')), { username: 'bob' }, 'nor does a file that is gone')
  await access.addUser('bob', 'in the store')
  t.match(await enter(login('bob', 'in the store')), { username: 'bob' }, 'the store comes before the file')
})

t.test('a users file with a fault keeps the gateway from starting, with its place', async t => {
  const path = join(temporaryFolder(t), 'users.txt')
  const make = () => {
    const settings = { ...PLAIN_ACCESS, authenticators: { local: { kind: 'built-in' as const, users_file: path } } }
    return new GatewayAccess({ settings, clock: new VirtualClock(), logger: silentLogger })
  }
  t.throws(make, { code: 'config-unreadable' })
  writeFileSync(path, 'ann\n')
  t.throws(make, { code: 'config-invalid', message: `${path}:1: a line is name:hash` })
})

t.test('check finds what is wrong in users files and rules', async t => {
  const outside = (text: string | undefined): Outside => ({
    readFile: () => {
      if (text === undefined) throw new Error('ENOENT')
      return text
    },
    modeOf: () => undefined,
    nowMs: undefined,
  })
  const withFile = { ...PLAIN_ACCESS, authenticators: { a: { kind: 'built-in' as const, users_file: 'u.txt' } } }
  t.match(accessFaults(withFile, [], outside('x\ny:z\n')), [{ key: 'authenticators.a.users_file', message: /^u\.txt:1: .*, and 1 more$/ }])
  t.match(accessFaults(withFile, [], outside(undefined)), [{ message: /cannot be read/ }])
  t.same(accessFaults(withFile, [], outside(line('ann', 'a'))), [])
  const topics = (...written: string[]) => {
    const rules = [{ permit: 'allow' as const, who: {}, action: 'all' as const, topics: written }]
    return accessFaults({ ...PLAIN_ACCESS, rules }, [], outside('')).map(({ key, message }) => `${key}: ${message}`)
  }
  t.same(topics('a/#', '+/b', `d/\${client_id}/#`, 'eq:a/#', '$SYS/#', `\${username}`), [])
  t.match(topics('a/#/b', 'a+', '', `\${clientid}`, '$share/g/a', 'eq:$queue/a', '$delayed/5/a'), [
    /^rules\.0\.topics\.0: .*no topic filter/,
    /topics\.1: .*no topic filter/,
    /topics\.2: .*no topic filter/,
    /topics\.3: there is no placeholder "\$\{clientid\}"/,
    /topics\.4: "\$share\/g\/" is no part of a topic/,
    /topics\.5: "\$queue\/"/,
    /topics\.6: "\$delayed\/5\/"/,
  ])
})

t.test('check warns when the first rule would silence the serial devices', async t => {
  const outside: Outside = { readFile: () => '', modeOf: () => undefined, nowMs: undefined }
  const rule = (who: object) => ({ ...PLAIN_ACCESS, rules: [{ permit: 'allow' as const, who, action: 'all' as const }] })
  t.match(accessFaults(rule({ username: 'ann' }), ['serial'], outside), [{ key: 'rules', severity: 'warning' }])
  t.same(accessFaults(rule({ protocol: 'serial' }), ['serial'], outside), [])
  t.same(accessFaults(rule({}), ['serial'], outside), [])
  t.same(accessFaults({ ...rule({ username: 'ann' }), no_match: 'allow' }, ['serial'], outside), [])
  t.same(accessFaults(PLAIN_ACCESS, ['serial'], outside), [])
})
