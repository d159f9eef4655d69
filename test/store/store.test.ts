/** What is particular to the store on SQLite. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { silentLogger } from '#base/logger.ts'
import { migrate } from '#store/migrations/index.ts'
import type { Migration } from '#store/migrations/migration.ts'
import { committed, entry, message } from '../contracts/store.ts'
import { count } from '../faults/inspect.ts'
import { WriterProcess } from '../faults/writer-process.ts'
import { loadedStore, newStore, temporaryDirectory } from './open-store.ts'

t.test('a second gateway on the same data directory is refused, one after kill -9 is not', async t => {
  const directory = temporaryDirectory(t)
  const writer = new WriterProcess(directory)
  await writer.commits(1)
  await t.rejects(newStore(t, directory).load(), { code: 'store-locked', message: new RegExp(`process ${writer.child.pid}`) })
  await writer.kill()
  const { store } = await loadedStore(t, directory)
  await t.rejects(newStore(t, directory).load(), { code: 'store-locked' }, 'within one process too')
  await store.close()
  await (await loadedStore(t, directory)).store.close()
})

t.test('a directory that is not there is refused', async t => {
  await t.rejects(newStore(t, join(temporaryDirectory(t), 'nowhere')).load(), { code: 'store-failed' })
})

t.test('removals alone wait, anything else takes them along', async t => {
  const { store } = await loadedStore(t, temporaryDirectory(t))
  const entries = [1, 2, 3].map(seq => entry(seq))
  for (const one of entries) store.enqueue(1, one)
  await committed(store)
  store.remove(1, entries[0]!)
  t.equal(store.counters.commits, 1)
  store.putRecord('a', 'b', Buffer.from('c'))
  await committed(store)
  t.equal(store.counters.commits, 2)
  store.remove(1, entries[1]!)
  await committed(store)
  t.equal(store.counters.commits, 3, 'they are committed in the end')
})

t.test('a row that makes no sense is left out of a page, counted and deleted', async t => {
  const directory = temporaryDirectory(t)
  const first = await loadedStore(t, directory)
  for (let seq = 1; seq <= 10; seq++) first.store.enqueue(1, entry(seq))
  first.store.enqueue(2, entry(1))
  first.store.setRetained('a', message({ topic: 'a' }))
  first.store.setRetained('b', message({ topic: 'b' }))
  await first.store.close()
  const database = new Sqlite(join(directory, 'tidegate.db'))
  database.exec("UPDATE queue SET record = x'0909' WHERE id & 4398046511103 IN (3, 4)")
  database.exec("UPDATE queue SET message = 77 WHERE id & 4398046511103 = 5; UPDATE queue SET record = x'' WHERE id >> 42 = 2")
  database.exec("UPDATE retained SET record = x'01ff' WHERE topic = 'b'")
  database.close()
  const errors: string[] = []
  const logger = { ...silentLogger, error: (text: string) => errors.push(text) }
  const { store, state } = await loadedStore(t, directory, { logger })
  t.same(
    [...state.retained].map(({ topic }) => topic),
    ['a'],
  )
  const damaged: number[][] = []
  store.onDamaged = (queue, entries, bytes) => damaged.push([queue, entries, bytes])
  const page = await store.readPage(1, 0, 100, 1e9)
  t.same(
    page.map(({ seq }) => seq),
    [1, 2, 6, 7, 8, 9, 10],
  )
  t.same(damaged, [[1, 3, 3 * page[0].message.size]], 'what is gone is told with what it weighed')
  t.same(await store.readPage(2, 0, 100, 1e9), [], 'a page of nothing else is empty')
  t.equal(store.corruptRecords, 5)
  t.equal(errors.length, 5)
  await committed(store)
  t.equal(count(directory, 'queue'), 7)
})

t.test('a page that begins with rows that make no sense goes on behind them', async t => {
  const directory = temporaryDirectory(t)
  const first = await loadedStore(t, directory)
  for (let seq = 1; seq <= 10; seq++) first.store.enqueue(1, entry(seq))
  await first.store.close()
  const database = new Sqlite(join(directory, 'tidegate.db'))
  database.exec("UPDATE queue SET record = x'' WHERE id & 4398046511103 <= 6")
  database.close()
  const { store } = await loadedStore(t, directory)
  const page = await store.readPage(1, 0, 2, 1e9)
  t.same(
    page.map(({ seq }) => seq),
    [7, 8],
  )
})

t.test('a worker that dies is reported once, and pages that were asked for are refused', async t => {
  const deaths: Error[] = []
  let died: () => void = () => {}
  const dead = new Promise<void>(resolve => {
    died = resolve
  })
  const onFatal = (error: Error) => {
    deaths.push(error)
    died()
  }
  // A batch that cannot be: it stands for a fault of the worker's own.
  const source = `
    const { parentPort } = require('node:worker_threads')
    parentPort.on('message', message => {
      if (message.type !== 'load') throw new Error('out of order')
      parentPort.postMessage({ type: 'loaded', state: { records: new ArrayBuffer(0), recordCount: 0, queues: [], retained: [], faults: [], usedBytes: 0, nextMessageId: 1 } })
    })`
  const { store } = await loadedStore(t, temporaryDirectory(t), { worker: { source }, onFatal })
  const page = store.readPage(1, 0, 10, 1000)
  await t.rejects(page, { code: 'server-busy' })
  await dead
  t.match(deaths, [{ code: 'store-failed', message: /out of order/ }])
  t.throws(() => store.enqueue(1, entry(1)))
})

t.test('the heartbeat is answered', async t => {
  const { store } = await loadedStore(t, temporaryDirectory(t))
  await store.heartbeat()
  await store.heartbeat()
  t.pass()
})

t.test('running time goes on over restarts, and the time between counts where the clock was believed', async t => {
  const directory = temporaryDirectory(t)
  const first = await loadedStore(t, directory, { runningMs: () => 5000 })
  first.store.putRecord('a', 'b', Buffer.from('c'))
  await first.store.close()
  const second = await loadedStore(t, directory)
  t.equal(second.state.clock?.runningMs, 5000)
  t.equal(second.state.clock?.synchronised, true)
  second.store.putRecord('a', 'b', Buffer.from('d'))
  await second.store.close()
  const { state } = await loadedStore(t, directory)
  t.ok(state.clock!.runningMs >= 5000)
})

t.test('the database is for the gateway alone to read', async t => {
  const directory = temporaryDirectory(t)
  const { store } = await loadedStore(t, directory)
  store.putRecord('users', 'a', Buffer.from('hash'))
  await committed(store)
  for (const name of ['tidegate.db', 'tidegate.db-wal']) t.equal(statSync(join(directory, name)).mode & 0o077, 0, name)
})

t.test('space that was used once goes back to the file system when the store is idle', async t => {
  const directory = temporaryDirectory(t)
  const { store } = await loadedStore(t, directory)
  for (let seq = 1; seq <= 1000; seq++) store.enqueue(1, entry(seq, message({ payload: Buffer.alloc(12_000) })))
  await committed(store)
  store.removeRange(1, 1, 1000)
  await committed(store)
  const database = new Sqlite(join(directory, 'tidegate.db'), { readonly: true })
  t.teardown(() => database.close())
  const pages = () => Number(database.pragma('page_count', { simple: true }))
  const before = pages()
  t.ok(before > 2500)
  while (pages() >= before) await new Promise(resolve => setTimeout(resolve, 50))
  t.ok(pages() < before)
})

const noop: Migration = { version: 1, oldestReader: 1, up: database => database.exec('CREATE TABLE meta (key TEXT PRIMARY KEY, value)') }
const additive: Migration = { version: 2, oldestReader: 1, up: database => database.exec('CREATE TABLE extra (x)') }
const breaking: Migration = { version: 3, oldestReader: 3, up: database => database.exec('CREATE TABLE other (x)') }

t.test('migrations', async t => {
  const open = (file: string) => {
    const database = new Sqlite(file)
    t.teardown(() => database.close())
    return database
  }

  t.test('run forward after a copy of the file, of which the newest stays', async t => {
    const file = join(temporaryDirectory(t), 'tidegate.db')
    const database = open(file)
    t.same(migrate(database, file, [noop]), { version: 1, oldestReader: 1 })
    t.notOk(existsSync(`${file}.schema-0`), 'a new database needs no copy')
    t.same(migrate(database, file, [noop, additive]), { version: 2, oldestReader: 1 })
    t.ok(existsSync(`${file}.schema-1`))
    t.same(migrate(database, file, [noop, additive, breaking]), { version: 3, oldestReader: 3 })
    t.same(
      readdirSync(join(file, '..')).filter(name => name.includes('schema')),
      ['tidegate.db.schema-2'],
    )
    const copy = open(`${file}.schema-2`)
    t.same(migrate(copy, file, [noop, additive]), { version: 2, oldestReader: 1 }, 'the copy is whole')
  })

  t.test('a newer schema is left alone where this program can read it, and refused where not', async t => {
    const file = join(temporaryDirectory(t), 'tidegate.db')
    const database = open(file)
    migrate(database, file, [noop, additive])
    t.same(migrate(database, file, [noop]), { version: 2, oldestReader: 1 })
    migrate(database, file, [noop, additive, breaking])
    t.throws(() => migrate(database, file, [noop, additive]), { code: 'store-version', message: /schema 3.*from schema 3 on.*schema 2/ })
  })

  t.test('a step that fails leaves the schema as it was', async t => {
    const file = join(temporaryDirectory(t), 'tidegate.db')
    const database = open(file)
    const failing: Migration = { version: 2, oldestReader: 1, up: of => of.exec('CREATE TABLE half (x); nonsense') }
    migrate(database, file, [noop])
    t.throws(() => migrate(database, file, [noop, failing]))
    t.same(migrate(database, file, [noop, additive]), { version: 2, oldestReader: 1 })
    t.equal(database.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").pluck().get(), 0)
  })

  t.test('a store of a version to come is refused with a sentence that names both', async t => {
    const directory = temporaryDirectory(t)
    await (await loadedStore(t, directory)).store.close()
    const database = open(join(directory, 'tidegate.db'))
    database.exec("UPDATE meta SET value = 99 WHERE key IN ('schema', 'oldest_reader')")
    database.close()
    await t.rejects(newStore(t, directory).load(), { code: 'store-version', message: /99/ })
    t.same(
      readdirSync(directory).filter(name => name.includes('corrupt')),
      [],
      'and is not taken for damaged',
    )
  })
})
