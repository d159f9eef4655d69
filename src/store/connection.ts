import { closeSync, openSync } from 'node:fs'
import type { Database, Statement } from 'better-sqlite3'
import { openDatabase } from './addon.ts'
import type { StoreFiles } from './files.ts'
import { migrate } from './migrations/index.ts'
import { SEQ_BITS, SEQ_MAX } from './protocol.ts'

const PAGE_BYTES = 4096
/** How long a person with the sqlite3 shell may hold a lock. */
const BUSY_TIMEOUT_MS = 2000
/** The WAL is written back once it has this many pages: 16 MB. */
const CHECKPOINT_PAGES = 4000
const RANGE = 'id BETWEEN ? AND ?'
/** Entries that one statement adds. */
export const INSERT_ROWS = 8

/** The id of a row. Up to some two thousand queues a number can hold it; numbers are the faster to bind. */
export function rowId(queue: number, seq: number): number | bigint {
  if (queue < 2 ** (53 - SEQ_BITS)) return queue * 2 ** SEQ_BITS + seq
  return (BigInt(queue) << BigInt(SEQ_BITS)) | BigInt(seq)
}

/** One open database with its statements prepared. */
export class Connection {
  readonly database: Database
  readonly begin: Statement
  readonly commit: Statement
  readonly insertEntry: Statement
  readonly insertEntries: Statement
  readonly copyEntry: Statement
  readonly deleteEntries: Statement
  readonly deleteEntry: Statement
  readonly sharedInRange: Statement
  readonly bytesInRange: Statement
  readonly sumOfRange: Statement
  readonly markReceived: Statement
  readonly readRows: Statement
  readonly putMessage: Statement
  readonly readMessage: Statement
  readonly releaseMessage: Statement
  readonly deleteMessage: Statement
  readonly addToTally: Statement
  readonly setTally: Statement
  readonly dropTally: Statement
  readonly putRecord: Statement
  readonly deleteRecord: Statement
  readonly dropOwner: Statement
  readonly putRetained: Statement
  readonly deleteRetained: Statement
  readonly writeCommit: Statement
  readonly readCommit: Statement
  readonly #file: string
  readonly #pageCount: Statement
  readonly #freePages: Statement

  /** @throws SQLite's errors, and `store-version` */
  constructor(files: StoreFiles, addonFile: string | undefined) {
    this.#file = files.database
    // Made here, because it holds password hashes; SQLite gives its companions the same mode.
    closeSync(openSync(files.database, 'a', 0o600))
    const database = openDatabase(files.database, addonFile, { timeout: BUSY_TIMEOUT_MS })
    this.database = database
    try {
      this.#configure()
      migrate(database, files.database)
      const prepare = (sql: string) => database.prepare(sql)
      this.begin = prepare('BEGIN IMMEDIATE')
      this.commit = prepare('COMMIT')
      const insert = 'INSERT OR REPLACE INTO queue (id, message, size, record) VALUES '
      this.insertEntry = prepare(`${insert}(?, ?, ?, ?)`)
      this.insertEntries = prepare(insert + Array(INSERT_ROWS).fill('(?, ?, ?, ?)').join(', '))
      this.copyEntry = prepare('INSERT OR REPLACE INTO queue (id, message, size, received, record) VALUES (?, ?, ?, ?, ?)')
      this.deleteEntries = prepare(`DELETE FROM queue WHERE ${RANGE}`)
      this.deleteEntry = prepare(`DELETE FROM queue WHERE id = ?`)
      this.sharedInRange = prepare(`SELECT message, count(*) FROM queue WHERE ${RANGE} AND message IS NOT NULL GROUP BY message`).raw()
      this.bytesInRange = prepare(`SELECT total(size) FROM queue WHERE ${RANGE}`).pluck()
      this.sumOfRange = prepare(`SELECT count(*), total(size) FROM queue WHERE ${RANGE}`).raw()
      this.markReceived = prepare(`UPDATE queue SET received = 1 WHERE id = ?`)
      this.readRows = prepare(`SELECT id & ${SEQ_MAX}, message, size, received, record FROM queue WHERE ${RANGE} ORDER BY id LIMIT ?`).raw()
      this.putMessage = prepare(
        'INSERT INTO message (id, refs, record) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET refs = refs + excluded.refs',
      )
      this.readMessage = prepare('SELECT record FROM message WHERE id = ?').pluck()
      this.releaseMessage = prepare('UPDATE message SET refs = refs - ? WHERE id = ?')
      this.deleteMessage = prepare('DELETE FROM message WHERE id = ? AND refs <= 0')
      this.addToTally = prepare(`INSERT INTO tally (id, entries, bytes) VALUES (?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET entries = entries + excluded.entries, bytes = bytes + excluded.bytes`)
      this.setTally = prepare('INSERT OR REPLACE INTO tally (id, entries, bytes) VALUES (?, ?, ?)')
      this.dropTally = prepare('DELETE FROM tally WHERE id = ?')
      this.putRecord = prepare('INSERT OR REPLACE INTO record (owner, key, value) VALUES (?, ?, ?)')
      this.deleteRecord = prepare('DELETE FROM record WHERE owner = ? AND key = ?')
      this.dropOwner = prepare('DELETE FROM record WHERE owner = ?')
      this.putRetained = prepare('INSERT OR REPLACE INTO retained (topic, record) VALUES (?, ?)')
      this.deleteRetained = prepare('DELETE FROM retained WHERE topic = ?')
      this.writeCommit = prepare('UPDATE tally SET entries = ?, bytes = ?, running = ?, wall = ?, synchronised = ? WHERE id = 0')
      this.readCommit = prepare('SELECT entries AS position, bytes AS run, running, wall, synchronised FROM tally WHERE id = 0')
      this.#pageCount = prepare('PRAGMA page_count').pluck()
      this.#freePages = prepare('PRAGMA freelist_count').pluck()
    } catch (error) {
      database.close()
      throw error
    }
  }

  #configure(): void {
    const { database } = this
    // Only where there is nothing yet: on a full disk a database has to open without writing.
    if (database.pragma('page_count', { simple: true }) === 0) {
      database.pragma(`page_size = ${PAGE_BYTES}`)
      database.pragma('auto_vacuum = INCREMENTAL')
      database.pragma('journal_mode = WAL')
    }
    // better-sqlite3 is compiled to NORMAL for WAL, which does not sync at a commit.
    database.pragma('synchronous = FULL')
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    database.pragma(`journal_size_limit = ${CHECKPOINT_PAGES * PAGE_BYTES}`)
    database.pragma('cache_size = -4000')
  }

  get file(): string {
    return this.#file
  }

  /** Bytes of pages that hold something. */
  usedPageBytes(): number {
    return (Number(this.#pageCount.get()) - Number(this.#freePages.get())) * PAGE_BYTES
  }

  freePages(): number {
    return Number(this.#freePages.get())
  }

  pageCount(): number {
    return Number(this.#pageCount.get())
  }

  /** Writes the WAL back and cuts it to nothing. False: not all of it could be. */
  checkpoint(): boolean {
    const rows = this.database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[]
    return rows[0]?.busy === 0
  }

  rollback(): void {
    if (this.database.inTransaction) this.database.exec('ROLLBACK')
  }

  close(): void {
    this.database.close()
  }
}
