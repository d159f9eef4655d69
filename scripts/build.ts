/**
 * Builds the program: `dist/tidegate` (a launcher), `dist/tidegate.cjs`, for the store's thread
 * `dist/store-worker.cjs`, and the native addons of this machine in `dist/native/`.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from './bundle.ts'
import { installAddons } from './native-addons.ts'
import { RUNTIME_FLAGS } from './runtime-flags.ts'

/**
 * Builds the checkout at `root` into its `dist/`. Returns the entries that do not exist; the others are built.
 * @throws when a bundle cannot be made; esbuild has printed why
 */
export async function build(root: string): Promise<string[]> {
  mkdirSync(join(root, 'dist'), { recursive: true })
  const { missing } = await bundle(root, 'dist')
  for (const fault of installAddons(root, join(root, 'dist/native'))) console.error(`build: ${fault}`)
  writeLauncher(root)
  return missing
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
