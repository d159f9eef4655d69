/** One job, whatever its kind. */
import type { Figures, Job } from '../job.ts'
import { type Control, runBacklog } from './backlog.ts'
import { runIdle, runStorm } from './connects.ts'
import { runFlow } from './flow.ts'
import { runRetained } from './retained.ts'

/** Does the job and resolves with what was measured. @throws when the server refuses, hangs or ends */
export function runJob(job: Job, control: Control): Promise<Figures> {
  const { load } = job
  switch (load.kind) {
    case 'flow':
      return runFlow(job, load)
    case 'backlog':
      return runBacklog(job, load, control)
    case 'retained':
      return runRetained(job, load)
    case 'idle':
      return runIdle(job, load)
    case 'storm':
      return runStorm(job, load)
  }
}
