import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inconsistencies } from '../faults/inspect.ts'
import { compile, missing } from '../faults/tools.ts'
import { differences, stepOf } from '../faults/workload.ts'
import { WriterProcess } from '../faults/writer-process.ts'
import { loadedStore, temporaryDirectory } from './open-store.ts'

const skip = missing({ tools: ['gcc'] })

for (const [fault, word] of [
  ['syncs', 'sync'],
  ['writes', 'write'],
] as const) {
  t.test(`while ${fault} fail nothing is committed, and it goes on by itself afterwards`, { skip }, async t => {
    const directory = temporaryDirectory(t)
    const tools = temporaryDirectory(t)
    const control = join(tools, 'control')
    const library = compile('failsync.c', tools, { shared: true })
    const env = { LD_PRELOAD: library, FAULT_CTL: control, FAULT_PATH: directory }
    for (let round = 1; round <= 4; round++) {
      const writer = new WriterProcess(directory, { env })
      await writer.commits(3 + round)
      const failed = writer.line(/^condition failed/)
      writeFileSync(control, word)
      await failed
      const at = writer.lines.length
      const recovered = writer.line(/^condition ok/)
      rmSync(control)
      await recovered
      // At once, so that the batch that failed is still to be seen in the queues.
      await writer.kill()
      const between = writer.lines.slice(at, writer.lines.indexOf('condition ok')).filter(line => line.startsWith('step'))
      t.ok(between.length <= 1, `round ${round}: no commit before it recovered but the one that shows it`)
      const { store, state } = await loadedStore(t, directory)
      t.same(await differences(store, state), [])
      t.ok(stepOf(state) >= writer.step)
      t.same(state.faults, [])
      await store.close()
    }
    t.same(inconsistencies(directory), [])
  })
}

t.test('killed while syncs fail, it comes back with what was committed', { skip }, async t => {
  const directory = temporaryDirectory(t)
  const tools = temporaryDirectory(t)
  const control = join(tools, 'control')
  const env = { LD_PRELOAD: compile('failsync.c', tools, { shared: true }), FAULT_CTL: control, FAULT_PATH: directory }
  for (let round = 1; round <= 4; round++) {
    rmSync(control, { force: true })
    const writer = new WriterProcess(directory, { env })
    await writer.commits(3 * round)
    const failed = writer.line(/^condition failed/)
    writeFileSync(control, 'sync')
    await failed
    await writer.kill()
    const { store, state } = await loadedStore(t, directory)
    t.same(await differences(store, state), [])
    t.ok(stepOf(state) >= writer.step)
    await store.close()
  }
})
