import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

export interface MosquittoOptions {
  program: string
  folder: string
  /** Further lines for its configuration. */
  lines?: readonly string[]
  password?: { username: string; password: string }
}

/** A real mosquitto on a port of its own that can be stopped and started again, with its state kept on disk. */
export class Mosquitto {
  readonly port: number
  readonly #options: MosquittoOptions
  #process: ChildProcess | undefined = undefined

  private constructor(options: MosquittoOptions, port: number) {
    this.#options = options
    this.port = port
  }

  static async start(options: MosquittoOptions): Promise<Mosquitto> {
    const mosquitto = new Mosquitto(options, await freePort())
    await mosquitto.start()
    return mosquitto
  }

  async start(): Promise<void> {
    const { program, folder, lines = [], password } = this.#options
    const state = `${folder}/state`
    mkdirSync(state, { recursive: true })
    if (process.getuid?.() === 0) chownSync(state, 0, 0)
    const config = [
      ...(process.getuid?.() === 0 ? ['user root'] : []),
      'persistence true',
      `persistence_location ${state}/`,
      'max_queued_messages 0',
      'max_inflight_messages 20',
      ...lines,
      `listener ${this.port} 127.0.0.1`,
      ...(password === undefined ? ['allow_anonymous true'] : ['allow_anonymous false', `password_file ${folder}/passwords`]),
    ]
    writeFileSync(`${folder}/mosquitto.conf`, `${config.join('\n')}\n`)
    if (password !== undefined) {
      writeFileSync(`${folder}/passwords`, '', { mode: 0o600 })
      spawnSync('mosquitto_passwd', ['-b', `${folder}/passwords`, password.username, password.password])
    }
    const child = spawn(program, ['-v', '-c', `${folder}/mosquitto.conf`], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process = child
    const said: string[] = []
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', line => {
        said.push(line)
        if (said.length > 200) said.shift()
        if (/mosquitto version \S+ running/.test(line)) resolve()
      })
      child.once('exit', () => reject(new Error(`mosquitto ended: ${said.join('\n')}`)))
    })
  }

  /** Stops it in an orderly way: it writes its state down. */
  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
