/** The driver's side of a generator process: starts it on its core, hands it the job, serves its wishes, bounds its time. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Figures, FromGenerator, Job, ToGenerator } from './job.ts'
import { pinned } from './placement.ts'

/** Large enough that collections in the middle of a run are rare. */
const YOUNG_GENERATION_FLAG = '--max-semi-space-size=32'
const PROGRAM = join(import.meta.dirname, 'generator.ts')

export interface GeneratorOptions {
  core: number | undefined
  job: Job
  timeoutMs: number
  /** The server has been killed: starts it again. */
  restart(): Promise<{ serverPid: number; restartMs: number }>
  signal: AbortSignal
}

/** Runs one job. @throws what the generator says, when it ends early or takes longer than it may, and when `signal` aborts */
export async function generate(options: GeneratorOptions): Promise<Figures> {
  const [program, ...args] = pinned(options.core, [process.execPath, YOUNG_GENERATION_FLAG, PROGRAM])
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(program!, args, { env, detached: true, stdio: ['ignore', 2, 2, 'ipc'] })
  const exited = new Promise(resolve => child.once('exit', resolve).once('error', resolve))
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(new Error(`took longer than ${options.timeoutMs / 1000} s`)), options.timeoutMs)
  try {
    return await conversation(child, options, AbortSignal.any([options.signal, timeout.signal]))
  } finally {
    clearTimeout(timer)
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await exited
    }
  }
}

function conversation(child: ChildProcess, { job, restart }: GeneratorOptions, end: AbortSignal): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const say = (message: ToGenerator) => void child.send(message, error => error !== null && reject(error))
    const abort = () => reject(end.reason)
    end.addEventListener('abort', abort)
    if (end.aborted) abort()
    child.once('error', reject)
    child.once('exit', status => reject(new Error(`the generator ended with status ${status}`)))
    child.on('message', (message: FromGenerator) => {
      if (message.type === 'ready') say({ type: 'job', job })
      else if (message.type === 'restart') restart().then(answer => say({ type: 'restarted', ...answer }), reject)
      else if (message.type === 'figures') resolve(message.figures)
      else reject(new Error(message.message))
    })
  })
}
