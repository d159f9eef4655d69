/** Brings a database to the present schema, forward only, one transaction a step. */
import { readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { GatewayError } from '#base/errors.ts'
import { queues } from './0001-queues.ts'
import type { Migration } from './migration.ts'

export const MIGRATIONS: readonly Migration[] = [queues]

interface Schema {
  version: number
  oldestReader: number
}

/** The schema of a database; 0 for an empty one. */
export function schemaOf(database: Database): Schema {
  const present = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").get() !== undefined
  if (!present) return { version: 0, oldestReader: 0 }
  const read = (key: string) => Number(database.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key) ?? 0)
  return { version: read('schema'), oldestReader: read('oldest_reader') }
}

/**
 * Runs the steps that are missing, after a copy of the file beside it (`….schema-N`; of such copies the newest is
 * kept). A newer schema is left alone if it says that this program can read it.
 * @throws GatewayError `store-version`
 */
export function migrate(database: Database, file: string, migrations: readonly Migration[] = MIGRATIONS): Schema {
  const newest = migrations[migrations.length - 1]!.version
  const found = schemaOf(database)
  if (found.version > newest) {
    if (found.oldestReader <= newest) return found
    throw new GatewayError(
      'store-version',
      `${file} has schema ${found.version}, which programs from schema ${found.oldestReader} on can read; this one knows schema ${newest}`,
      { hint: 'run the newer version, or put back the copy of the database that was made before the update' },
    )
  }
  if (found.version > 0 && found.version < newest) copyBefore(database, file, found.version)
  for (const { version, oldestReader, up } of migrations) {
    if (version <= found.version) continue
    database.transaction(() => {
      up(database)
      const write = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
      write.run('schema', version)
      write.run('oldest_reader', oldestReader)
    })()
  }
  return schemaOf(database)
}

function copyBefore(database: Database, file: string, version: number): void {
  const copy = `${file}.schema-${version}`
  rmSync(copy, { force: true })
  database.prepare('VACUUM INTO ?').run(copy)
  for (const name of readdirSync(dirname(file))) {
    if (name.startsWith(`${basename(file)}.schema-`) && name !== basename(copy)) rmSync(join(dirname(file), name), { force: true })
  }
}
