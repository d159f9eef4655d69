/** Where the code of the store's worker thread is: a bundle beside the program's own. */
import { dirname, join } from 'node:path'

/** Set by the bundler; absent when the source runs as it is. */
declare const TIDEGATE_COMMIT: string | undefined

export function storeWorker(): { file: string } {
  if (typeof TIDEGATE_COMMIT !== 'undefined') return { file: join(__dirname, 'store-worker.cjs') }
  return { file: join(dirname(process.argv[1]), 'store/worker.ts') }
}
