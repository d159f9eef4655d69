/** A server under test, from its new folder to the last of its processes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, type Placement, pinned } from './placement.ts'
import type { Scenario } from './scenarios.ts'
import type { ServerDefinition, ServerSetting } from './servers.ts'
import { inSession, processTree } from './usage.ts'

const START_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const LOOK_MS = 10
/** After the port answers: what a server still does at its start is not to be measured. */
const SETTLE_MS = 300
const LOG_LINES_SHOWN = 5
const LOG = 'server.log'

export class ServerProcess {
  readonly setting: ServerSetting
  readonly #definition: ServerDefinition
  readonly #core: number | undefined
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()

  private constructor(definition: ServerDefinition, setting: ServerSetting, core: number | undefined) {
    this.#definition = definition
    this.setting = setting
    this.#core = core
  }

  /**
   * Makes a folder and starts the server in it; `made` gets to know it first, so that it can be stopped whatever happens.
   * @throws with the end of the server's log when it does not listen in time
   */
  static async start(
    definition: ServerDefinition,
    placement: Placement,
    { keepsData, load }: Pick<Scenario, 'keepsData' | 'load'>,
    made: (server: ServerProcess) => void,
  ): Promise<ServerProcess> {
    const port = await freePort()
    const folder = mkdtempSync(join(placement.folder, 'tidegate-bench-'))
    const setting = { port, folder, keepsData, transport: load.transport ?? 'tcp' }
    const server = new ServerProcess(definition, setting, placement.cores?.server)
    made(server)
    for (const [name, text] of Object.entries(definition.files(setting))) writeFileSync(join(folder, name), text)
    await server.#launch()
    await sleep(SETTLE_MS)
    return server
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Starts the server again on the data it has, once its killed process is gone. Resolves with the time until it listened. */
  async restart(): Promise<number> {
    await Promise.race([this.#exited, sleep(STOP_TIMEOUT_MS)])
    return this.#launch()
  }

  /** Ends all of its processes, kindly at first. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    const pids = processTree(child.pid ?? 0)
    signal(pids, 'SIGTERM')
    const ending = new AbortController()
    await Promise.race([this.#exited, sleep(STOP_TIMEOUT_MS, undefined, { signal: ending.signal }).catch(() => {})])
    ending.abort()
    signal(inSession(pids, child.pid ?? 0), 'SIGKILL')
    await this.#exited
  }

  /** Removes its folder. */
  clear(): void {
    rmSync(this.setting.folder, { recursive: true, force: true })
  }

  async #launch(): Promise<number> {
    const { folder, port } = this.setting
    const [program, ...args] = pinned(this.#core, this.#definition.command(this.setting))
    const log = openSync(join(folder, LOG), 'a')
    const startedAtMs = performance.now()
    const { NODE_OPTIONS: _, ...env } = process.env
    // In a session of its own: Ctrl-C is the driver's business.
    const child = spawn(program!, args, { cwd: folder, env, detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    this.#child = child
    this.#exited = new Promise(resolve => child.once('exit', () => resolve()).once('error', () => resolve()))
    while (!(await listens(port))) {
      const ended = child.exitCode !== null || child.signalCode !== null || child.pid === undefined
      if (ended || performance.now() - startedAtMs > START_TIMEOUT_MS) {
        throw new Error(`${this.#definition.name} ${ended ? 'ended' : 'did not listen'} at its start: ${this.#logEnd()}`)
      }
      await sleep(LOOK_MS)
    }
    return performance.now() - startedAtMs
  }

  #logEnd(): string {
    const lines = readFileSync(join(this.setting.folder, LOG), 'utf8').trimEnd().split('\n')
    return lines.slice(-LOG_LINES_SHOWN).join(' | ')
  }
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It has ended by itself.
    }
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
