import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { plainEnvironment } from '../support/program.ts'

/** A serial device on a pseudo-terminal, which stays plugged in while gateways come and go. */
export class SerialLine {
  readonly path: string
  readonly #child: ChildProcessByStdio<Writable, null, Readable>
  readonly #held: number

  /** `path` becomes the name of the port. */
  static async open(socat: string, path: string): Promise<SerialLine> {
    const child = spawn(socat, ['-d', '-d', '-u', 'STDIN', `pty,raw,echo=0,link=${path}`], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: plainEnvironment(),
    })
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', () => reject(new Error(`socat ended: ${said}`)))
      child.stderr.on('data', chunk => {
        said += String(chunk)
        if (said.includes('starting data transfer loop')) resolve()
      })
    })
    return new SerialLine(path, child)
  }

  private constructor(path: string, child: ChildProcessByStdio<Writable, null, Readable>) {
    this.path = path
    this.#child = child
    child.stdin.on('error', () => {})
    // Held open, so that a gateway that goes does not hang the terminal up.
    this.#held = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)
  }

  send(bytes: string | Uint8Array): void {
    this.#child.stdin.write(bytes)
  }

  /** The plug is pulled. */
  close(): void {
    closeSync(this.#held)
    this.#child.kill('SIGKILL')
  }
}
