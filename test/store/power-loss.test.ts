import t from 'tap'
import { inconsistencies } from '../faults/inspect.ts'
import { cutPower } from '../faults/power-loss.ts'
import { Ext4Disk, missing } from '../faults/tools.ts'
import { temporaryDirectory } from './open-store.ts'

const ROUNDS = 6

t.test('a power cut loses nothing that was committed', { skip: missing({ root: true, tools: ['gcc', 'mkfs.ext4'] }) }, async t => {
  const disk = new Ext4Disk(temporaryDirectory(t))
  t.teardown(() => disk.remove())
  for (let round = 1; round <= ROUNDS; round++) {
    const { said, found, differences } = await cutPower(disk, round)
    t.ok(found >= said && said > 0, `round ${round}: step ${found} found, ${said} was committed`)
    t.same(differences, [])
  }
  t.same(inconsistencies(disk.directory), [])
})
