/** Reads what can be read of a damaged database, row by row, into a new one. */
import { closeSync, copyFileSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { describeError, systemCode } from '#base/errors.ts'
import type { StoreFault } from '#broker/ports.ts'
import { openDatabase } from './addon.ts'
import { ByteReader } from './bytes.ts'
import { Connection } from './connection.ts'
import { fileBytes, type StoreFiles } from './files.ts'
import { SEQ_BITS } from './protocol.ts'
import { decodeEntry, decodeMessage } from './record.ts'

const PAGE_BYTES = 4096
/** Places where a table may be broken before the rest of it is given up. */
const GAPS_MAX = 10_000
/** Rows per transaction of the new database. */
const CHUNK_ROWS = 20_000

type Salvaged = StoreFault['salvaged']
type Row = Record<string, unknown>

/**
 * Fills a new database at `target` from the one at `source`, which is only read.
 * @throws SQLite's errors of the new database: no space, say
 */
export function salvage(source: string, target: StoreFiles, addonFile: string | undefined): Salvaged {
  for (const file of [target.database, target.wal, target.shm]) rmSync(file, { force: true })
  const connection = new Connection(target, addonFile)
  try {
    return salvageInto(connection, source, addonFile)
  } finally {
    connection.checkpoint()
    connection.close()
  }
}

function salvageInto(connection: Connection, source: string, addonFile: string | undefined): Salvaged {
  const salvaged: Salvaged = { entries: 0, records: 0, retained: 0 }
  const damaged = openDamaged(source, addonFile) ?? openPatched(source, connection, addonFile)
  if (damaged === undefined) return salvaged
  try {
    copyClock(damaged, connection)
    copyById(damaged, 'message', row => putMessage(connection, row))
    salvaged.entries = copyById(damaged, 'queue', row => putEntry(connection, row))
    salvaged.records = copyByKey(damaged, 'record', 'owner, key', row => putRecord(connection, row))
    salvaged.retained = copyByKey(damaged, 'retained', 'topic', row => putRetained(connection, row))
    settle(connection)
  } finally {
    damaged.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${source}.patched${suffix}`, { force: true })
  }
  return salvaged
}

function openDamaged(source: string, addonFile: string | undefined): Database | undefined {
  let database: Database | undefined
  try {
    database = openDatabase(source, addonFile, { readonly: true })
    const tables = database
      .prepare("SELECT count(*) FROM sqlite_schema WHERE name IN ('queue', 'message', 'record', 'retained')")
      .pluck()
      .get()
    if (tables === 4) return database
  } catch {
    // Its first page is damaged: the caller tries with another one.
  }
  database?.close()
  return undefined
}

/**
 * The first page holds the header and the schema, and these are the same in every store of one schema: a copy with
 * the first page of the new database can often be read.
 */
function openPatched(source: string, fresh: Connection, addonFile: string | undefined): Database | undefined {
  const patched = `${source}.patched`
  try {
    const pages = Math.floor(fileBytes(source) / PAGE_BYTES)
    copyFileSync(source, patched)
    if (fileBytes(`${source}-wal`) > 0) copyFileSync(`${source}-wal`, `${patched}-wal`)
    fresh.checkpoint()
    const first = Buffer.alloc(PAGE_BYTES)
    transfer(fresh.file, 'r', descriptor => readSync(descriptor, first, 0, PAGE_BYTES, 0))
    first.writeUInt32BE(Math.max(1, pages), 28)
    transfer(patched, 'r+', descriptor => writeSync(descriptor, first, 0, PAGE_BYTES, 0))
    return openDamaged(patched, addonFile)
  } catch {
    return undefined
  }
}

function transfer(file: string, mode: string, run: (descriptor: number) => void): void {
  const descriptor = openSync(file, mode)
  try {
    run(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Copies rows in the order of their ids; where that is broken, it goes on at the next id that can be read. */
function copyById(damaged: Database, table: string, put: (row: Row) => boolean): number {
  const select = damaged.prepare(`SELECT * FROM ${table} WHERE id >= ? ORDER BY id`).safeIntegers()
  const probe = damaged.prepare(`SELECT id FROM ${table} WHERE id >= ? ORDER BY id LIMIT 1`).pluck().safeIntegers()
  const readable = (from: bigint) => attempt(() => ({ id: probe.get(from) as bigint | undefined }))
  let copied = 0
  let from = 0n
  for (let gaps = 0; gaps < GAPS_MAX; gaps++) {
    const whole = attempt(() => {
      for (const row of select.iterate(from) as IterableIterator<Row & { id: bigint }>) {
        if (put(row)) copied++
        from = row.id + 1n
      }
      return true
    })
    if (whole) break
    const next = nextReadable(from, readable)
    if (next === undefined) break
    from = next
  }
  return copied
}

const ID_MAX = (1n << 63n) - 1n

type Probe = (from: bigint) => { id: bigint | undefined } | undefined

/**
 * The least id above `from` at which a row can be found: steps double until the broken place is passed, then halve.
 * Along the ids come errors, then good rows, then nothing; undefined: nothing good is left.
 */
function nextReadable(from: bigint, probe: Probe): bigint | undefined {
  let bad = from
  let good: bigint | undefined
  let end = ID_MAX
  for (let step = 1n; good === undefined && bad < end - 1n; step *= 2n) {
    const at = from + step < end ? from + step : (bad + end) / 2n
    const found = probe(at)
    if (found === undefined) bad = at
    else if (found.id === undefined) end = at
    else good = at
  }
  return good === undefined ? undefined : leastGood(bad, good, probe)
}

function leastGood(lastBad: bigint, firstGood: bigint, probe: Probe): bigint {
  let bad = lastBad
  let good = firstGood
  while (good - bad > 1n) {
    const middle = (good + bad) / 2n
    if (probe(middle)?.id === undefined) bad = middle
    else good = middle
  }
  return good
}

/** Copies rows in the order of a text key, from both ends as far as they can be read. */
function copyByKey(damaged: Database, table: string, key: string, put: (row: Row) => boolean): number {
  let copied = 0
  const scan = (order: string) =>
    attempt(() => {
      for (const row of damaged.prepare(`SELECT * FROM ${table} ORDER BY ${order}`).iterate() as IterableIterator<Row>)
        if (put(row)) copied++
      return true
    })
  if (!scan(key)) {
    const backwards = key
      .split(', ')
      .map(column => `${column} DESC`)
      .join(', ')
    scan(backwards)
  }
  return copied
}

/** What `run` returns, or undefined where the damaged file lets it fail. Errors of the new database go on. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    const code = systemCode(error) ?? ''
    if (error instanceof TargetError || !code.startsWith('SQLITE_')) throw error instanceof TargetError ? error.cause : error
    return undefined
  }
}

/** An error of the database that is being filled, as opposed to the one that is read. */
class TargetError extends Error {}

function write(connection: Connection, run: () => void): void {
  try {
    if (!connection.database.inTransaction) connection.begin.run()
    run()
    if (++rowsWritten % CHUNK_ROWS === 0) connection.commit.run()
  } catch (error) {
    throw new TargetError(describeError(error), { cause: error })
  }
}

let rowsWritten = 0

function isWhole(record: unknown, decode: (reader: ByteReader) => void): record is Buffer {
  if (!Buffer.isBuffer(record)) return false
  try {
    decode(new ByteReader(record))
    return true
  } catch {
    return false
  }
}

function putMessage(connection: Connection, { id, record }: Row): boolean {
  if (typeof id !== 'bigint' || !isWhole(record, decodeMessage)) return false
  write(connection, () => connection.putMessage.run(id, 0, record))
  return true
}

function putEntry(connection: Connection, row: Row): boolean {
  const { id, message, size, received, record } = row
  if (typeof id !== 'bigint' || typeof size !== 'bigint') return false
  if (message !== null && (typeof message !== 'bigint' || connection.readMessage.get(message) === undefined)) return false
  const shared = message === null ? undefined : decodeMessage(new ByteReader(connection.readMessage.get(message) as Buffer))
  if (!isWhole(record, reader => decodeEntry(reader, 0, shared))) return false
  write(connection, () => connection.copyEntry.run(id, message, size, received, record))
  return true
}

function putRecord(connection: Connection, { owner, key, value }: Row): boolean {
  if (typeof owner !== 'string' || typeof key !== 'string' || !Buffer.isBuffer(value)) return false
  write(connection, () => connection.putRecord.run(owner, key, value))
  return true
}

function putRetained(connection: Connection, { topic, record }: Row): boolean {
  if (typeof topic !== 'string' || !isWhole(record, decodeMessage)) return false
  write(connection, () => connection.putRetained.run(topic, record))
  return true
}

function copyClock(damaged: Database, connection: Connection): void {
  const row = attempt(() => damaged.prepare('SELECT running, wall, synchronised FROM tally WHERE id = 0').get() as Row | undefined)
  if (row === undefined) return
  const { running, wall, synchronised } = row
  write(connection, () => connection.writeCommit.run(0, 0, running, wall, synchronised))
}

/** Counts references and queues anew, and leaves no message that nobody refers to. */
function settle(connection: Connection): void {
  const { database } = connection
  if (database.inTransaction) connection.commit.run()
  database.exec(`
    BEGIN;
    CREATE TEMP TABLE uses AS SELECT message AS id, count(*) AS refs FROM queue WHERE message IS NOT NULL GROUP BY message;
    UPDATE message SET refs = coalesce((SELECT refs FROM uses WHERE uses.id = message.id), 0);
    DROP TABLE uses;
    DELETE FROM message WHERE refs = 0;
    INSERT OR REPLACE INTO tally (id, entries, bytes) SELECT (id >> ${SEQ_BITS}) + 1, count(*), sum(size) FROM queue GROUP BY id >> ${SEQ_BITS};
    COMMIT;
  `)
}
