/** The benchmark as it is started, with a fake server in place of the real ones. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { processTree } from '../../scripts/bench/usage.ts'

const MAIN = join(import.meta.dirname, '../../scripts/bench/main.ts')
const FAKE = join(import.meta.dirname, 'bench-fake-server.ts')
const WAIT_MS = 20

/** A folder of this run's own, and in it the one that the benchmark may use. */
function folders(t: Test): { folder: string; runs: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-bench-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const runs = join(folder, 'runs')
  mkdirSync(runs)
  return { folder, runs }
}

function start(t: Test, runs: string, args: string[]): ChildProcess {
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...env, TMPDIR: runs }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGTERM'))
  return child
}

const fake = (more = '') => ['--servers', 'fake', '--extra', `fake='${process.execPath}' '${FAKE}' {port} ${more}`]

t.test('a run from end to end: table, JSON, and nothing left behind', async t => {
  const { folder, runs } = folders(t)
  const json = join(folder, 'result.json')
  const options = ['--quick', '--duration', '0.2', '--warmup', '0.1', '--scenarios', 'qos1-1to1,kill-flow', '--json', json]
  const child = start(t, runs, [...options, ...fake()])
  const [out, complaints, [status]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')])
  t.equal(status, 0, complaints)
  t.match(out, /^qos1-1to1: .+\nserver +msg\/s.+\nfake +[\d,]+/m)
  const { scenarios } = JSON.parse(readFileSync(json, 'utf8'))
  t.match(scenarios[0], {
    name: 'qos1-1to1',
    servers: { fake: { medians: { lost: 0, duplicated: 0, reordered: 0, foreign: 0 }, failures: [] } },
  })
  t.ok(scenarios[0].servers.fake.medians.delivered > 0)
  // The fake keeps sessions in memory only: the kill must cost everything that it had acknowledged.
  const { expected, lost, sessionsPresent, restartMs } = scenarios[1].servers.fake.medians
  t.ok(expected >= 5000 && lost === expected, `${lost} of ${expected} lost`)
  t.equal(sessionsPresent, 0)
  t.ok(restartMs > 0)
  t.strictSame(readdirSync(runs), [])
})

t.test('a server that does not start is reported with its log, and the status says so', async t => {
  const { runs } = folders(t)
  const child = start(t, runs, ['--quick', '--scenarios', 'storm', '--servers', 'bad', '--extra', 'bad=echo no {port} today'])
  const [out, complaints, [status]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')])
  t.equal(status, 1)
  t.match(complaints, /bad: bad ended at its start: no \d+ today/)
  t.match(out, /bad: 1 failed/)
  t.strictSame(readdirSync(runs), [])
})

t.test('Ctrl-C ends the run, the server and the generator, and clears up', async t => {
  const { folder, runs } = folders(t)
  const pidFile = join(folder, 'pid')
  const child = start(t, runs, ['--duration', '600', '--scenarios', 'qos0-1to1', ...fake(pidFile)])
  const exited = once(child, 'exit')
  // Server and generator are both there.
  while (child.exitCode === null && (!existsSync(pidFile) || processTree(child.pid!).length < 3))
    await new Promise(go => setTimeout(go, WAIT_MS))
  const pids = processTree(child.pid!)
  t.ok(pids.includes(Number(readFileSync(pidFile, 'utf8'))))
  child.kill('SIGINT')
  t.strictSame(await exited, [130, null])
  t.strictSame(pids.flatMap(processTree), [])
  t.strictSame(readdirSync(runs), [])
})

t.test('a wrong command line is refused before anything starts', async t => {
  const child = start(t, folders(t).runs, ['--scenarios', 'qos9'])
  const [complaints, [status]] = await Promise.all([text(child.stderr!), once(child, 'exit')])
  t.equal(status, 2)
  t.match(complaints, /^bench: no scenario is called qos9/)
})
