import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openAdmin, openControl } from '#admin/index.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { fakeControl } from './fake-control.ts'

async function open(t: Test) {
  const control = fakeControl()
  const socketPath = join(temporaryFolder(t), 'tidegate.sock')
  const admin = await openAdmin({ control, clock: systemClock(), logger: silentLogger, socketPath, tcp: undefined })
  t.teardown(() => admin.close())
  return { control, api: openControl(socketPath) }
}

t.test('users are listed without anything of their passwords', async t => {
  const { api } = await open(t)
  const { body } = await api.request('GET', '/api/v1/users')
  t.match(body, { data: [{ username: 'ann', source: 'store', scram: true }], meta: { count: 1 } })
  t.same(Object.keys((body as { data: object[] }).data[0]).sort(), ['created_at', 'scram', 'source', 'username'])
})

t.test('users are made, changed and removed, whatever characters their names have', async t => {
  const { api, control } = await open(t)
  t.match(await api.request('POST', '/api/v1/users', { username: 'a/b %', password: 'x' }), { status: 201, body: { username: 'a/b %' } })
  t.equal((await api.request('POST', '/api/v1/users/a%2Fb%20%25/password', { password: 'y' })).status, 204)
  t.equal((await api.request('DELETE', '/api/v1/users/a%2Fb%20%25')).status, 204)
  t.same(control.asked, [
    ['add', 'a/b %', 'x'],
    ['passwd', 'a/b %', 'y'],
    ['rm', 'a/b %'],
  ])
  for (const body of [undefined, {}, { username: 'a' }, { username: 1, password: 'x' }, { username: 'a', password: 'x', more: 1 }]) {
    t.match(await api.request('POST', '/api/v1/users', body), { status: 400, body: { code: 'bad-request' } })
  }
})

t.test('bans are listed, made and lifted', async t => {
  const { api, control } = await open(t)
  t.match((await api.request('GET', '/api/v1/bans')).body, {
    data: [
      { kind: 'address', value: '192.0.2.0/24', remaining_seconds: 60 },
      { kind: 'client_id', value: 'dev', remaining_seconds: undefined },
    ],
  })
  const made = await api.request('POST', '/api/v1/bans', { kind: 'username', value: 'eve', reason: 'guessing', seconds: 90 })
  t.match(made, { status: 201, body: { kind: 'username', value: 'eve', by: 'operator', remaining_seconds: 90 } })
  t.equal((await api.request('DELETE', '/api/v1/bans/address/192.0.2.0%2F24')).status, 204)
  t.same(control.asked, [
    ['ban', 'username', 'eve', 'guessing', 90_000],
    ['unban', 'address', '192.0.2.0/24'],
  ])
  for (const body of [{ kind: 'x', value: 'y' }, { kind: 'address' }, { kind: 'address', value: '1.2.3.4', seconds: 0 }, { value: 'a' }]) {
    t.match(await api.request('POST', '/api/v1/bans', body), { status: 400, body: { code: 'bad-request' } })
  }
  t.equal((await api.request('DELETE', '/api/v1/bans/color/red')).status, 400)
})
