/** The files of a small Debian machine with systemd, made once and kept outside of the checkout. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { peer } from '../support/peers.ts'

const SUITE = 'trixie'
/** What the package depends on is there already: a test needs no network once the tree is made. */
const PACKAGES = ['systemd', 'systemd-sysv', 'udev', 'libstdc++6', 'man-db', 'bash-completion', 'procps']
/** Debian mends what it has released; an old tree is made anew. */
const AGE_MAX_MS = 60 * 24 * 3600_000

const NEEDS_ROOT = 'a machine of its own takes root'

interface Judge {
  fail(message: string): unknown
  pass(message: string, extra: { skip: string }): unknown
}

/**
 * The tree's folder, not to be written to. Undefined when it cannot be made here; then the test has been marked as
 * skipped, or as failed where CI=true.
 */
export function machineTree(t: Judge): string | undefined {
  if (process.getuid?.() !== 0) {
    if (process.env['CI'] === 'true') t.fail(NEEDS_ROOT)
    else t.pass('a machine', { skip: NEEDS_ROOT })
    return undefined
  }
  const mmdebstrap = peer(t, 'mmdebstrap')
  if (mmdebstrap === undefined) return undefined
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tidegate-tests')
  const name = createHash('sha256')
    .update([SUITE, process.arch, ...PACKAGES].join(' '))
    .digest('hex')
    .slice(0, 16)
  const tree = join(cache, `machine-${name}`)
  mkdirSync(cache, { recursive: true })
  // One makes it while others wait.
  const lock = join(cache, 'lock')
  const made = spawnSync('flock', [lock, process.execPath, import.meta.filename, mmdebstrap, tree], { encoding: 'utf8' })
  if (made.status === 0) return tree
  t.fail(`mmdebstrap: ${made.stderr}`)
  return undefined
}

function makeTree(mmdebstrap: string, tree: string): number {
  if (existsSync(tree) && Date.now() - statSync(tree).mtimeMs < AGE_MAX_MS) return 0
  const fresh = `${tree}.part`
  for (const old of [fresh, tree]) rmSync(old, { recursive: true, force: true })
  const words = ['--quiet', '--mode=root', '--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, fresh]
  const { status } = spawnSync(mmdebstrap, words, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0 || readdirSync(fresh).length === 0) return 1
  renameSync(fresh, tree)
  return 0
}

if (import.meta.main) process.exitCode = makeTree(process.argv[2]!, process.argv[3]!)
