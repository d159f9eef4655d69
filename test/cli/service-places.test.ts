import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Stage } from './stage.ts'

const SERVICE = { STATE_DIRECTORY: '/var/lib/tidegate', RUNTIME_DIRECTORY: '/run/tidegate' }

/** What a gateway is made with in this environment. */
async function places(t: Test, env: Record<string, string>, text: string, ...words: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-run-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'tidegate.toml')
  writeFileSync(file, text)
  const stage = new Stage()
  stage.env = env
  const running = stage.run('run', '-c', file, ...words)
  await stage.out.until(/tidegate ready/)
  stage.signal('SIGTERM')
  await running
  const { gateway, admin } = stage.options!.config
  return [gateway.data_dir, admin.socket]
}

t.test('as a service a configuration that names no places has those of systemd', async t => {
  t.strictSame(await places(t, SERVICE, ''), ['/var/lib/tidegate', '/run/tidegate/tidegate.sock'])
  const several = { ...SERVICE, STATE_DIRECTORY: '/var/lib/tidegate:/var/lib/more' }
  t.strictSame(await places(t, several, ''), ['/var/lib/tidegate', '/run/tidegate/tidegate.sock'])
})

t.test('what somebody has said holds', async t => {
  const file = '[gateway]\ndata_dir = "/srv/data"\n'
  t.strictSame(await places(t, SERVICE, file), ['/srv/data', '/run/tidegate/tidegate.sock'])
  t.strictSame(await places(t, SERVICE, file, '--data-dir', '/option'), ['/option', '/run/tidegate/tidegate.sock'])
  t.strictSame(await places(t, { ...SERVICE, TIDEGATE_ADMIN__SOCKET: '/x.sock' }, file), ['/srv/data', '/x.sock'])
})

t.test('folders of another service are not taken', async t => {
  const other = { STATE_DIRECTORY: '/var/lib/runner', RUNTIME_DIRECTORY: 'tidegate' }
  t.strictSame(await places(t, other, '', '--data-dir', '/option'), ['/option', undefined])
  t.match((await places(t, other, ''))[0], /tidegate-data$/)
})
