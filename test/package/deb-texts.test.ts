/** What the packages tell: manual pages, completion, the configuration file that comes with them. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { verbs } from '#cli/index.ts'
import { loadConfig } from '#config/load.ts'
import { rootSchema } from '#registry.ts'
import { bashCompletion } from '../../scripts/package/completion.ts'
import { commandPage, configPage } from '../../scripts/package/man.ts'
import { markdownAsRoff } from '../../scripts/package/roff-markdown.ts'
import { peer } from '../support/peers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ROOT } from './release.ts'

const VERSION = { version: '1.2.3', epoch: 1_790_000_000 }
const REFERENCE = readFileSync(join(ROOT, 'src/config/REFERENCE.md'), 'utf8')

/** A page as a terminal shows it, in one line; it must give no reason for warnings. */
function shown(t: Test, page: string): string | undefined {
  const man = peer(t, 'man')
  if (man === undefined) return undefined
  const file = join(temporaryFolder(t), 'page')
  writeFileSync(file, page)
  const env = { ...process.env, LC_ALL: 'C.UTF-8', MANROFFSEQ: '', MANWIDTH: '200' }
  const { stdout, stderr, status } = spawnSync(man, ['--warnings', '-E', 'UTF-8', '-l', file], { env, encoding: 'utf8' })
  t.equal(stderr, '')
  t.equal(status, 0)
  return stdout.replaceAll(/.\x08/g, '').replaceAll(/\s+/g, ' ')
}

t.test('the manual page has every command, with all its options, arguments and examples', async t => {
  const text = shown(t, commandPage(VERSION))
  if (text === undefined) return
  t.match(text, 'TIDEGATE(1)')
  t.ok(verbs.length > 10)
  for (const { name, options, positionals = [], examples = [] } of verbs) {
    t.ok(text.includes(`tidegate ${name} [OPTIONS]`), name)
    for (const [long, { placeholder }] of Object.entries(options)) {
      const head = placeholder === undefined ? `--${long}` : `--${long} ${placeholder}`
      t.ok(text.includes(head), `${name} ${head}`)
    }
    for (const each of positionals) t.ok(text.includes(each.name), `${name} ${each.name}`)
    for (const [line] of examples) t.ok(text.includes(`tidegate ${name} ${line}`.trimEnd().replaceAll(/\s+/g, ' ')), `${name}: ${line}`)
  }
})

t.test('the manual page of the configuration has every table and key of the reference', async t => {
  const text = shown(t, configPage(REFERENCE, VERSION))
  if (text === undefined) return
  const headings = [...REFERENCE.matchAll(/^### `(.+?)`(.*)$/gm)].map(([, table, more]) => `${table}${more!.replaceAll('`', '')}`)
  t.ok(headings.length > 10)
  for (const heading of headings) t.ok(text.includes(heading), heading)
  const keys = [...REFERENCE.matchAll(/^\| `([\w.]+)`/gm)].map(([, key]) => key!)
  t.ok(keys.length > 50)
  for (const key of keys) t.ok(text.includes(` ${key} `) || text.includes(` ${key}, `), key)
})

t.test('text that looks like a request or an escape is shown as it is', async t => {
  const text = shown(
    t,
    `.TH X 1\n.SH NAME\nx \\- y\n${markdownAsRoff('.br is \\fB no request\n\n`-x`, a|b\n\n| a | b |\n|---|---|\n| `.k` | x \\| y |\n')}`,
  )
  if (text === undefined) return
  t.match(text, '.br is \\fB no request')
  t.match(text, '-x, a|b')
  t.match(text, '.k x | y')
  t.throws(() => markdownAsRoff('> a quotation'), /no way to show/)
})

/** What bash offers for a command line; `|` in front of the last word is where the cursor is. */
function offered(t: Test, ...words: string[]): string[] {
  const file = join(temporaryFolder(t), 'completion')
  writeFileSync(file, bashCompletion())
  const script = `source '${file}'; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tidegate; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', 'tidegate', ...words], { encoding: 'utf8', cwd: ROOT })
  t.equal(stderr, '')
  return stdout.split('\n').filter(line => line !== '')
}

t.test('bash completes commands, options and their values', async t => {
  t.strictSame(offered(t, 'sta'), ['status'])
  t.strictSame(offered(t, '').sort(), [...verbs.map(verb => verb.name), 'help', '--help', '--version'].sort())
  t.strictSame(offered(t, 'run', '--log-'), ['--log-level', '--log-format'])
  t.strictSame(offered(t, 'run', '--log-level', 'w'), ['warn'])
  t.strictSame(offered(t, 'run', '--log-level', '='), ['debug', 'info', 'warn', 'error'])
  t.strictSame(offered(t, 'run', '--log-level', '=', 'e'), ['error'])
  t.strictSame(offered(t, 'check', '-c', 'package.j'), ['package.json'])
  t.strictSame(offered(t, 'run', '--data-dir', 'scr'), ['scripts'])
  t.strictSame(offered(t, 'run', '--set', ''), [], 'nobody knows')
  t.strictSame(offered(t, 'help', 'ki'), ['kick'])
  t.strictSame(offered(t, 'ban', ''), ['add', 'rm', 'ls'])
  t.strictSame(offered(t, 'serial', 'sn'), ['sniff'])
  t.strictSame(offered(t, 'user', '--data-dir', 'x', 'p'), ['passwd'], 'the value of an option is no argument')
  t.strictSame(offered(t, '--version', ''), ['--json'])
  t.strictSame(offered(t, 'nonsense', ''), [])
  for (const { name, options } of verbs) {
    t.strictSame(offered(t, name, '--').sort(), [...Object.keys(options).map(long => `--${long}`), '--help'].sort(), name)
  }
})

const CONFIG = readFileSync(join(ROOT, 'scripts/package/debian/tidegate.toml'), 'utf8')

function loaded(text: string) {
  const readFile = (path: string) => (path.endsWith('.pass') ? 'secret' : text)
  const inputs = { schema: rootSchema, file: '/etc/tidegate/tidegate.toml', env: {}, sets: [], folder: '/', readFile }
  return loadConfig({ ...inputs, modeOf: () => 0o600, nowMs: undefined })
}

function faultsOf(text: string): string[] {
  return loaded(text).faults.map(fault => `${fault.key}: ${fault.message}`)
}

t.test('the configuration that comes with the package is right, listens on loopback only, and so is each example in it', async t => {
  t.strictSame(faultsOf(CONFIG), [])
  t.notMatch(CONFIG.replaceAll(/^#.*$/gm, ''), /0\.0\.0\.0|\[::\]/)
  for (const { bind } of Object.values(loaded(CONFIG).config?.listeners ?? {})) {
    if ('port' in bind)
      t.match(CONFIG, new RegExp(`on ${bind.host}:${bind.port}\\b`), 'it tells of the listeners that are there without any')
  }
  const examples = CONFIG.split(/\n\n(?=#)/).filter(block => /^#\[/m.test(block))
  t.ok(examples.length >= 4, `${examples.length} examples`)
  for (const block of examples) {
    const uncommented = block.replaceAll(/^#(?! )/gm, '')
    t.match(uncommented, /^\[/m)
    t.strictSame(faultsOf(`${CONFIG}\n${uncommented}`), [], block.split('\n')[0])
  }
  t.strictSame(faultsOf(CONFIG.replaceAll(/^#(?! |$)/gm, '').replaceAll(/^#$/gm, '')), [], 'all of them together')
})
