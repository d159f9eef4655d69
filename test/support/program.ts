/** The built program as a process of its own, as users run it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** What is tested: `dist/tidegate`, or another executable. */
export const PROGRAM = process.env['TIDEGATE_BINARY'] ?? join(import.meta.dirname, '../../dist/tidegate')

const READY = 'tidegate ready\n'
/** The end of standard error that is kept. */
const STDERR_MAX = 200_000

interface Judge {
  fail(message: string): unknown
}

/** Whether the program is there; if not, the test has failed. */
export function hasProgram(t: Judge): boolean {
  if (existsSync(PROGRAM)) return true
  t.fail(`${PROGRAM} does not exist: npm run build`)
  return false
}

/** A shell's environment and nothing of the test runner's: its NODE_OPTIONS would reach into the program. */
export function plainEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['PATH', 'HOME', 'LANG', 'TMPDIR']) if (process.env[name] !== undefined) kept[name] = process.env[name]
  return { ...kept, ...more }
}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface RunOptions {
  /** Default: {@link PROGRAM}. */
  program?: string
  folder?: string
  environment?: Record<string, string>
}

/** `tidegate run` with these words after it. */
export class GatewayProcess {
  readonly pid: number
  /** Resolves at `tidegate ready`; rejects, with what it said, if it ends before. */
  readonly ready: Promise<void>
  readonly ended: Promise<Ended>
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  readonly #waiting: { wanted: RegExp; resolve: () => void }[] = []
  #stdout = ''
  #stderr = ''

  constructor(words: readonly string[], { program = PROGRAM, folder = '/', environment }: RunOptions = {}) {
    const child = spawn(program, ['run', ...words], { cwd: folder, env: plainEnvironment(environment), stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.pid = child.pid ?? -1
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => resolve({ code, signal }))
    })
    this.ready = new Promise((resolve, reject) => {
      child.stdout.on('data', chunk => {
        this.#stdout += String(chunk)
        if (this.#stdout.startsWith(READY)) resolve()
      })
      this.ended.then(end => reject(new Error(`the gateway ended (${end.signal ?? end.code}): ${this.#stderr}`)), reject)
    })
    this.ready.catch(() => {})
    child.stderr.on('data', chunk => this.#said(String(chunk)))
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves once standard error holds what is wanted. */
  said(wanted: RegExp): Promise<void> {
    if (wanted.test(this.#stderr)) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ wanted, resolve }))
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Ends it and waits until it is gone. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    if (this.alive) this.#child.kill(signal)
    return this.ended
  }

  #said(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_MAX)
    for (const each of this.#waiting.splice(0)) {
      if (each.wanted.test(this.#stderr)) each.resolve()
      else this.#waiting.push(each)
    }
  }
}

export interface Finished extends Ended {
  stdout: string
  stderr: string
}

/** Runs a program to its end; after `timeoutMs` it is killed. */
export async function runToEnd(
  program: string,
  words: readonly string[],
  options: RunOptions & { timeoutMs?: number } = {},
): Promise<Finished> {
  const { folder = '/', environment, timeoutMs = 30_000 } = options
  const child = spawn(program, words, { cwd: folder, env: plainEnvironment(environment), stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => (stdout += String(chunk)))
  child.stderr.on('data', chunk => (stderr += String(chunk)))
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  try {
    return await new Promise<Finished>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
    })
  } finally {
    clearTimeout(timer)
  }
}

/** A verb of the program, to its end. */
export function tidegate(words: readonly string[], options: RunOptions & { timeoutMs?: number } = {}): Promise<Finished> {
  return runToEnd(PROGRAM, words, options)
}
