import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { GatewayError } from '#base/errors.ts'
import { Stage } from './stage.ts'

function fileFor(t: Test, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-run-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'tidegate.toml')
  writeFileSync(file, text)
  return file
}

/** Starts a gateway and waits until it says that it is ready. */
async function ready(...words: string[]): Promise<{ stage: Stage; running: Promise<number> }> {
  const stage = new Stage()
  const running = stage.run('run', ...words)
  await stage.out.until(/tidegate ready\n/)
  return { stage, running }
}

t.test('run says "tidegate ready" once the gateway has started, and nothing else on standard output', async t => {
  const stage = new Stage()
  let start = () => {}
  stage.gateway.starting = new Promise(resolve => (start = resolve))
  const running = stage.run('run')
  await new Promise(resolve => setImmediate(resolve))
  t.equal(stage.out.text, '')
  start()
  await stage.out.until(/\n/)
  t.equal(stage.out.text, 'tidegate ready\n')
  stage.signal('SIGTERM')
  t.equal(await running, 0)
  t.equal(stage.out.text, 'tidegate ready\n')
  t.same(stage.gateway.calls, ['start', 'stop'])
})

t.test('the gateway gets its configuration, with the data directory of the command line', async t => {
  const { stage, running } = await ready('--data-dir', 'true', '--set', 'admin.bind=127.0.0.1:0')
  t.match(stage.options, { config: { gateway: { data_dir: '/somewhere/true' }, admin: { bind: { port: 0 } } }, configFile: undefined })
  stage.signal('SIGINT')
  t.equal(await running, 0)
  const file = fileFor(t, '[gateway]\ndata_dir = "data"\n')
  const second = await ready('-c', file)
  t.match(second.stage.options, { config: { gateway: { data_dir: file.replace('tidegate.toml', 'data') } }, configFile: file })
  second.stage.signal('SIGTERM')
  await second.running
})

t.test('without anything said the data is in ./tidegate-data', async t => {
  const { stage, running } = await ready()
  t.equal(stage.options?.config.gateway.data_dir, '/somewhere/tidegate-data')
  stage.signal('SIGTERM')
  await running
})

t.test('a configuration with faults keeps the gateway from starting', async t => {
  const stage = new Stage()
  const file = fileFor(t, '[gateway]\nid = 1\ndata_dir = 5\n')
  t.equal(await stage.run('run', '-c', file), 1)
  t.match(
    stage.err.text,
    new RegExp(
      `^${file}:2:\\d+: gateway\\.id: .*\n${file}:3:\\d+: gateway\\.data_dir: .*\ntidegate run: the configuration has 2 faults\n$`,
    ),
  )
  t.equal(stage.options, undefined)
})

t.test('a port that is taken is one clear line and exit code 1', async t => {
  const stage = new Stage()
  stage.gateway.starting = Promise.reject(
    new GatewayError('address-in-use', 'another program listens on 127.0.0.1:1883', { hint: 'stop it' }),
  )
  t.equal(await stage.run('run'), 1)
  t.equal(stage.err.text, 'tidegate run: another program listens on 127.0.0.1:1883 (stop it)\n')
  t.equal(stage.out.text, '')
})

t.test('a signal during the start stops the gateway once it has started, without saying that it is ready', async t => {
  const stage = new Stage()
  let start = () => {}
  stage.gateway.starting = new Promise(resolve => (start = resolve))
  const running = stage.run('run')
  await until(() => stage.gateway.calls.length > 0)
  stage.signal('SIGTERM')
  start()
  t.equal(await running, 0)
  t.same(stage.gateway.calls, ['start', 'stop'])
  t.equal(stage.out.text, '')
})

t.test('a gateway that does not stop in time is ended with 0', async t => {
  const { stage } = await ready()
  stage.gateway.stopping = new Promise(() => {})
  stage.signal('SIGTERM')
  await stage.gateway.stopCalled
  stage.clock.advance(4_499)
  t.same(stage.exits, [])
  stage.clock.advance(1)
  t.same(stage.exits, [0])
  t.match(stage.logged.at(-1), /did not stop in time/)
})

t.test('a second SIGINT ends the process at once, a second SIGTERM changes nothing', async t => {
  const { stage } = await ready()
  stage.gateway.stopping = new Promise(() => {})
  stage.signal('SIGINT')
  await stage.gateway.stopCalled
  stage.signal('SIGTERM')
  t.same(stage.exits, [])
  stage.signal('SIGINT')
  t.same(stage.exits, [130])
})

t.test('the deadline does not strike after an orderly stop', async t => {
  const { stage, running } = await ready()
  stage.signal('SIGTERM')
  t.equal(await running, 0)
  stage.clock.advance(60_000)
  t.same(stage.exits, [])
})

t.test('SIGHUP loads the configuration again', async t => {
  const file = fileFor(t, '[gateway]\ndata_dir = "/one"\n')
  const { stage, running } = await ready('-c', file)
  writeFileSync(file, '[gateway]\ndata_dir = "/two"\n')
  stage.signal('SIGHUP')
  await stage.untilLogged(/^info the configuration is loaded again/)
  t.match(stage.gateway.reloaded, [{ gateway: { data_dir: '/two' } }])
  stage.signal('SIGTERM')
  t.equal(await running, 0)
})

t.test('SIGHUP with a wrong configuration leaves the running one, and logs each fault with its place', async t => {
  const file = fileFor(t, '')
  const { stage, running } = await ready('-c', file)
  writeFileSync(file, '[gateway]\nbogus = 1\n')
  stage.signal('SIGHUP')
  await stage.untilLogged(/the running one stays/)
  t.ok(
    stage.logged.some(line => line.startsWith(`error ${file}:2:1: gateway.bogus`)),
    stage.logged.join('\n'),
  )
  t.same(stage.gateway.reloaded, [])
  stage.signal('SIGTERM')
  t.equal(await running, 0)
})

t.test('a reload that the gateway refuses is logged, and the next one works', async t => {
  const { stage, running } = await ready()
  stage.gateway.reloading = Promise.reject(new GatewayError('address-in-use', 'the new port is taken'))
  stage.signal('SIGHUP')
  await stage.untilLogged(/could not be loaded again.*the new port is taken/)
  stage.gateway.reloading = Promise.resolve()
  stage.signal('SIGHUP')
  await stage.untilLogged(/^info the configuration is loaded again/)
  stage.signal('SIGTERM')
  t.equal(await running, 0)
})

t.test('several SIGHUPs during a reload make one more', async t => {
  const { stage, running } = await ready()
  let reload = () => {}
  stage.gateway.reloading = new Promise(resolve => (reload = resolve))
  stage.signal('SIGHUP')
  await until(() => stage.gateway.reloaded.length === 1)
  for (let count = 0; count < 5; count++) stage.signal('SIGHUP')
  reload()
  await until(() => stage.gateway.reloaded.length === 2)
  stage.signal('SIGTERM')
  t.equal(await running, 0)
  t.equal(stage.gateway.reloaded.length, 2)
})

t.test('a part that dies ends the process with a clear last line', async t => {
  const { stage } = await ready()
  stage.options?.onFatal(new Error('the store worker has died'))
  t.same(stage.exits, [1])
  t.equal(stage.err.text, 'tidegate run: ends because of an error: the store worker has died\n')
})

t.test('what nobody caught ends the process with its place and a clear last line', async t => {
  const { stage } = await ready()
  stage.uncaught(new TypeError('a bug'))
  t.same(stage.exits, [1])
  t.match(stage.err.text, /TypeError: a bug\n +at .*\n(.*\n)*tidegate run: ends because of an error: a bug\n$/)
  stage.uncaught('just text')
  t.match(stage.err.text, /ends because of an error: just text\n$/)
})

t.test('a gateway goes on when nobody reads its standard output', async t => {
  const stage = new Stage()
  stage.out.broken = true
  const running = stage.run('run')
  await until(() => stage.signals.has('SIGTERM'))
  await new Promise(resolve => setImmediate(resolve))
  stage.signal('SIGTERM')
  t.equal(await running, 0)
  t.equal(stage.err.text, '')
})

/** Waits, turn by turn, for what other code is about to do. */
async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 100_000) throw new Error('it never happened')
    await new Promise(resolve => setImmediate(resolve))
  }
}
