import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { openStore } from '#store/index.ts'
import { WORKER_FILE } from '../store/open-store.ts'
import type { Ext4Disk } from './tools.ts'
import { differences, stepOf } from './workload.ts'
import { WriterProcess } from './writer-process.ts'

export interface Cut {
  /** The last step that the writer said was committed, and the one that is found afterwards. */
  said: number
  found: number
  differences: string[]
}

/**
 * Writes to a store on `disk`, cuts its power at some moment, and looks at what is left. The writer is halted before:
 * a sync that is under way at the very moment of EXT4_IOC_SHUTDOWN now and then returns success although its data is
 * lost, for any program, which no disk that loses power would do.
 */
export async function cutPower(disk: Ext4Disk, round: number): Promise<Cut> {
  const writer = new WriterProcess(disk.directory)
  await writer.commits(1 + ((round * 7) % 40))
  await writer.halt()
  disk.cut()
  await writer.kill()
  disk.back()
  const onFatal = (error: Error) => {
    throw error
  }
  const store = openStore({ dataDir: disk.directory, worker: { file: WORKER_FILE }, clock: systemClock(), logger: silentLogger, onFatal })
  const state = await store.load()
  const found = await differences(store, state)
  await store.close()
  return { said: writer.step, found: stepOf(state), differences: [...found, ...state.faults.map(({ message }) => message)] }
}
