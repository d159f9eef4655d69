import { readFileSync, writeFileSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { describeError, GatewayError, systemCode } from '#base/errors.ts'
import { openDatabase } from './addon.ts'
import type { StoreFiles } from './files.ts'

/**
 * Takes the data directory for this process alone: SQLite's exclusive lock on an empty database file, which the
 * operating system gives back when the process ends in whatever way.
 * @returns what to close when the store is closed
 * @throws GatewayError `store-locked`, `store-failed`
 */
export function lockStore(files: StoreFiles, addonFile: string | undefined): Database {
  let database: Database | undefined
  try {
    database = openDatabase(files.lock, addonFile)
    // No journal: it would need space on a disk that may have none.
    database.pragma('journal_mode = MEMORY')
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    throw refusal(error, files)
  }
  try {
    writeFileSync(files.lockHolder, `${process.pid}\n`)
  } catch {
    // Only a hint, and the disk may be full.
  }
  return database
}

function refusal(error: unknown, files: StoreFiles): unknown {
  const code = systemCode(error) ?? ''
  if (code.startsWith('SQLITE_BUSY')) {
    return new GatewayError('store-locked', `another gateway${holder(files)} uses ${files.dataDir}`, {
      hint: 'stop it, or give this one another data_dir',
      cause: error,
    })
  }
  if (!code.startsWith('SQLITE_')) return error
  return new GatewayError('store-failed', `cannot lock ${files.lock}: ${describeError(error)}`, { cause: error })
}

function holder(files: StoreFiles): string {
  try {
    return ` (process ${Number.parseInt(readFileSync(files.lockHolder, 'utf8'), 10)})`
  } catch {
    return ''
  }
}
