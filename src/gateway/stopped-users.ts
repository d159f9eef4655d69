/** The users in the store of a gateway that does not run: under the store's lock, so that none can start meanwhile. */
import { mkdirSync } from 'node:fs'
import { StoredUsers, USER_RECORDS } from '#access/index.ts'
import type { UserStatus } from '#admin/ports.ts'
import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import type { Position } from '#broker/ports.ts'
import { RecordTable } from '#broker/record-table.ts'
import { openStore, type SqliteStore } from '#store/index.ts'
import { storeProgram } from './store-worker.ts'

/** What is changed is on disk when its promise resolves. */
export interface StoppedUsers {
  list(): UserStatus[]
  add(username: string, password: string): Promise<void>
  changePassword(username: string, password: string): Promise<void>
  remove(username: string): Promise<void>
  close(): Promise<void>
}

/** @throws GatewayError `store-locked` where a gateway runs after all, `store-failed` and what else opening a store throws */
export async function openStoppedUsers(dataDir: string, clock: Clock, logger: Logger): Promise<StoppedUsers> {
  mkdirSync(dataDir, { recursive: true, mode: 0o750 })
  const died = Promise.withResolvers<never>()
  died.promise.catch(() => {})
  const store = openStore({ dataDir, ...storeProgram(), clock, logger, onFatal: error => died.reject(error) })
  const commits = new CommitWatch(store)
  const state = await Promise.race([store.load(), died.promise])
  const users = new StoredUsers(new RecordTable(store, state.records).of(USER_RECORDS), clock)
  const durable = async (position: Position) => {
    store.flush()
    await Promise.race([commits.reached(position), died.promise])
  }
  return {
    list: () =>
      Array.from(users.all(), ({ name, scram, createdAtMs }) => ({
        username: name,
        source: 'store',
        scram: scram !== undefined,
        createdAtMs,
      })),
    add: async (name, password) => durable(await users.add(name, password)),
    changePassword: async (name, password) => durable(await users.changePassword(name, password)),
    remove: async name => durable(users.remove(name)),
    close: () => store.close(),
  }
}

/** Waits for the one commit that there is. */
class CommitWatch {
  readonly #store: SqliteStore
  #waiting: { position: Position; resolve: () => void; reject: (error: Error) => void } | undefined

  constructor(store: SqliteStore) {
    this.#store = store
    store.onCommitted = committed => {
      if (this.#waiting !== undefined && committed >= this.#waiting.position) this.#waiting.resolve()
    }
    store.onCondition = (condition, reason) => {
      if (condition !== 'ok') this.#waiting?.reject(new GatewayError(condition === 'full' ? 'store-full' : 'store-failed', reason))
    }
  }

  reached(position: Position): Promise<void> {
    if (this.#store.committed >= position) return Promise.resolve()
    return new Promise((resolve, reject) => (this.#waiting = { position, resolve, reject }))
  }
}
