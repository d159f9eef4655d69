import Sqlite, { type Database } from 'better-sqlite3'
import { GatewayError } from '#base/errors.ts'

/** The oldest interface to native addons that the SQLite addon can be loaded by. */
const NAPI_VERSION_MIN = 10

/** The addon of this thread, once it has been loaded from a file. */
let addon: object | undefined

/**
 * Opens a database file. This is the one place that loads the native addon: from beside better-sqlite3, or from
 * `addonFile` where the program is a bundle.
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
  if (addonFile === undefined) return new Sqlite(file, { timeout: 0, ...options })
  addon ??= loadAddon(addonFile)
  // The package takes the loaded addon itself as well, which its types do not say.
  return new Sqlite(file, { timeout: 0, nativeBinding: addon as string & object, ...options })
}

/** An executable has no `require` for files; this is what `require` does with an addon. */
function loadAddon(file: string): object {
  const holder = { exports: {} }
  process.dlopen(holder, file)
  return holder.exports
}
