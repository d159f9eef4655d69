/**
 * The bundles that the program consists of, the same for a checkout's `dist/` and for the executable: one CommonJS
 * file for the program, one for the store's thread. Packages are inside; of native ones only the JavaScript, for the
 * addons come by `src/system/native-addons.ts`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'

const ENTRIES = { tidegate: 'src/main.ts', 'store-worker': 'src/store/worker.ts' }

export interface Bundled {
  /** Entries that do not exist; the others are bundled. */
  missing: string[]
  metafile: Metafile
}

/** Lines of a compact bundle are about so long, that a stack trace may still name a place. */
const LINE_CHARS = 160

/**
 * Bundles the checkout at `root` into `outdir`, which counts from there. A compact bundle is the same without comments
 * and blanks.
 * @throws when a bundle cannot be made; esbuild has printed why
 */
export async function bundle(root: string, outdir: string, { compact = false } = {}): Promise<Bundled> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const present = Object.entries(ENTRIES).filter(([, source]) => existsSync(join(root, source)))
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(present),
    outdir,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    sourcemap: 'linked',
    minifySyntax: true,
    ...(compact ? { minifyWhitespace: true, lineLimit: LINE_CHARS } : {}),
    legalComments: 'none',
    metafile: true,
    // Paths in the bundle are those below the checkout, wherever its packages really lie.
    preserveSymlinks: true,
    plugins: [addonOfSerialport(root)],
    define: {
      TIDEGATE_VERSION: JSON.stringify(version),
      TIDEGATE_COMMIT: JSON.stringify(commitOf(root)),
      TIDEGATE_SQLITE: JSON.stringify(sqliteVersion(root)),
    },
    logLevel: 'warning',
  })
  return { missing: Object.values(ENTRIES).filter(source => !existsSync(join(root, source))), metafile }
}

/** serialport asks `node-gyp-build` for its addon, which would search folders that a bundle does not have. */
function addonOfSerialport(root: string): Plugin {
  const contents = "import { loadAddon } from '#system/native-addons.ts'\nmodule.exports = () => loadAddon('serialport')\n"
  return {
    name: 'addon-of-serialport',
    setup(setup) {
      setup.onResolve({ filter: /^node-gyp-build$/ }, () => ({ path: 'serialport', namespace: 'addon' }))
      setup.onLoad({ filter: /.*/, namespace: 'addon' }, () => ({ contents, resolveDir: join(root, 'src'), loader: 'js' }))
    },
  }
}

/** The commit that is checked out, marked when files differ from it; `unknown` without git. */
export function commitOf(root: string): string {
  try {
    const commit = git(root, 'rev-parse', '--short=12', 'HEAD')
    return git(root, 'status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}-modified`
  } catch {
    return 'unknown'
  }
}

/** When the checked out commit was made, in seconds; 0 without git. */
export function commitTime(root: string): number {
  try {
    return Number(git(root, 'log', '-1', '--format=%ct'))
  } catch {
    return 0
  }
}

function git(root: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

/** The version of the SQLite that better-sqlite3 brings. */
export function sqliteVersion(root: string): string {
  const header = readFileSync(join(root, 'node_modules/better-sqlite3/deps/sqlite3/sqlite3.h'), 'utf8')
  const found = /^#define SQLITE_VERSION +"([\d.]+)"/m.exec(header)
  if (found === null) throw new Error('better-sqlite3/deps/sqlite3/sqlite3.h names no version of SQLite')
  return found[1]!
}
