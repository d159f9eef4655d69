/** What `npm run package` makes, and how. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import t, { type Test } from 'tap'
import { commitOf, sqliteVersion } from '../../scripts/bundle.ts'
import type { Arch } from '../../scripts/native-addons.ts'
import { placeBaseRuntime } from '../../scripts/package/base-runtime.ts'
import { wrapBundle, writeCodeCache } from '../../scripts/package/code-cache.ts'
import { byPkg, plainly, type Staged } from '../../scripts/package/executable.ts'
import { makeRelease, tooLarge } from '../../scripts/package/main.ts'
import { readConfig } from '../../scripts/package/sea-config.ts'
import { RUNTIME_FLAGS } from '../../scripts/runtime-flags.ts'
import { plainEnvironment, runToEnd } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { HostileFolder } from './hostile-folder.ts'
import { executable, RELEASE, ROOT } from './release.ts'

const TIMEOUT_MS = 300_000
t.setTimeout(2 * TIMEOUT_MS)
const HERE = process.arch as Arch

t.test('the executable says what it is', async t => {
  const program = executable(t, HERE)
  if (program === undefined) return
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const { code, stdout } = await runToEnd(program, ['--version', '--json'])
  t.equal(code, 0)
  const said = JSON.parse(stdout)
  t.match(said, { version, node: process.versions.node, sqlite: sqliteVersion(ROOT) })
  t.equal(said.commit.split('-')[0], commitOf(ROOT).split('-')[0])
})

t.test('a release is whole: sums, sizes, and a valid bill of what is inside', async t => {
  if (executable(t, HERE) === undefined) return
  t.strictSame(tooLarge(RELEASE), [], 'nothing is larger than 115 MB')
  const sums = readFileSync(join(RELEASE, 'SHA256SUMS'), 'utf8')
  const named = [...sums.matchAll(/ {2}(.+)$/gm)].map(([, name]) => name)
  t.strictSame(
    named,
    readdirSync(RELEASE)
      .filter(name => name !== 'SHA256SUMS')
      .sort(),
    'each file has its sum',
  )
  for (const name of ['tidegate-linux-arm64', 'tidegate-linux-x64']) t.ok(named.includes(name), name)
  execFileSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: RELEASE })
  const bill = readFileSync(join(RELEASE, named.find(name => name?.endsWith('.cdx.json'))!), 'utf8')
  t.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(bill), null, 'valid CycloneDX 1.6')
  const names = (JSON.parse(bill) as { components: { name: string }[] }).components.map(({ name }) => name)
  for (const name of ['better-sqlite3', 'serialport', 'sqlite', 'node', 'toml-eslint-parser'])
    t.ok(names.includes(name), `${name} is listed`)
  for (const name of ['esbuild', 'tap', '@yao-pkg/pkg', 'mqtt']) t.notOk(names.includes(name), `${name} is not inside, and not listed`)
})

t.test('the executable needs nothing of a machine but glibc and libstdc++ of bookworm', async t => {
  for (const arch of ['x64', 'arm64'] as const) {
    const file = executable(t, arch)
    if (file === undefined) return
    const dynamic = execFileSync('readelf', ['--dynamic', '--wide', file], { encoding: 'utf8' })
    const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name!)
    t.ok(needed.length > 3)
    t.strictSame(
      needed.filter(name => !/^(lib(c|m|dl|pthread|stdc\+\+|gcc_s)\.so\.\d|ld-linux-.*)$/.test(name)),
      [],
      arch,
    )
  }
})

t.test('the same source makes the same bytes in another folder', { timeout: TIMEOUT_MS }, async t => {
  if (executable(t, HERE) === undefined) return
  const sums = async (name: string) => {
    const copy = checkout(join(temporaryFolder(t), name))
    const { folder } = await makeRelease(copy, { debs: false })
    return readFileSync(join(folder, 'SHA256SUMS'), 'utf8')
  }
  const first = await sums('one')
  t.match(first, /tidegate-linux-arm64\n(.*\n)*.*tidegate-linux-x64\n/)
  t.equal(await sums('and another'), first)
})

/** The files of this checkout elsewhere, with its packages. */
function checkout(folder: string): string {
  mkdirSync(folder, { recursive: true })
  for (const name of ['src', 'scripts', 'firmware-profiles', 'package.json', 'package-lock.json', 'pkg.config.json']) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

const PROBE = `
const { isMainThread, Worker } = require('node:worker_threads')
const sea = require('node:sea')
if (isMainThread) new Worker(sea.getAsset('worker', 'utf8'), { eval: true })
console.log(JSON.stringify({ flags: process.execArgv, sea: sea.isSea(), args: process.argv.slice(2) }))
`

/** A small program, staged as the real one is. */
function stage(t: Test): Staged {
  const folder = temporaryFolder(t)
  const [target] = readConfig(ROOT).targets.filter(({ arch }) => arch === HERE)
  const { seaConfig } = readConfig(ROOT)
  writeFileSync(join(folder, seaConfig.main), PROBE)
  writeFileSync(join(folder, 'worker.cjs'), "console.error('worker', require('node:sea').isSea())")
  const base = join(folder, 'node')
  placeBaseRuntime(ROOT, HERE, base)
  return { target: target!, folder, base, output: join(folder, 'made'), seaConfig: { ...seaConfig, assets: { worker: 'worker.cjs' } } }
}

const CACHE_PROBE = `
const { getAsset, getRawAsset } = require('node:sea')
const { Script } = require('node:vm')
const script = new Script(getAsset('bundle', 'utf8'), { cachedData: new Uint8Array(getRawAsset('cache')) })
console.log(script.cachedDataRejected, script.runInThisContext()({}, require))
`

t.test('the code cache that is made for an executable is one that it takes', { timeout: TIMEOUT_MS }, async t => {
  const staged = stage(t)
  const { folder, base, seaConfig } = staged
  const file = (name: string) => join(folder, name)
  const bundle = (answer: string) => `if (process.argv.includes('check')) process.exit(0)\nreturn '${answer}'\n//# sourceMappingURL=x\n`
  writeFileSync(file('bundle.cjs'), bundle('…'))
  t.throws(() => wrapBundle(file('bundle.cjs')), /needs two bytes.*return/)
  writeFileSync(file('bundle.cjs'), bundle('20 °C'))
  wrapBundle(file('bundle.cjs'))
  writeCodeCache(HERE, base, file('bundle.cjs'), file('cache'), folder)
  const first = readFileSync(file('cache'))
  rmSync(file('empty'), { recursive: true })
  writeCodeCache(HERE, base, file('bundle.cjs'), file('cache'), folder)
  t.ok(readFileSync(file('cache')).equals(first), 'the same each time')
  writeFileSync(file(seaConfig.main), CACHE_PROBE)
  await plainly({ ...staged, seaConfig: { ...seaConfig, assets: { bundle: 'bundle.cjs', cache: 'cache' } } })
  t.equal(execFileSync(staged.output, { encoding: 'utf8' }), 'false 20 °C\n', 'not rejected')
})

t.test('pkg and the plain way make the same bytes, and neither listens to NODE_OPTIONS', { timeout: TIMEOUT_MS }, async t => {
  const [one, other] = [stage(t), stage(t)]
  await byPkg(one, ROOT)
  await plainly(other)
  t.ok(readFileSync(one.output).equals(readFileSync(other.output)), 'the same bytes')
  t.ok((statSync(other.output).mode & 0o111) !== 0, 'executable')
  const hostile = new HostileFolder(temporaryFolder(t), one.output)
  const { status, stdout, stderr } = spawnSync(hostile.program, ['--require', 'x', '-e'], {
    cwd: hostile.folder,
    env: plainEnvironment(hostile.environment),
    encoding: 'utf8',
  })
  t.equal(status, 0)
  t.strictSame(JSON.parse(stdout), { flags: RUNTIME_FLAGS, sea: true, args: ['--require', 'x', '-e'] })
  t.equal(stderr, 'worker true\n')
  t.equal(hostile.intruders, '')
})

t.test('where pkg fails the plain way is taken', { timeout: TIMEOUT_MS }, async t => {
  const staged = stage(t)
  const broken = { ...staged, target: { ...staged.target, nodeVersion: '24' } }
  await t.rejects(byPkg(broken, ROOT), 'an inexact version would make pkg ask the network')
  await plainly(broken)
  t.equal(spawnSync(staged.output, { encoding: 'utf8' }).status, 0)
})
