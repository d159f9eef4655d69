import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { build } from '../../scripts/build.ts'
import { installAddons } from '../../scripts/native-addons.ts'
import { RUNTIME_FLAGS } from '../../scripts/runtime-flags.ts'

const MAIN = `
import { name } from '#base/name.ts'
declare const TIDEGATE_COMMIT: string
declare const TIDEGATE_VERSION: string
const said: object = { name, commit: TIDEGATE_COMMIT, version: TIDEGATE_VERSION, args: process.argv.slice(2), flags: process.execArgv, node: process.version, env: process.env }
console.log(JSON.stringify(said))
`
const WORKER = `
import { join } from 'node:path'
import Database from 'better-sqlite3'
declare const TIDEGATE_SQLITE: string
const addon = { exports: {} }
process.dlopen(addon, join(__dirname, 'native/better-sqlite3.node'))
const database = new Database(':memory:', { nativeBinding: addon.exports as string & object })
console.log(TIDEGATE_SQLITE, database.prepare('SELECT sqlite_version()').pluck().get())
`

/** A checkout in a folder whose name has a space, with this project's packages. */
function checkout(t: Test, withWorker = true): string {
  const root = join(mkdtempSync(join(tmpdir(), 'tidegate-')), 'a checkout')
  t.teardown(() => rmSync(join(root, '..'), { recursive: true }))
  mkdirSync(join(root, 'src/base'), { recursive: true })
  mkdirSync(join(root, 'src/store'))
  cpSync('package.json', join(root, 'package.json'))
  symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'))
  writeFileSync(join(root, 'src/main.ts'), MAIN)
  writeFileSync(join(root, 'src/base/name.ts'), "export const name: string = 'throwaway'")
  if (withWorker) writeFileSync(join(root, 'src/store/worker.ts'), WORKER)
  return root
}

function run(program: string, args: string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: 'utf8', ...options })
  return { stderr, status, said: stdout === '' ? undefined : JSON.parse(stdout) }
}

t.test('the program runs from anywhere, on the pinned runtime, with the arguments as they were given', async t => {
  const root = checkout(t)
  t.strictSame(await build(root), [])
  const program = join(root, 'dist/tidegate')
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const args = ['run', '--set', 'a b="c d"', '', '*', '$HOME']
  const expected = { name: 'throwaway', commit: 'unknown', version, args, flags: RUNTIME_FLAGS, node: process.version }
  t.match(run(program, args, { cwd: '/' }).said, expected)
  t.match(run('./tidegate', args, { cwd: join(root, 'dist') }).said, expected)
  t.match(run('sh', ['tidegate', ...args], { cwd: join(root, 'dist') }).said, expected)
  mkdirSync(join(root, 'bin'))
  symlinkSync('../dist/tidegate', join(root, 'bin/inner'))
  symlinkSync(join(root, 'bin/inner'), join(root, 'outer'))
  t.match(run(join(root, 'outer'), args, { cwd: '/' }).said, expected, 'by two links, one relative')
  t.match(run('outer', args, { cwd: '/', env: { PATH: `${root}:/usr/bin:/bin` } }).said, expected, 'found in PATH')
})

t.test('the program sees the environment as it is', async t => {
  const root = checkout(t)
  await build(root)
  const env = { PATH: '/usr/bin:/bin', A: '1', tidegate: 'x', NODE_NO_WARNINGS: '1' }
  // By way of `env -i`: tap adds to the environment of whatever a test starts.
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const { PWD, OLDPWD, SHLVL, _, ...seen } = run('env', ['-i', ...assignments, join(root, 'dist/tidegate')], { cwd: '/' }).said.env
  t.strictSame(seen, env, 'but for what the shell itself keeps there')
})

t.test('the store worker is a bundle of its own with SQLite inside, which needs only its addon', async t => {
  const root = checkout(t)
  await build(root)
  // By itself, with no packages in sight.
  const alone = mkdtempSync(join(tmpdir(), 'tidegate-'))
  t.teardown(() => rmSync(alone, { recursive: true }))
  cpSync(join(root, 'dist'), alone, { recursive: true })
  const said = execFileSync(process.execPath, [join(alone, 'store-worker.cjs')], { encoding: 'utf8', cwd: '/' })
  t.match(said, /^(\d+\.\d+\.\d+) \1\n$/, 'SQLite is the one that was noted when the bundle was made')
  for (const name of ['tidegate', 'store-worker']) t.ok(existsSync(join(root, `dist/${name}.cjs.map`)), `source map of ${name}`)
})

t.test('an addon that a running gateway has mapped is replaced, never overwritten', async t => {
  const root = checkout(t)
  await build(root)
  const addon = join(root, 'dist/native/serialport.node')
  const first = statSync(addon).ino
  await build(root)
  t.equal(statSync(addon).ino, first, 'the same stays')
  const held = openSync(addon, 'r')
  t.teardown(() => closeSync(held))
  const before = fstatSync(held).size
  writeFileSync(`${addon}.old`, 'of another version')
  renameSync(`${addon}.old`, addon)
  await build(root)
  t.equal(statSync(addon).size, before, 'another one is made anew')
  t.equal(fstatSync(held).size, before)
})

t.test('an own addon that cannot be compiled is left out, with a line that says so', async t => {
  const root = checkout(t)
  mkdirSync(join(root, 'src/system/native'), { recursive: true })
  writeFileSync(join(root, 'src/system/native/notify.c'), '#error not for this machine\n')
  const [fault, ...more] = installAddons(root, join(root, 'dist/native'))
  t.match(fault, /^src\/system\/native\/notify\.c is left out: /)
  t.strictSame(more, [])
  t.notOk(existsSync(join(root, 'dist/native/notify.node')))
  t.ok(existsSync(join(root, 'dist/native/better-sqlite3.node')))
})

t.test('an entry that does not exist is reported, the other is built', async t => {
  const root = checkout(t, false)
  t.strictSame(await build(root), ['src/store/worker.ts'])
  t.equal(run(join(root, 'dist/tidegate'), [], { cwd: '/' }).status, 0)
})

t.test('a fault in the source fails the build', async t => {
  const root = checkout(t)
  writeFileSync(join(root, 'src/base/name.ts'), 'export const other = 1')
  const { status, stderr } = spawnSync(
    process.execPath,
    ['-e', `import('${join(process.cwd(), 'scripts/build.ts')}').then(m => m.build(${JSON.stringify(root)}))`],
    {
      encoding: 'utf8',
    },
  )
  t.not(status, 0)
  t.match(stderr, /name/)
  t.notOk(existsSync(join(root, 'dist/tidegate')))
})

t.test('the commit is embedded, and marked when the source differs from it', async t => {
  const root = checkout(t)
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t.invalid', ...args], { cwd: root, encoding: 'utf8' }).trim()
  git('init', '--quiet')
  git('add', 'src')
  git('commit', '--quiet', '-m', 'first')
  const commit = git('rev-parse', '--short=12', 'HEAD')
  await build(root)
  t.equal(run(join(root, 'dist/tidegate'), [], { cwd: '/' }).said.commit, commit)
  writeFileSync(join(root, 'src/base/name.ts'), "export const name: string = 'changed'")
  await build(root)
  t.equal(run(join(root, 'dist/tidegate'), [], { cwd: '/' }).said.commit, `${commit}-modified`)
})

t.test('without the runtime package the program says what to do', async t => {
  const root = checkout(t)
  await build(root)
  rmSync(join(root, 'node_modules'))
  const { status, stderr } = run(join(root, 'dist/tidegate'), [], { cwd: '/' })
  t.equal(status, 1)
  t.match(stderr, /^tidegate: the runtime .+ is missing: run npm ci in .+a checkout/)
  t.equal(stderr.trim().split('\n').length, 1)
})
