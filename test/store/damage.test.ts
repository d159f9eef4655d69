import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { StoredState } from '#broker/ports.ts'
import { committed, entry, message } from '../contracts/store.ts'
import { inconsistencies } from '../faults/inspect.ts'
import { loadedStore, temporaryDirectory } from './open-store.ts'

const ENTRIES = 2000
const RECORDS = 300
const RETAINED = 200
const PAGE = 4096

/** A store that was stopped, or was killed as far as its files can tell (`clean` false). */
async function filled(t: Test, clean: boolean): Promise<{ directory: string; file: string }> {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'tidegate.db')
  const { store } = await loadedStore(t, directory)
  for (let seq = 1; seq <= ENTRIES; seq++) store.enqueue(1 + (seq % 4), entry(seq, message({ payload: Buffer.alloc(200, `${seq} `) })))
  const shared = message({ payload: Buffer.from('shared') })
  store.enqueue(8, entry(1, shared))
  store.enqueue(9, entry(1, shared))
  for (let index = 0; index < RECORDS; index++) store.putRecord(`owner${index % 10}`, `key${index}`, Buffer.alloc(100, `${index}`))
  for (let index = 0; index < RETAINED; index++)
    store.setRetained(`t/${index}`, message({ topic: `t/${index}`, payload: Buffer.alloc(50) }))
  await committed(store)
  await store.close()
  if (!clean) await pretendKilled(t, directory)
  return { directory, file }
}

async function pretendKilled(t: Test, directory: string): Promise<void> {
  const { store } = await loadedStore(t, directory)
  store.putRecord('owner0', 'killed', Buffer.from('x'))
  await committed(store)
  const keep = new Map<string, Buffer>(readdirSync(directory).map(name => [name, readFileSync(join(directory, name))]))
  await store.close()
  for (const [name, bytes] of keep)
    if (name.startsWith('tidegate.db') && !name.endsWith('-shm')) writeFileSync(join(directory, name), bytes)
}

function scribble(file: string, from: number, length: number): void {
  const bytes = readFileSync(file)
  for (let at = from; at < Math.min(from + length, bytes.length); at++) bytes[at] = (at * 7919 + 13) & 0xff
  writeFileSync(file, bytes)
}

async function opens(t: Test, directory: string, run: (state: StoredState) => void): Promise<void> {
  const { store, state } = await loadedStore(t, directory)
  run(state)
  for (const { queue, count } of state.queues)
    t.equal((await store.readPage(queue, 0, 10_000, 1e9)).length, count, `queue ${queue} holds what it counts`)
  store.enqueue(50, entry(1 + (state.queues.find(({ queue }) => queue === 50)?.lastSeq ?? 0)))
  await committed(store)
  t.equal(store.condition, 'ok', 'it takes writes')
  await store.close()
  t.same(inconsistencies(directory), [])
  const again = await loadedStore(t, directory)
  t.same(again.state.faults, [], 'the next start is an ordinary one')
  await again.store.close()
}

const entries = (state: StoredState) => state.queues.reduce((sum, { count }) => sum + count, 0)
const records = (state: StoredState) => [...state.records.values()].reduce((sum, { size }) => sum + size, 0)

for (const clean of [true, false]) {
  const after = clean ? 'after a clean stop' : 'after a kill'

  t.test(`a header of garbage ${after} loses nothing`, async t => {
    const { directory, file } = await filled(t, clean)
    scribble(file, 0, 100)
    await opens(t, directory, state => {
      // After a kill the WAL still has the first page, and nothing is wrong.
      t.match(state.faults, clean ? [{ code: 'store-corrupt', salvaged: { entries: ENTRIES + 2, retained: RETAINED } }] : [])
      t.equal(
        state.faults.every(({ file }) => existsSync(file)),
        true,
        'the damaged file is kept',
      )
      t.equal(records(state), RECORDS + (clean ? 0 : 1))
      t.equal(entries(state), ENTRIES + 2)
    })
  })

  t.test(`a first page of garbage ${after} loses nothing`, async t => {
    const { directory, file } = await filled(t, clean)
    scribble(file, 0, PAGE)
    await opens(t, directory, state => {
      t.equal(entries(state), ENTRIES + 2)
      t.equal(records(state), RECORDS + (clean ? 0 : 1))
    })
  })

  t.test(`a file cut in half ${after} keeps what is on the half that is left`, async t => {
    const { directory, file } = await filled(t, clean)
    truncateSync(file, Math.floor(statSync(file).size / 2 / PAGE) * PAGE + 1000)
    await opens(t, directory, state => {
      t.equal(state.faults.length, 1)
      t.ok(entries(state) > ENTRIES * 0.2, `${entries(state)} entries are left`)
    })
  })

  t.test(`an empty database file ${after} is a new store`, async t => {
    const { directory, file } = await filled(t, clean)
    truncateSync(file, 0)
    await opens(t, directory, state => {
      t.equal(state.faults.length, clean ? 0 : 1, 'with a WAL beside it, it was not new')
      t.equal(entries(state), 0)
    })
  })
}

t.test('pages of garbage in the middle cost what was on them', async t => {
  const { directory, file } = await filled(t, false)
  const pages = Math.floor(statSync(file).size / PAGE)
  scribble(file, Math.floor(pages / 2) * PAGE, 3 * PAGE)
  await opens(t, directory, state => {
    t.equal(state.faults.length, 1, 'the check after an unclean stop sees it')
    t.ok(entries(state) > ENTRIES * 0.8, `${entries(state)} entries are left`)
    t.ok(entries(state) < ENTRIES + 2)
  })
})

t.test('a file that is no database at all is set aside', async t => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'tidegate.db'), Buffer.alloc(50_000, 'not a database '))
  await opens(t, directory, state => t.match(state.faults, [{ code: 'store-corrupt', salvaged: { entries: 0, records: 0, retained: 0 } }]))
})

t.test('garbage in the WAL costs no more than what stood there alone', async t => {
  const { directory, file } = await filled(t, false)
  const wal = `${file}-wal`
  t.ok(statSync(wal).size > 0)
  scribble(wal, 32 + 24 + 100, 500)
  await opens(t, directory, state => t.equal(entries(state), ENTRIES + 2))
})

t.test('a WAL that does not begin like one is set aside and reported', async t => {
  const { directory, file } = await filled(t, false)
  scribble(`${file}-wal`, 0, 64)
  await opens(t, directory, state => {
    t.match(state.faults, [{ code: 'store-corrupt' }])
    t.ok(state.faults[0]!.file.endsWith('-wal') && existsSync(state.faults[0]!.file))
    t.equal(entries(state), ENTRIES + 2)
  })
})

t.test('a WAL that is gone costs what stood there alone', async t => {
  const { directory, file } = await filled(t, false)
  rmSync(`${file}-wal`)
  await opens(t, directory, state => {
    t.same(state.faults, [])
    t.equal(entries(state), ENTRIES + 2)
  })
})

t.test('damage that shows only while running ends the worker, and the next start is the recovery', async t => {
  const { directory, file } = await filled(t, true)
  const pages = Math.floor(statSync(file).size / PAGE)
  scribble(file, Math.floor(pages / 3) * PAGE, Math.floor(pages / 3) * PAGE)
  let fatal: (error: Error) => void = () => {}
  const died = new Promise<Error>(resolve => {
    fatal = resolve
  })
  const first = await loadedStore(t, directory, { onFatal: fatal })
  if (first.state.faults.length === 0) {
    for (let queue = 1; queue <= 4; queue++) first.store.readPage(queue, 0, 10_000, 1e9).catch(() => {})
    t.match(await died, { code: 'store-failed', message: /malformed/ })
    t.ok(existsSync(join(directory, 'tidegate.damaged')), 'a note is left')
  }
  await first.store.close()
  await opens(t, directory, state => {
    t.equal(state.faults.length, 1 - first.state.faults.length)
    t.ok(entries(state) > 0)
  })
  t.notOk(existsSync(join(directory, 'tidegate.damaged')))
})

t.test('an exchange of files that was cut short is finished at the next start', async t => {
  const { directory, file } = await filled(t, true)
  writeFileSync(join(directory, 'tidegate.damaged'), 'noted before')
  await opens(t, directory, state => {
    t.match(state.faults, [{ message: /noted before/, salvaged: { entries: ENTRIES + 2, records: RECORDS, retained: RETAINED } }])
  })
  // The damaged file has been moved away, the new one is not in its place yet.
  writeFileSync(join(directory, 'tidegate.damaged'), 'noted before')
  writeFileSync(`${file}.salvaged`, readFileSync(file))
  rmSync(file)
  await opens(t, directory, state => t.equal(entries(state), ENTRIES + 3))
})
