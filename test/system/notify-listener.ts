/** The service manager's end of NOTIFY_SOCKET: a datagram socket, which Node has not, by way of Python. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { within } from '../support/eventually.ts'

const TIMEOUT_MS = 20_000

const LISTENER = `
import json, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = sys.argv[1]
server.bind('\\0' + address[1:] if address.startswith('@') else address)
print(json.dumps('listening'), flush=True)
while True:
    print(json.dumps(server.recv(65536).decode()), flush=True)
`

export class NotifyListener {
  readonly address: string
  readonly messages: string[] = []
  readonly #child: ChildProcessByStdio<null, Readable, null>
  readonly #waiting: { wanted: RegExp; resolve: (message: string) => void }[] = []
  #seen = 0

  /** Resolves once it listens at `address`: a path, or `@` and an abstract name. */
  static async open(python: string, address: string): Promise<NotifyListener> {
    const listener = new NotifyListener(python, address)
    await listener.next(/^listening$/)
    return listener
  }

  private constructor(python: string, address: string) {
    this.address = address
    this.#child = spawn(python, ['-c', LISTENER, address], { stdio: ['ignore', 'pipe', 'inherit'] })
    createInterface(this.#child.stdout).on('line', line => this.#take(JSON.parse(line) as string))
  }

  /** The next message, after those asked for before, that matches. */
  next(wanted: RegExp): Promise<string> {
    while (this.#seen < this.messages.length) {
      const message = this.messages[this.#seen++]!
      if (wanted.test(message)) return Promise.resolve(message)
    }
    const found = new Promise<string>(resolve => this.#waiting.push({ wanted, resolve }))
    return within(TIMEOUT_MS, `a message like ${wanted} after ${JSON.stringify(this.messages)}`, found)
  }

  close(): void {
    this.#child.kill('SIGKILL')
  }

  #take(message: string): void {
    this.messages.push(message)
    const first = this.#waiting[0]
    if (first === undefined) return
    this.#seen = this.messages.length
    if (!first.wanted.test(message)) return
    this.#waiting.shift()
    first.resolve(message)
  }
}
