import { Worker } from 'node:worker_threads'
import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import type { WorkerSettings } from './protocol.ts'
import { SqliteStore } from './sqlite-store.ts'

export { SqliteStore } from './sqlite-store.ts'

export interface StoreOptions {
  /** Where the database and its companions lie; must exist. */
  dataDir: string
  /** The worker's code: a file, or its source where there is no file. */
  worker: { file: string } | { source: string }
  clock: Clock
  logger: Logger
  /** `store.commit_interval`: the longest that a batch gathers under load. */
  commitIntervalMs?: number
  /** `store.max_bytes`: pages in use and WAL at most; beyond it the condition is `full`. */
  bytesMax?: number
  /** The SQLite addon, where it does not lie beside better-sqlite3. */
  addonFile?: string
  /** Running time that goes with each commit; default: that of the last run continued, as `Broker.runningMs` does. */
  runningMs?: () => number
  /** How long `close` waits for a disk that does not take the last commit. */
  closeTimeoutMs?: number
  /** The worker has died or found the database damaged: nothing is committed any more, the process must end. */
  onFatal: (error: Error) => void
}

/** The worker keeps nothing: it need not gather much garbage before it clears it away. */
const YOUNG_MB = 4

/** Starts the store's worker. Nothing is opened before `load`. */
export function openStore(options: StoreOptions): SqliteStore {
  const { dataDir, addonFile, bytesMax = 2 ** 31 } = options
  const workerData: WorkerSettings = { dataDir, addonFile, bytesMax }
  const inline = 'source' in options.worker
  const code = 'source' in options.worker ? options.worker.source : options.worker.file
  const worker = new Worker(code, {
    eval: inline,
    name: 'store',
    workerData,
    // Without these a worker runs what NODE_OPTIONS names, in an executable that does not listen to it as well.
    execArgv: [],
    env: {},
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  })
  return new SqliteStore(worker, { ...options, bytesMax })
}
