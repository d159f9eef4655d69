/**
 * The worker's side of the store: commits batches, and when that fails makes room, tries again, or finds out
 * whether it was committed after all. It never reports a batch committed on less than SQLite's word and a disk
 * that has synced since.
 */

import type { Database } from 'better-sqlite3'
import type { Clock, Timer } from '#base/clock.ts'
import { describeError, systemCode } from '#base/errors.ts'
import { Connection } from './connection.ts'
import { fileBytes, freeBytes, Reserve, StoreFiles } from './files.ts'
import { lastCommit, readState } from './loading.ts'
import { lockStore } from './lock.ts'
import { readPage } from './page.ts'
import type { FromWorker, PageAnswer, PageRequest, WorkerSettings } from './protocol.ts'
import { isDamage, noteCleanStop, noteDamage, openStoreFiles, reopenDamaged } from './recovery.ts'
import { commitBatch, commitDeletions, positionOf } from './transaction.ts'

const RETRY_FIRST_MS = 100
const RETRY_LAST_MS = 3000
/** How long nothing is asked of the store before it looks after itself. */
const IDLE_MS = 1000
/** Free pages that are kept for reuse: 4 MiB; beyond, when they are a quarter of the file, it is made shorter. */
const FREE_PAGES_KEPT = 1024
const VACUUM_PAGES = 256
/** The same at a time on a full disk, where moved pages have to go through the WAL. */
const VACUUM_PAGES_FULL = 64
/** With less free than this, beside what the WAL needs to be written back, the disk counts as nearly full. */
const FREE_BYTES_LOW = 4 << 20

type Condition = 'full' | 'failed'

export class Keeper {
  readonly #settings: WorkerSettings
  readonly #files: StoreFiles
  readonly #reserve: Reserve
  readonly #clock: Clock
  readonly #post: (message: FromWorker, transfer?: ArrayBuffer[]) => void
  /** Tells this run's commits from those of runs before. */
  readonly #run: number
  #lock: Database | undefined
  /** Undefined while the database cannot be opened again after an I/O error. */
  #connection: Connection | undefined
  #idle: Timer | undefined

  constructor(settings: WorkerSettings, clock: Clock, post: (message: FromWorker, transfer?: ArrayBuffer[]) => void) {
    this.#settings = settings
    this.#files = new StoreFiles(settings.dataDir)
    this.#reserve = new Reserve(this.#files)
    this.#clock = clock
    this.#run = 1 + Math.floor(clock.random() * 2 ** 47)
    this.#post = post
  }

  /** @throws GatewayError `store-locked`, `store-version`, `runtime-unfit`; SQLite's errors of a disk that does not work */
  load(): void {
    const { addonFile } = this.#settings
    this.#lock = lockStore(this.#files, addonFile)
    const opened = this.#withRoom(() => openStoreFiles(this.#files, addonFile, this.#clock.now()))
    this.#connection = opened.connection
    let { faults } = opened
    const read = () => readState(this.#connection!, faults, this.#usedBytes())
    let state: ReturnType<typeof read>
    try {
      state = read()
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#connection.close()
      const reopened = this.#withRoom(() => reopenDamaged(this.#files, addonFile, this.#clock.now(), error))
      this.#connection = reopened.connection
      faults = [...faults, ...reopened.faults]
      state = read()
    }
    this.#reserve.make()
    this.#post({ type: 'loaded', state }, [state.records, ...state.retained.map(({ buffer }) => buffer)])
  }

  /** Opening needs a little space itself. */
  #withRoom<T>(open: () => T): T {
    try {
      return open()
    } catch (error) {
      if (this.#conditionOf(error) !== 'full' || !this.#reserve.release()) throw error
      return open()
    }
  }

  commit(buffer: ArrayBuffer): void {
    this.#clock.clearTimer(this.#idle)
    try {
      this.#committed(buffer, commitBatch(this.#open(), buffer, this.#run))
    } catch (error) {
      this.#afterFailure(buffer, error)
    }
    this.#idle = this.#clock.setTimer(IDLE_MS, () => this.#upkeep())
  }

  /** A page outside of a batch, while batches fail; undefined: it cannot be read now. */
  read(request: PageRequest): void {
    let page: PageAnswer | undefined
    try {
      page = readPage(this.#open(), request)
    } catch (error) {
      this.#throwDamage(error)
    }
    this.#post({ type: 'page', id: request.id, page }, page && [page.buffer])
  }

  close(checkpoint: boolean): void {
    this.#clock.clearTimer(this.#idle)
    try {
      const connection = this.#open()
      noteCleanStop(connection, this.#run)
      if (checkpoint) connection.checkpoint()
      connection.close()
    } catch (error) {
      this.#log('warn', 'the store could not be closed properly', error)
    }
    this.#lock?.close()
    this.#post({ type: 'closed' })
  }

  #committed(buffer: ArrayBuffer, pages: PageAnswer[]): void {
    const usedBytes = this.#cutBack()
    const position = positionOf(buffer)
    this.#post({ type: 'committed', position, usedBytes, pages, buffer }, [buffer, ...pages.map(page => page.buffer)])
  }

  #afterFailure(buffer: ArrayBuffer, error: unknown): void {
    this.#throwDamage(error)
    const condition = this.#conditionOf(error)
    if (condition === undefined) throw error
    const reason = describeError(error)
    try {
      if (this.#settles(buffer, error)) return
      if (condition === 'full' && this.#makeRoom(buffer)) this.#tryAgain(buffer, reason)
      else this.#failed(condition, reason)
    } catch (again) {
      this.#throwDamage(again)
      this.#findOut(buffer, condition, reason, RETRY_FIRST_MS)
    }
  }

  /** There may be room now. */
  #tryAgain(buffer: ArrayBuffer, reason: string): void {
    try {
      this.#committed(buffer, commitBatch(this.#open(), buffer, this.#run))
    } catch (error) {
      if (!this.#settles(buffer, error)) this.#failed('full', reason)
    }
  }

  /** Brings the connection into a known state after an error, and reports the batch if it was committed after all. */
  #settles(buffer: ArrayBuffer, error: unknown): boolean {
    if (isRolledBack(error)) this.#open().rollback()
    else this.#reopen()
    if (!this.#isCommitted(buffer)) return false
    this.#committed(buffer, [])
    return true
  }

  /** Takes out what the batch takes out, with the reserve's space if need be. False: even that was not possible. */
  #makeRoom(buffer: ArrayBuffer): boolean {
    this.#reserve.release()
    const connection = this.#open()
    try {
      commitDeletions(connection, buffer)
      shorten(connection)
      return true
    } catch (error) {
      if (!isRolledBack(error)) throw error
      connection.rollback()
      return false
    }
  }

  /** The outcome is not known: it opens the database again until the stored position says. */
  #findOut(buffer: ArrayBuffer, condition: Condition, reason: string, delayMs: number): void {
    try {
      this.#reopen()
      if (this.#isCommitted(buffer)) this.#committed(buffer, [])
      else this.#failed(condition, reason)
    } catch (error) {
      this.#throwDamage(error)
      this.#post({ type: 'trouble', condition, reason: describeError(error) })
      this.#clock.setTimer(delayMs, () => this.#findOut(buffer, condition, reason, Math.min(delayMs * 2, RETRY_LAST_MS)))
    }
  }

  #failed(condition: Condition, reason: string): void {
    this.#post({ type: 'failed', condition, reason, usedBytes: this.#usedBytes() })
  }

  #isCommitted(buffer: ArrayBuffer): boolean {
    const { position, run } = lastCommit(this.#open())
    return run === this.#run && position >= positionOf(buffer)
  }

  #open(): Connection {
    if (this.#connection === undefined) this.#reopen()
    return this.#connection!
  }

  /**
   * After an I/O error the connection is not to be trusted, nor are pages of the WAL that only the page cache has: all
   * of it is written to the database and synced before anything in it counts.
   */
  #reopen(): void {
    const old = this.#connection
    this.#connection = undefined
    try {
      old?.close()
    } catch {
      // It has done all it can.
    }
    const connection = new Connection(this.#files, this.#settings.addonFile)
    try {
      if (!connection.checkpoint()) throw new Error('the write-ahead log could not be written back')
      this.#connection = connection
    } finally {
      if (this.#connection === undefined) connection.close()
    }
  }

  #usedBytes(): number {
    return (this.#connection?.usedPageBytes() ?? 0) + fileBytes(this.#files.wal)
  }

  /** Where the budget or the disk is nearly spent the WAL is not left to grow: writing it back later needs space too. */
  #cutBack(): number {
    const used = this.#usedBytes()
    const wal = fileBytes(this.#files.wal)
    if (wal === 0 || (used <= this.#settings.bytesMax && freeBytes(this.#files.dataDir) > 2 * wal + FREE_BYTES_LOW)) return used
    try {
      this.#connection?.checkpoint()
    } catch (error) {
      this.#log('warn', 'the write-ahead log could not be written back', error)
    }
    return this.#usedBytes()
  }

  /** Nothing is asked of the store: the reserve is made again, and free pages go back to the file system. */
  #upkeep(): void {
    this.#idle = undefined
    this.#reserve.make()
    const connection = this.#connection
    if (connection === undefined) return
    try {
      const free = connection.freePages()
      if (free <= FREE_PAGES_KEPT || free * 4 <= connection.pageCount()) return
      connection.database.pragma(`incremental_vacuum(${VACUUM_PAGES})`)
      this.#idle = this.#clock.setTimer(IDLE_MS / 10, () => this.#upkeep())
    } catch (error) {
      this.#throwDamage(error)
      this.#log('warn', 'free pages could not be given back', error)
      this.#connection = undefined
      connection.close()
    }
  }

  /** What an error says about the disk; undefined: it is not the disk's. */
  #conditionOf(error: unknown): Condition | undefined {
    const code = systemCode(error) ?? ''
    if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') return 'full'
    if (!code.startsWith('SQLITE_') && !/^E[A-Z]+$/.test(code)) return undefined
    try {
      return freeBytes(this.#files.dataDir) < 65_536 ? 'full' : 'failed'
    } catch {
      return 'failed'
    }
  }

  /** A damaged database ends the worker, and so the process: the next start is the recovery. */
  #throwDamage(error: unknown): void {
    if (!isDamage(error)) return
    try {
      noteDamage(this.#files, describeError(error))
    } catch {
      // The next start will find out by itself.
    }
    throw error
  }

  #log(level: 'warn' | 'error', message: string, error: unknown): void {
    this.#post({ type: 'log', level, message, fields: { error: describeError(error), code: systemCode(error) } })
  }
}

/** Errors after which the connection is sound and its transaction gone, or to be rolled back. */
function isRolledBack(error: unknown): boolean {
  const code = systemCode(error) ?? ''
  return code === 'SQLITE_FULL' || code.startsWith('SQLITE_BUSY')
}

/**
 * Writes the WAL back on a full disk and makes the database as short as it can be, for a batch is written to the WAL
 * first and has no use for free pages. Those beyond the new end need not be written back either, which matters where
 * the database cannot grow by what stands in the WAL.
 */
function shorten(connection: Connection): void {
  const writeBack = () => {
    try {
      connection.checkpoint()
    } catch (error) {
      if (!isRolledBack(error)) throw error
    }
  }
  writeBack()
  for (let free = connection.freePages(); free > 0; ) {
    connection.database.pragma(`incremental_vacuum(${VACUUM_PAGES_FULL})`)
    writeBack()
    const left = connection.freePages()
    if (left >= free) break
    free = left
  }
}
