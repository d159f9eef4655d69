/** Where the code of the store's worker thread is: inside the executable, or a bundle beside the program's own. */
import { dirname, join } from 'node:path'
import { getAsset, isSea } from 'node:sea'
import type { StoreOptions } from '#store/index.ts'
import { addonFile } from '#system/native-addons.ts'

/** Set by the bundler; absent when the source runs as it is. */
declare const TIDEGATE_COMMIT: string | undefined

/**
 * The part of a store's options that depends on how this program was built.
 * @throws GatewayError `runtime-unfit` when SQLite cannot be loaded
 */
export function storeProgram(): Pick<StoreOptions, 'worker' | 'addonFile'> {
  const file = addonFile('better-sqlite3')
  return { worker: storeWorker(), ...(file === undefined ? {} : { addonFile: file }) }
}

function storeWorker(): StoreOptions['worker'] {
  if (isSea()) return { source: getAsset('store-worker.cjs', 'utf8') }
  if (typeof TIDEGATE_COMMIT !== 'undefined') return { file: join(__dirname, 'store-worker.cjs') }
  return { file: join(dirname(process.argv[1]), 'store/worker.ts') }
}
