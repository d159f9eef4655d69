/** A thread of another process that stands still, as one that hangs. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { run } from '../faults/tools.ts'
import { within } from '../support/eventually.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export interface HeldThread {
  /** Resolves when the process has been killed. */
  gone: Promise<unknown>
}

/** Holds the thread of that name until the process is killed or the test is over. */
export async function holdThread(t: Test, pid: number, name: string): Promise<HeldThread> {
  const program = join(temporaryFolder(t), 'hold-thread')
  run('gcc', '-O1', '-Wall', '-Werror', '-o', program, join(import.meta.dirname, 'hold-thread.c'))
  const tasks = `/proc/${pid}/task`
  const thread = readdirSync(tasks).find(id => readFileSync(join(tasks, id, 'comm'), 'utf8').trim() === name)
  if (thread === undefined) throw new Error(`process ${pid} has no thread ${name}`)
  const child = spawn(program, [thread], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.stdin.end())
  const gone = new Promise(resolve => child.once('close', resolve))
  await within(20_000, `${name} is held`, new Promise(resolve => child.stdout.once('data', resolve)))
  return { gone }
}
