/**
 * Builds the program: `dist/tidegate` (a launcher), `dist/tidegate.cjs` and, for the store's thread,
 * `dist/store-worker.cjs`. Native packages stay outside and are found in node_modules.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build as bundle } from 'esbuild'
import { RUNTIME_FLAGS } from './runtime-flags.ts'

const ENTRIES = { tidegate: 'src/main.ts', 'store-worker': 'src/store/worker.ts' }
const NATIVE = ['better-sqlite3', '@serialport/bindings-cpp']

/**
 * Builds the checkout at `root` into its `dist/`. Returns the entries that do not exist; the others are built.
 * @throws when a bundle cannot be made; esbuild has printed why
 */
export async function build(root: string): Promise<string[]> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const present = Object.entries(ENTRIES).filter(([, source]) => existsSync(join(root, source)))
  mkdirSync(join(root, 'dist'), { recursive: true })
  await bundle({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(present),
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    sourcemap: 'linked',
    minifySyntax: true,
    legalComments: 'none',
    external: NATIVE,
    define: { TIDEGATE_VERSION: JSON.stringify(version), TIDEGATE_COMMIT: JSON.stringify(commitOf(root)) },
    logLevel: 'warning',
  })
  writeLauncher(root)
  return Object.values(ENTRIES).filter(source => !existsSync(join(root, source)))
}

/** The commit that is checked out, marked when files differ from it; `unknown` without git. */
function commitOf(root: string): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD')
    return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}-modified`
  } catch {
    return 'unknown'
  }
}

/** Written last and moved into place: its age says when all of `dist/` was complete. */
function writeLauncher(root: string): void {
  const text = readFileSync(join(import.meta.dirname, 'launcher.sh'), 'utf8').replace('@FLAGS@', RUNTIME_FLAGS.join(' '))
  const fresh = join(root, 'dist', `tidegate.${process.pid}`)
  writeFileSync(fresh, text)
  chmodSync(fresh, 0o755)
  renameSync(fresh, join(root, 'dist', 'tidegate'))
}

if (import.meta.main) {
  const missing = await build(join(import.meta.dirname, '..')).catch(error => {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  })
  for (const source of missing) console.error(`build: ${source} does not exist: the program is not complete`)
  process.exitCode = missing.length > 0 ? 1 : 0
}
