/** Whether this JavaScript runtime can carry the gateway, and which SQLite it brings. */
import { GatewayError } from '#base/errors.ts'

/** Set by the bundler; absent when the source runs as it is. */
declare const TIDEGATE_SQLITE: string | undefined

/** The native interface that better-sqlite3 is built for. On an older runtime loading it ends the process without a word. */
const NAPI_VERSION_MIN = 10

/**
 * Call before anything native is loaded.
 * @throws GatewayError `runtime-unfit`
 */
export function assertRuntime(versions: { readonly node: string; readonly napi?: string | undefined } = process.versions): void {
  if (Number(versions.napi ?? 0) >= NAPI_VERSION_MIN) return
  throw new GatewayError('runtime-unfit', `Node ${versions.node} is too old for the store`, {
    hint: 'start the gateway by dist/tidegate or its executable, which bring their own runtime, or use Node 24',
  })
}

/**
 * The version of the SQLite library inside. A bundle knows it from the time when it was made, and need not load it.
 * @throws GatewayError `runtime-unfit`
 */
export async function sqliteVersion(): Promise<string> {
  if (typeof TIDEGATE_SQLITE === 'string') return TIDEGATE_SQLITE
  assertRuntime()
  const { default: Database } = await import('better-sqlite3')
  const database = new Database(':memory:')
  try {
    return String(database.prepare('SELECT sqlite_version()').pluck().get())
  } finally {
    database.close()
  }
}
