/** One server, one scenario, once: a fresh start, the load, the stop. */
import { generate } from './generator-process.ts'
import type { Figures, Load } from './job.ts'
import type { Placement } from './placement.ts'
import type { Scenario } from './scenarios.ts'
import { ServerProcess } from './server-process.ts'
import type { ServerDefinition } from './servers.ts'

/** What a run may take beyond warm-up and measured span: connecting, storing and fetching what is counted, stalls. */
const EXTRA_MS = 60_000
/** For each message that a scenario counts: slow disks store a few thousand a second. */
const COUNTED_MS = 1
const STALL_SECONDS = 3
/** A server may sync to disk for a while, or read back what it stored, before it goes on. */
const BACKLOG_STALL_SECONDS = 10

export interface Plan {
  placement: Placement
  warmupSeconds: number
  durationSeconds: number
  keep: boolean
  /** Ends the run at once; what it started is cleaned up all the same. */
  signal: AbortSignal
}

/** @throws when the server does not start, or the load could not be put on it */
export async function measure(definition: ServerDefinition, scenario: Scenario, plan: Plan): Promise<Figures> {
  const { placement, warmupSeconds, durationSeconds } = plan
  const { load } = scenario
  let server: ServerProcess | undefined
  try {
    const started = await ServerProcess.start(definition, placement, scenario, made => {
      server = made
    })
    return await generate({
      core: placement.cores?.generator,
      job: {
        port: started.setting.port,
        serverPid: started.pid,
        load,
        warmupSeconds,
        durationSeconds,
        stallSeconds: 'messages' in load ? BACKLOG_STALL_SECONDS : STALL_SECONDS,
      },
      timeoutMs: (warmupSeconds + durationSeconds) * 1000 + EXTRA_MS + countedMs(load),
      restart: async () => {
        const restartMs = await started.restart()
        return { serverPid: started.pid, restartMs }
      },
      signal: plan.signal,
    })
  } finally {
    await server?.stop()
    if (!plan.keep) server?.clear()
  }
}

function countedMs(load: Load): number {
  return 'messages' in load ? load.messages * COUNTED_MS : 0
}
