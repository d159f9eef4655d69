import t from 'tap'
import { adminSchema } from '#admin/config.ts'
import { table } from '#base/schema.ts'
import { loadConfig } from '#config/load.ts'

const schema = table({ admin: adminSchema }, { description: 'all' })

function load(...sets: string[]) {
  return loadConfig({ schema, env: {}, sets, folder: '/here', readFile: () => '' })
}

t.test('without anything said, probes and metrics are served on loopback', async t => {
  const { config, faults } = load()
  t.same(faults, [])
  t.same(config?.admin, { bind: { host: '127.0.0.1', port: 18083 } })
})

t.test('TCP can be turned off, moved on loopback, and the socket moved', async t => {
  t.equal(load('admin.bind=off').config?.admin.bind, 'off')
  t.same(load('admin.bind=[::1]:0').config?.admin.bind, { host: '::1', port: 0 })
  t.equal(load('admin.socket=run/t.sock').config?.admin.socket, '/here/run/t.sock')
})

for (const bind of ['0.0.0.0:18083', '[::]:18083', '192.0.2.1:80', 'gateway.example:80']) {
  t.test(`${bind} is refused: nobody could log in there`, async t => {
    const { config, faults } = load(`admin.bind=${bind}`)
    t.equal(config, undefined)
    t.match(faults, [{ key: 'admin.bind', message: 'may not go beyond loopback without tls and users' }])
  })
}

for (const bind of ['on', '18083', '127.0.0.1', 'true']) {
  t.test(`${bind} is no address`, async t => {
    t.match(load(`admin.bind=${bind}`).faults, [{ key: 'admin.bind' }])
  })
}
