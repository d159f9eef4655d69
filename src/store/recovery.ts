/** Opens the store whatever state its files are in: what is damaged is set aside, what can be read is saved. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describeError, systemCode } from '#base/errors.ts'
import type { StoreFault } from '#broker/ports.ts'
import { Connection } from './connection.ts'
import { fileBytes, StoreFiles, syncDirectory } from './files.ts'
import { lastCommit } from './loading.ts'
import { salvage } from './salvage.ts'

/** Databases up to this size are checked whole after an unclean stop; of larger ones all but the queues. */
const CHECK_BYTES_MAX = 64 << 20

export interface Opened {
  connection: Connection
  faults: StoreFault[]
}

/** Whether an error says that the file is damaged, as opposed to a disk that does not work. */
export function isDamage(error: unknown): boolean {
  const code = systemCode(error) ?? ''
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB' || code === 'SQLITE_FORMAT'
}

/** The same of an error at the opening, where a statement that makes no sense means that the schema is damaged. */
function isDamageAtOpening(error: unknown): boolean {
  return isDamage(error) || systemCode(error) === 'SQLITE_ERROR'
}

/** Leaves a note that the database is damaged: the next start sets it aside without asking it again. */
export function noteDamage(files: StoreFiles, reason: string): void {
  const descriptor = openSync(files.damaged, 'w', 0o600)
  try {
    writeSync(descriptor, reason)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  syncDirectory(files.dataDir)
}

/** @throws `store-version`, and SQLite's errors of a disk that does not work */
export function openStoreFiles(files: StoreFiles, addonFile: string | undefined, wallMs: number): Opened {
  const faults: StoreFault[] = []
  const recover = (reason: string) => {
    faults.push(setAside(files, addonFile, wallMs, reason))
  }
  if (existsSync(files.damaged)) finishEarlier(files, recover)
  if (existsSync(files.database) && fileBytes(files.database) === 0 && fileBytes(files.wal) > 0) recover('the database file is empty')
  const badWal = setAsideWal(files, wallMs)
  if (badWal !== undefined) faults.push(badWal)
  try {
    return { connection: openChecked(files, addonFile), faults }
  } catch (error) {
    if (!isDamageAtOpening(error)) throw error
    recover(describeError(error))
    return { connection: openChecked(files, addonFile), faults }
  }
}

/** Sets the database aside although it opened: something in it could not be read. */
export function reopenDamaged(files: StoreFiles, addonFile: string | undefined, wallMs: number, error: unknown): Opened {
  const fault = setAside(files, addonFile, wallMs, describeError(error))
  return { connection: openChecked(files, addonFile), faults: [fault] }
}

class Damage extends Error {
  readonly code = 'SQLITE_CORRUPT'
}

function openChecked(files: StoreFiles, addonFile: string | undefined): Connection {
  const connection = new Connection(files, addonFile)
  try {
    if (!stoppedCleanly(connection)) check(connection)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

function stoppedCleanly(connection: Connection): boolean {
  const clean = connection.database.prepare("SELECT value FROM meta WHERE key = 'clean'").pluck().get()
  const { run } = lastCommit(connection)
  return run === 0 || clean === run
}

/** After the run `run` nothing is written any more: the next start need not check. */
export function noteCleanStop(connection: Connection, run: number): void {
  if (lastCommit(connection).run !== run) return
  connection.database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('clean', ?)").run(run)
}

function check({ database, file }: Connection): void {
  const tables = fileBytes(file) <= CHECK_BYTES_MAX ? [''] : ["('meta')", "('tally')", "('record')", "('retained')"]
  for (const table of tables) {
    const found = database
      .prepare(`PRAGMA quick_check${table === '' ? '(1)' : table}`)
      .pluck()
      .get()
    if (found !== 'ok') throw new Damage(`the check after an unclean stop found: ${String(found).split('\n').pop()}`)
  }
}

const WAL_MAGIC = 0x377f0682

/** A WAL that does not begin like one holds nothing SQLite would read, and it would say nothing about that. */
function setAsideWal(files: StoreFiles, wallMs: number): StoreFault | undefined {
  if (fileBytes(files.wal) < 32) return undefined
  const header = Buffer.alloc(32)
  const descriptor = openSync(files.wal, 'r')
  try {
    readSync(descriptor, header, 0, 32, 0)
  } finally {
    closeSync(descriptor)
  }
  // All zeros: the power went before the first commit. The lowest bit of the magic number tells the byte order.
  if ((header.readUInt32BE(0) & ~1) >>> 0 === WAL_MAGIC || header.every(byte => byte === 0)) return undefined
  const aside = `${asideName(files, wallMs)}-wal`
  renameSync(files.wal, aside)
  rmSync(files.shm, { force: true })
  syncDirectory(files.dataDir)
  return fault('the write-ahead log does not begin like one', aside, { entries: 0, records: 0, retained: 0 })
}

function asideName(files: StoreFiles, wallMs: number): string {
  const time = new Date(wallMs).toISOString().replace(/[-:]/g, '').replace(/\..*/, 'Z')
  const name = `${files.database}.corrupt-${time}`
  for (let number = 0; ; number++) {
    const candidate = number === 0 ? name : `${name}-${number}`
    if (!existsSync(candidate) && !existsSync(`${candidate}-wal`)) return candidate
  }
}

function fault(reason: string, file: string, salvaged: StoreFault['salvaged']): StoreFault {
  const { entries, records, retained } = salvaged
  const saved = `${entries} queue entries, ${records} records and ${retained} retained messages were saved`
  return { code: 'store-corrupt', message: `the database was damaged: ${reason}; ${saved}`, file, salvaged }
}

/**
 * Saves what can be read into a new database, then exchanges the two. A crash in between is made good at the next
 * start: as long as the note is there, either the damaged file stands in its place or the new one is complete.
 */
function setAside(files: StoreFiles, addonFile: string | undefined, wallMs: number, reason: string): StoreFault {
  const aside = asideName(files, wallMs)
  noteDamage(files, reason)
  const fresh = freshFiles(files)
  const salvaged = salvage(files.database, fresh, addonFile)
  exchange(files, fresh, aside)
  return fault(reason, aside, salvaged)
}

function freshFiles(files: StoreFiles): StoreFiles {
  const fresh = new StoreFiles(files.dataDir)
  const database = join(files.dataDir, `${basename(files.database)}.salvaged`)
  return Object.assign(fresh, { database, wal: `${database}-wal`, shm: `${database}-shm` })
}

function exchange(files: StoreFiles, fresh: StoreFiles, aside: string): void {
  rmSync(files.shm, { force: true })
  if (existsSync(files.database)) renameSync(files.database, aside)
  if (existsSync(files.wal)) renameSync(files.wal, `${aside}-wal`)
  syncDirectory(files.dataDir)
  renameSync(fresh.database, files.database)
  syncDirectory(files.dataDir)
  rmSync(files.damaged, { force: true })
}

/** The note is there: the damage was found while running, or an exchange was cut short. */
function finishEarlier(files: StoreFiles, recover: (reason: string) => void): void {
  const fresh = freshFiles(files)
  if (existsSync(files.database)) {
    recover(readFileSync(files.damaged, 'utf8'))
    return
  }
  if (existsSync(fresh.database)) exchange(files, fresh, `${files.database}.corrupt`)
  rmSync(files.damaged, { force: true })
}
