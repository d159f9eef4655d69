import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { plainEnvironment } from '../support/program.ts'

/** `mosquitto_sub`, which prints `topic payload` lines. */
export class Listening {
  readonly lines: string[] = []
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  readonly #waiting: { line: string; resolve: () => void }[] = []

  /** Resolves when the subscription is granted. */
  static async begin(program: string, port: number, filter: string, ...more: string[]): Promise<Listening> {
    // -d says when the SUBACK came; line by line, or what it prints waits in a buffer of the C library.
    const words = ['-oL', program, '-d', '-h', '127.0.0.1', '-p', String(port), '-t', filter, '-q', '1', '-v', ...more]
    const child = spawn('stdbuf', words, { stdio: ['ignore', 'pipe', 'pipe'], env: plainEnvironment() })
    const listening = new Listening(child)
    await listening.#granted
    return listening
  }

  readonly #granted: Promise<void>

  private constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#child = child
    let rest = ''
    let said = ''
    child.stderr.on('data', chunk => (said += String(chunk)))
    this.#granted = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', () => reject(new Error(`mosquitto_sub ended: ${said}`)))
      child.stdout.on('data', chunk => {
        const lines = (rest + String(chunk)).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          if (line.startsWith('Subscribed (')) resolve()
          else if (!/^Client .* (sending|received) /.test(line)) this.#take(line)
        }
      })
    })
    this.#granted.catch(() => {})
  }

  /** Resolves once this line was printed. */
  heard(line: string): Promise<void> {
    if (this.lines.includes(line)) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ line, resolve }))
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGTERM')
    await once(this.#child, 'close')
  }

  #take(line: string): void {
    this.lines.push(line)
    for (const each of this.#waiting.splice(0)) {
      if (each.line === line) each.resolve()
      else this.#waiting.push(each)
    }
  }
}
