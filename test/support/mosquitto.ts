/** A real upstream broker that can be stopped and started again without losing what it has acknowledged. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { plainEnvironment } from './program.ts'
import { KEEP } from './temporary-folder.ts'

export class Mosquitto {
  readonly port: number
  readonly #program: string
  readonly #configFile: string
  #child: ChildProcess | undefined

  /** Keeps its configuration and its database in `folder`. */
  constructor(program: string, folder: string, port: number) {
    this.#program = program
    this.port = port
    this.#configFile = join(folder, 'mosquitto.conf')
    const lines = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'user root',
      'persistence true',
      `persistence_location ${folder}/`,
      'max_queued_messages 0',
      'log_dest stderr',
      'log_type information',
      'log_type error',
      'log_type warning',
      ...(KEEP ? [`log_dest file ${folder}/mosquitto.log`, 'log_type all'] : []),
    ]
    writeFileSync(this.#configFile, `${lines.join('\n')}\n`)
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return
    const child = spawn(this.#program, ['-c', this.#configFile], { stdio: ['ignore', 'ignore', 'pipe'], env: plainEnvironment() })
    this.#child = child
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', () => reject(new Error(`mosquitto ended: ${said}`)))
      child.stderr?.on('data', chunk => {
        said = (said + String(chunk)).slice(-10_000)
        if (/ running\n/.test(said)) resolve()
      })
    })
  }

  /** SIGTERM: it writes its database. Resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
}
