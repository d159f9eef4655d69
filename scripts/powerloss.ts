/**
 * Cuts the power of a real file system again and again while the store writes to it, and compares what is left with
 * what was committed: `powerloss.ts [ROUNDS]`. Needs root, loop devices, mkfs.ext4 and gcc.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inconsistencies } from '../test/faults/inspect.ts'
import { cutPower } from '../test/faults/power-loss.ts'
import { Ext4Disk } from '../test/faults/tools.ts'

/** Rounds on one file system, before it is made anew: models are replayed from their first step. */
const ROUNDS_PER_DISK = 20

const rounds = Number(process.argv[2] ?? 200)
let bad = 0
for (let round = 1; round <= rounds; ) {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-powerloss-'))
  const disk = new Ext4Disk(directory)
  try {
    for (let count = 0; count < ROUNDS_PER_DISK && round <= rounds; count++, round++) {
      const { said, found, differences } = await cutPower(disk, round)
      const faults = [...differences, ...(found < said ? [`lost ${said - found} steps`] : [])]
      if (faults.length > 0) bad++
      console.log(`round ${round}: ${said} committed, ${found} found${faults.map(fault => `; ${fault}`).join('')}`)
    }
    for (const fault of inconsistencies(disk.directory)) {
      bad++
      console.log(fault)
    }
  } finally {
    disk.remove()
    rmSync(directory, { recursive: true, force: true })
  }
}
console.log(`${rounds} power cuts, ${bad} with a loss`)
process.exitCode = bad === 0 ? 0 : 1
