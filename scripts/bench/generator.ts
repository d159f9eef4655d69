/** The load generator as a process of its own: takes one job from the driver that started it, and sends back the figures. */
import type { FromGenerator, ToGenerator } from './job.ts'
import { runJob } from './load/run.ts'
import { processTree } from './usage.ts'

const say = (message: FromGenerator, then: () => void = () => {}): void => void process.send?.(message, undefined, undefined, then)

function fail(error: unknown): void {
  say({ type: 'failed', message: error instanceof Error ? error.message : String(error) }, () => process.exit(1))
}

let serverPid: number | undefined
let restarted: ((answer: { serverPid: number; restartMs: number }) => void) | undefined

const restart = () =>
  new Promise<{ serverPid: number; restartMs: number }>(resolve => {
    restarted = resolve
    say({ type: 'restart' })
  })

process.on('uncaughtException', fail)
process.on('message', (message: ToGenerator) => {
  if (message.type === 'restarted') {
    serverPid = message.serverPid
    restarted?.(message)
    return
  }
  serverPid = message.job.serverPid
  runJob(message.job, { restart }).then(figures => say({ type: 'figures', figures }, () => process.exit(0)), fail)
})
// The driver is gone without having cleaned up: the server must not outlive it.
process.on('disconnect', () => {
  for (const pid of serverPid === undefined ? [] : processTree(serverPid)) process.kill(pid, 'SIGKILL')
  process.exit(1)
})
say({ type: 'ready' })
