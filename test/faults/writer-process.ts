import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { bundle, WORKER_FILE } from '../store/open-store.ts'

const WRITER_FILE = bundle('test/faults/writer.ts', 'store-writer.cjs')

/** The writer (writer.ts) as a child process, and what it has said. */
export class WriterProcess {
  readonly child: ChildProcess
  readonly lines: string[] = []
  /** The last step that it said was committed. */
  step = 0
  #waiters: { word: RegExp; resolve: (line: string | undefined) => void }[] = []
  readonly #ended: Promise<void>

  /** `command` goes in front of the program: `prlimit …`. */
  constructor(dataDir: string, { steps, env, command = [] }: { steps?: number; env?: NodeJS.ProcessEnv; command?: string[] } = {}) {
    const args = [...command, process.execPath, WRITER_FILE, dataDir, WORKER_FILE, ...(steps === undefined ? [] : [String(steps)])]
    const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '', ...env } }
    this.child = spawn(args[0]!, args.slice(1), options)
    const ended = new Promise<void>(resolve => {
      this.child.on('close', () => resolve())
    })
    this.#ended = ended.then(() => {
      for (const { resolve } of this.#waiters.splice(0)) resolve(undefined)
    })
    createInterface({ input: this.child.stdout! }).on('line', line => this.#heard(line))
  }

  #heard(line: string): void {
    this.lines.push(line)
    if (line.startsWith('step ')) this.step = Number(line.slice(5))
    const due = this.#waiters.filter(({ word }) => word.test(line))
    this.#waiters = this.#waiters.filter(({ word }) => !word.test(line))
    for (const { resolve } of due) resolve(line)
  }

  /** The next line that matches; undefined: it has ended without. */
  line(word: RegExp): Promise<string | undefined> {
    return new Promise(resolve => this.#waiters.push({ word, resolve }))
  }

  /** Resolves after so many further commits. */
  async commits(count: number): Promise<void> {
    for (let left = count; left > 0; left--) if ((await this.line(/^step /)) === undefined) return
  }

  ended(): Promise<void> {
    return this.#ended
  }

  /** Halts all its threads between two system calls; what it has begun to sync is synced then. */
  async halt(): Promise<void> {
    const pid = this.child.pid!
    this.child.kill('SIGSTOP')
    const halted = (task: string) => /\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8'))
    while (!readdirSync(`/proc/${pid}/task`).every(halted)) await new Promise(resolve => setImmediate(resolve))
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#ended
  }
}
