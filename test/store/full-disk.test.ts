import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { StoreCondition } from '#broker/ports.ts'
import type { SqliteStore } from '#store/index.ts'
import { committed, entry, message } from '../contracts/store.ts'
import { count, inconsistencies } from '../faults/inspect.ts'
import { missing, mountTmpfs, unmount } from '../faults/tools.ts'
import { loadedStore, temporaryDirectory } from './open-store.ts'

/** Resolves when the store is in a condition. Takes over `onCondition`. */
function become(store: SqliteStore, wanted: StoreCondition): Promise<void> {
  return new Promise(resolve => {
    store.onCondition = condition => {
      if (condition === wanted) resolve()
    }
    if (store.condition === wanted) resolve()
  })
}

const big = () => message({ payload: Buffer.alloc(20_000, 'x') })

/** Takes what is left of a file system. */
function fill(file: string): void {
  for (const size of [1 << 20, 1 << 16, 1 << 12]) {
    try {
      for (let count = 0; count < 100; count++) writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
    } catch {
      // No more of that size.
    }
  }
}

t.test('a full disk', { skip: missing({ root: true }) }, async t => {
  t.test('keeps the batch, acknowledges nothing of it, and recovers by itself when space returns', async t => {
    const directory = mountTmpfs(temporaryDirectory(t), '12M')
    t.teardown(() => unmount(directory))
    const { store } = await loadedStore(t, directory)
    const first = Array.from({ length: 50 }, (_, index) => entry(index + 1, big()))
    for (const one of first) store.enqueue(1, one)
    await committed(store)
    const before = store.committed
    t.equal(statSync(join(directory, 'tidegate.reserve')).size, 1 << 20)
    fill(join(directory, 'ballast'))
    const full = become(store, 'full')
    for (let seq = 51; seq <= 300; seq++) store.enqueue(1, entry(seq, big()))
    store.putRecord('a', 'b', Buffer.from('c'))
    await full
    t.equal(store.committed, before)
    t.ok(store.uncommittedBytes > 5_000_000)
    t.ok(store.counters.failures > 0)
    t.equal(existsSync(join(directory, 'tidegate.reserve')), false, 'the reserve was given up')
    t.equal((await store.readPage(1, 0, 1000, 1e9)).length, 50, 'what is committed can be read meanwhile')
    t.equal((await store.readPage(1, 45, 3, 1e9)).length, 3)
    store.remove(1, first[45]!)
    store.removeRange(1, 48, 48)
    const page = await store.readPage(1, 45, 5, 1e9)
    t.same(
      page.map(({ seq }) => seq),
      [45, 47, 49],
      'without what is taken out',
    )
    rmSync(join(directory, 'ballast'))
    await Promise.all([become(store, 'ok'), committed(store)])
    t.equal(store.condition, 'ok')
    t.equal(store.uncommittedBytes, 0)
    t.equal((await store.readPage(1, 0, 1000, 1e9)).length, 298)
    await store.close()
    t.same(inconsistencies(directory), [])
  })

  t.test('is left by taking entries out, though there is no space but the reserve', async t => {
    const directory = mountTmpfs(temporaryDirectory(t), '12M')
    t.teardown(() => unmount(directory))
    const { store } = await loadedStore(t, directory)
    const entries = Array.from({ length: 200 }, (_, index) => entry(index + 1, big()))
    for (const one of entries) store.enqueue(1, one)
    await committed(store)
    fill(join(directory, 'ballast'))
    const full = become(store, 'full')
    const later = Array.from({ length: 151 }, (_, index) => entry(index + 1, big()))
    for (const one of later) store.enqueue(2, one)
    await full
    for (const one of entries) store.remove(1, one)
    store.remove(2, later[150]!)
    t.equal(store.counters.elided, 1, 'what stands in the failing batch can be elided')
    await Promise.all([become(store, 'ok'), committed(store)])
    t.equal((await store.readPage(2, 0, 1000, 1e9)).length, 150)
    t.same(await store.readPage(1, 0, 1000, 1e9), [])
    await store.close()
    t.same(inconsistencies(directory), [])
  })

  t.test('never takes an entry out of one queue before it is in the other that it moves to', async t => {
    const directory = mountTmpfs(temporaryDirectory(t), '12M')
    t.teardown(() => unmount(directory))
    const { store } = await loadedStore(t, directory)
    const moving = entry(1, message({ payload: Buffer.from('moving') }))
    const done = entry(2)
    store.enqueue(1, moving)
    store.enqueue(1, done)
    await committed(store)
    fill(join(directory, 'ballast'))
    const full = become(store, 'full')
    for (let seq = 1; seq <= 300; seq++) store.enqueue(2, entry(seq, big()))
    store.enqueue(3, entry(1, moving.message))
    store.remove(1, moving)
    store.remove(1, done)
    await full
    t.equal(count(directory, 'queue'), 1, 'what only goes has gone, what moves has not')
    rmSync(join(directory, 'ballast'))
    await Promise.all([become(store, 'ok'), committed(store)])
    t.equal((await store.readPage(3, 0, 10, 1e9)).length, 1)
    t.same(await store.readPage(1, 0, 10, 1e9), [])
    await store.close()
    t.same(inconsistencies(directory), [])
  })

  t.test('does not keep a store from opening', async t => {
    const directory = mountTmpfs(temporaryDirectory(t), '12M')
    t.teardown(() => unmount(directory))
    const first = await loadedStore(t, directory)
    for (let seq = 1; seq <= 50; seq++) first.store.enqueue(1, entry(seq, big()))
    await first.store.close()
    fill(join(directory, 'ballast'))
    const { store, state } = await loadedStore(t, directory)
    t.equal(state.queues[0]?.count, 50)
    t.same(state.faults, [])
    store.removeRange(1, 1, 50)
    await committed(store)
    t.same(await store.readPage(1, 0, 10, 1e9), [])
    await store.close()
  })
})

t.test('a budget that is spent makes the store full, and room in it makes it take writes again', async t => {
  const directory = temporaryDirectory(t)
  const { store } = await loadedStore(t, directory, { bytesMax: 1_000_000 })
  const full = become(store, 'full')
  for (let seq = 1; seq <= 60; seq++) store.enqueue(1, entry(seq, big()))
  await full
  await committed(store)
  t.equal(store.committed, 60, 'what was appended is committed all the same')
  t.ok(store.usedBytes > 1_000_000)
  const ok = become(store, 'ok')
  store.removeRange(1, 1, 40)
  await ok
  t.ok(store.usedBytes < 950_000, `${store.usedBytes}`)
})
