import t from 'tap'
import { inconsistencies } from '../faults/inspect.ts'
import { differences, stepOf } from '../faults/workload.ts'
import { WriterProcess } from '../faults/writer-process.ts'
import { loadedStore, temporaryDirectory } from './open-store.ts'

const ROUNDS = 22

t.test('after kill -9 the store holds exactly one of the states it went through, and none older than it said', async t => {
  const directory = temporaryDirectory(t)
  for (let round = 1; round <= ROUNDS; round++) {
    const writer = new WriterProcess(directory)
    await writer.commits(1 + ((round * 7) % 40))
    // Somewhere between this commit and the next.
    for (let turns = (round * 37) % 60; turns > 0; turns--) await new Promise(resolve => setImmediate(resolve))
    await writer.kill()
    const { store, state } = await loadedStore(t, directory)
    const found = await differences(store, state)
    await store.close()
    const step = stepOf(state)
    if (found.length > 0 || step < writer.step || state.faults.length > 0) {
      t.fail(`round ${round}: step ${step} after ${writer.step} was committed`, { found, faults: state.faults })
      return
    }
  }
  t.same(inconsistencies(directory), [])
})
