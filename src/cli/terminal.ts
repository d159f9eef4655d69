/** Standard output and standard error. */
import type { Writable } from 'node:stream'
import { systemCode } from '#base/errors.ts'

/**
 * What a command writes to. A reader that goes away (`tidegate clients | head -1`) is no error: what is written
 * afterwards goes nowhere, and `onClosed` tells whoever would go on for ever.
 */
export class Terminal {
  readonly #stdout: Writable & { columns?: number; isTTY?: boolean }
  readonly #stderr: Writable
  #closed = false
  onClosed: () => void = () => {}

  constructor(stdout: Writable & { columns?: number; isTTY?: boolean }, stderr: Writable) {
    this.#stdout = stdout
    this.#stderr = stderr
    stdout.on('error', error => this.#outputFailed(error))
    // Nobody reads the complaints: there is no place left to say so.
    stderr.on('error', () => {})
  }

  /** Whether a person looks at the output. */
  get isInteractive(): boolean {
    return this.#stdout.isTTY === true
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Writes a line, or several, to standard output. */
  line(text: string): void {
    this.write(`${text}\n`)
  }

  /** Writes bytes or text as they are to standard output. */
  write(output: string | Uint8Array): void {
    if (!this.#closed) this.#stdout.write(output)
  }

  /** Writes a line to standard error. */
  complain(text: string): void {
    this.#stderr.write(`${text}\n`)
  }

  /** Writes to standard error what somebody is to answer on the same line. */
  prompt(text: string): void {
    this.#stderr.write(text)
  }

  #outputFailed(error: unknown): void {
    if (this.#closed) return
    this.#closed = true
    if (systemCode(error) !== 'EPIPE') this.complain(`tidegate: cannot write the output: ${error instanceof Error ? error.message : error}`)
    this.onClosed()
  }
}
