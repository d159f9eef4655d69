import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { GatewayError } from '#base/errors.ts'
import { Stage } from './stage.ts'

t.test('the service manager hears of readiness when the gateway has started, and of the stop when it begins', async t => {
  const stage = new Stage()
  let start = () => {}
  stage.gateway.starting = new Promise(resolve => (start = resolve))
  const running = stage.run('run')
  while (stage.gateway.calls.length === 0) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(stage.told, ['starting'])
  start()
  await stage.out.until(/tidegate ready/)
  t.strictSame(stage.told, ['starting', 'ready'])
  stage.gateway.stopping = new Promise(() => {})
  stage.signal('SIGTERM')
  await stage.gateway.stopCalled
  t.strictSame(stage.told, ['starting', 'ready', 'stopping'])
  stage.clock.advance(10_000)
  void running
})

t.test('a start that fails is told with its reason, and a reload asked for meanwhile does not say READY', async t => {
  const stage = new Stage()
  let fail = (_error: Error) => {}
  stage.gateway.starting = new Promise((_resolve, reject) => (fail = reject))
  const running = stage.run('run')
  while (!stage.signals.has('SIGHUP')) await new Promise(resolve => setImmediate(resolve))
  stage.signal('SIGHUP')
  fail(new GatewayError('address-in-use', 'the port is taken'))
  t.equal(await running, 1)
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(stage.told, ['starting', 'failed: the port is taken'])
})

t.test('each reload has its beginning and its end, with a complaint where the old configuration stays', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-run-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'tidegate.toml')
  writeFileSync(file, '')
  const stage = new Stage()
  const running = stage.run('run', '-c', file)
  await stage.out.until(/tidegate ready/)
  stage.signal('SIGHUP')
  await stage.untilLogged(/is loaded again/)
  await new Promise(resolve => setImmediate(resolve))
  writeFileSync(file, 'bogus = 1\n')
  stage.signal('SIGHUP')
  await stage.untilLogged(/the new configuration is wrong/)
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(stage.told.slice(2), [
    'reloading',
    'reloaded',
    'reloading',
    'reloaded: the new configuration is wrong, the running one stays',
  ])
  stage.signal('SIGTERM')
  t.equal(await running, 0)
})

t.test('a part that dies is told to the service manager too', async t => {
  const stage = new Stage()
  void stage.run('run')
  await stage.out.until(/tidegate ready/)
  stage.options?.onFatal(new Error('the store worker has died'))
  t.equal(stage.told.at(-1), 'failed: the store worker has died')
})
