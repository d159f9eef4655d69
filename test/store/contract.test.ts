import t from 'tap'
import { systemClock } from '#base/system-clock.ts'
import { storeContract } from '../contracts/store.ts'
import { MemoryDisk, MemoryStore } from '../support/memory-store.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { loadedStore, temporaryDirectory } from './open-store.ts'

t.test('the store on SQLite', async t => {
  storeContract(t, t => {
    const directory = temporaryDirectory(t)
    return { open: () => loadedStore(t, directory) }
  })
})

t.test('the store in memory that stands in for it in tests', async t => {
  storeContract(t, () => {
    const disk = new MemoryDisk()
    return {
      open: async () => {
        const store = new MemoryStore({ clock: systemClock(), disk })
        return { store, state: await store.load() }
      },
    }
  })
})

t.test('the store in memory does what a test makes of its disk', async t => {
  const clock = new VirtualClock()
  const disk = new MemoryDisk()
  const store = new MemoryStore({ clock, disk })
  store.hold()
  store.putRecord('a', 'x', Buffer.from('1'))
  clock.settle()
  t.equal(store.committed, 0, 'held')
  store.release()
  t.equal(store.committed, 1)
  store.fail('full')
  store.putRecord('a', 'y', Buffer.from('2'))
  clock.settle()
  t.equal(store.condition, 'full')
  store.heal()
  t.equal(store.condition, 'ok')
  t.equal(store.committed, 2)
  store.putRecord('a', 'z', Buffer.from('3'))
  store.crash()
  const { records } = await new MemoryStore({ clock, disk }).load()
  t.same([...records.get('a')!.keys()], ['x', 'y'], 'what was not committed is lost')
})
