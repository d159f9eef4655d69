/**
 * A process that does nothing but work on a store until it is killed: `writer.ts DIRECTORY WORKER [STEPS]`. Says on
 * stdout, in lines of their own, `step N` once all up to step N is committed, `condition C` when that changes, and
 * `done N` at the end.
 */
import { writeSync } from 'node:fs'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { openStore } from '#store/index.ts'
import { stepOf, Workload } from './workload.ts'

const [dataDir = '', file = '', steps = 'Infinity'] = process.argv.slice(2)
/** Steps that may be uncommitted: few enough that what a lost batch held would still be missing two batches later. */
const STEPS_AHEAD = 60

const say = (line: string) => writeSync(1, `${line}\n`)

async function main(): Promise<void> {
  const onFatal = (error: Error) => {
    say(`fatal ${error.message}`)
    process.exit(1)
  }
  const store = openStore({ dataDir, worker: { file }, clock: systemClock(), logger: silentLogger, commitIntervalMs: 1, onFatal })
  const state = await store.load()
  for (const { message } of state.faults) say(`fault ${message}`)
  const workload = new Workload()
  workload.replay(stepOf(state))
  const last = workload.step + Number(steps)
  const positions: { step: number; position: number }[] = []
  let waiting = false

  const work = () => {
    waiting = positions.length > STEPS_AHEAD
    if (waiting || workload.step === last) return
    const position = workload.next(store)
    positions.push({ step: workload.step, position })
    setImmediate(work)
  }
  store.onCondition = condition => say(`condition ${condition}`)
  store.onCommitted = committed => {
    let step = 0
    while (positions.length > 0 && positions[0]!.position <= committed) step = positions.shift()!.step
    if (step > 0) say(`step ${step}`)
    if (step === last) {
      void store.close().then(() => say(`done ${last}`))
    } else if (waiting) work()
  }
  say(`start ${workload.step}`)
  work()
}

void main()
