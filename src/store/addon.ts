import Sqlite, { type Database } from 'better-sqlite3'
import { GatewayError } from '#base/errors.ts'

/** The oldest interface to native addons that the SQLite addon can be loaded by. */
const NAPI_VERSION_MIN = 10

/**
 * Opens a database file. This is the one place that loads the native addon: from beside better-sqlite3, or from
 * `addonFile` where the program was packed into one executable.
 * @throws GatewayError `runtime-unfit` when the runtime cannot load it; SQLite's own errors otherwise
 */
export function openDatabase(
  file: string,
  addonFile: string | undefined,
  options: { readonly?: boolean; timeout?: number } = {},
): Database {
  const napi = Number(process.versions.napi ?? 0)
  if (napi < NAPI_VERSION_MIN) {
    throw new GatewayError('runtime-unfit', `Node ${process.versions.node} has Node-API ${napi}, the store needs ${NAPI_VERSION_MIN}`, {
      hint: 'run the gateway with the runtime that comes with it',
    })
  }
  return new Sqlite(file, { timeout: 0, ...(addonFile === undefined ? {} : { nativeBinding: addonFile }), ...options })
}
