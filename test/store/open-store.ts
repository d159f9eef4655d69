import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import type { Test } from 'tap'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import type { StoredState } from '#broker/ports.ts'
import { openStore, type SqliteStore, type StoreOptions } from '#store/index.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BUNDLES = join(ROOT, 'node_modules/.cache/tidegate')

/** The worker as it is shipped: one file of CommonJS. Made anew by each test process, and put in place whole. */
export const WORKER_FILE = bundle('src/store/worker.ts', 'store-worker.cjs')

export function bundle(source: string, name: string): string {
  const file = join(BUNDLES, name)
  const outfile = `${file}.${process.pid}`
  buildSync({ entryPoints: [join(ROOT, source)], outfile, bundle: true, platform: 'node', format: 'cjs', external: ['better-sqlite3'] })
  renameSync(outfile, file)
  return file
}

/** A directory that goes when the test does. */
export function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-store-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A store on SQLite, not loaded yet; the test fails if its worker dies. */
export function newStore(t: Test, dataDir: string, options: Partial<StoreOptions> = {}): SqliteStore {
  const store = openStore({
    dataDir,
    worker: { file: WORKER_FILE },
    clock: systemClock(),
    logger: silentLogger,
    onFatal: error => t.fail('the worker has died', { error }),
    ...options,
  })
  t.teardown(() => store.close())
  return store
}

export async function loadedStore(
  t: Test,
  dataDir: string,
  options: Partial<StoreOptions> = {},
): Promise<{ store: SqliteStore; state: StoredState }> {
  const store = newStore(t, dataDir, options)
  return { store, state: await store.load() }
}
