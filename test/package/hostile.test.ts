/** The executable where everything around it is hostile: files beside it, environment, file systems. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { peer } from '../support/peers.ts'
import { plainEnvironment, runToEnd } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { HostileFolder } from './hostile-folder.ts'
import { liveAndDie } from './life.ts'
import { executable, ROOT } from './release.ts'

const TIMEOUT_MS = 240_000
t.setTimeout(2 * TIMEOUT_MS)

const NOEXEC_HOME = 'mount -t tmpfs -o noexec,nosuid tmpfs "$HOME"'
/** Every place that addons are put into. */
const NOEXEC_EVERYWHERE = ['"$HOME"', '/dev/shm', '/tmp', '/var/tmp'].map(folder => `mount -t tmpfs -o noexec tmpfs ${folder}`)

function hostileFolder(t: Test): HostileFolder | undefined {
  const file = executable(t, process.arch as 'x64' | 'arm64')
  if (file === undefined || peer(t, 'unshare') === undefined) return undefined
  return new HostileFolder(temporaryFolder(t), file)
}

t.test('the traps are real: a plain Node falls into them', async t => {
  const hostile = hostileFolder(t)
  if (hostile === undefined) return
  const env = plainEnvironment(hostile.environment)
  execFileSync(process.execPath, ['-e', "require('better-sqlite3')"], { cwd: hostile.folder, env })
  t.match(hostile.intruders, /evil\.cjs\n(.*\n)*evil\.mjs\n(.*\n)*.*better-sqlite3/)
})

t.test('amid foreign code, on a noexec home and in a read-only folder, all that is inside works', { timeout: TIMEOUT_MS }, async t => {
  const hostile = hostileFolder(t)
  if (hostile === undefined) return
  const readOnly = [`mount --bind '${hostile.folder}' '${hostile.folder}'`, `mount -o remount,ro,bind '${hostile.folder}'`]
  const program = hostile.wrapper([NOEXEC_HOME, ...readOnly, `cd '${hostile.folder}'`, 'if touch written 2>/dev/null; then exit 9; fi'])
  const version = await runToEnd(program, ['--version'], { folder: hostile.folder })
  t.match(version, { code: 0, stderr: '', stdout: /^tidegate \d\S* \(commit \S+, Node \S+, SQLite \S+\)\n$/ })
  await liveAndDie(t, { program, folder: hostile.folder })
  t.equal(hostile.intruders, '', 'no foreign code has run')
})

t.test('the test of the first success, with the executable in hostile surroundings', { timeout: TIMEOUT_MS }, async t => {
  const hostile = hostileFolder(t)
  if (hostile === undefined) return
  const env = { ...process.env, TIDEGATE_BINARY: hostile.wrapper([NOEXEC_HOME]) }
  await t.spawn(process.execPath, [join(ROOT, 'test/e2e/first-success.test.ts')], { cwd: ROOT, env }, 'first-success')
  t.equal(hostile.intruders, '', 'no foreign code has run')
})

t.test('where nothing may be executed, the start ends with one clear line', async t => {
  const hostile = hostileFolder(t)
  if (hostile === undefined) return
  // The folder itself may lie below one of those that are hidden.
  const keep = [`mkdir -p /mnt && mount --bind '${hostile.folder}' /mnt`]
  const program = hostile.wrapper([...keep, ...NOEXEC_EVERYWHERE, 'cd /mnt', 'exec ./tidegate "$@"'])
  const { code, stdout, stderr } = await runToEnd(program, ['run', '--data-dir', '/mnt/data'])
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, /^tidegate run: the native part better-sqlite3 can be loaded from nowhere: .*CACHE_DIRECTORY[^\n]*\n$/)
})
