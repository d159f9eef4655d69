import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'

/** A pseudo-terminal with a device behind it: what the test writes is what the device sends. */
export interface Pty {
  /** `/dev/pts/N`. */
  path: string
  send(text: string): void
  /** All that the device has heard so far. */
  heard(): string
  /** Resolves once the device has heard what `holds` wants. */
  until(holds: (heard: string) => boolean): Promise<void>
  /** The device stops reading and writing, or goes on. */
  freeze(): void
  thaw(): void
  /** Pulls the plug: the terminal is gone when this resolves. */
  pull(): Promise<void>
}

export async function openPty(socat: string): Promise<Pty> {
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(socat, ['-d', '-d', 'pty,raw,echo=0', 'STDIO'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const path = await announced(child)
  let heard = ''
  const watchers = new Set<() => void>()
  child.stdout.on('data', chunk => {
    heard += String(chunk)
    for (const watcher of watchers) watcher()
  })
  child.stdin.on('error', () => {})
  return {
    path,
    send: text => void child.stdin.write(text),
    heard: () => heard,
    until: async holds => {
      if (holds(heard)) return
      await new Promise<void>(resolve => {
        const watcher = () => {
          if (!holds(heard)) return
          watchers.delete(watcher)
          resolve()
        }
        watchers.add(watcher)
      })
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    pull: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'close')
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function announced(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<string> {
  let said = ''
  for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
    said += String(chunk)
    const path = /PTY is (\S+)/.exec(said)?.[1]
    if (path !== undefined && said.includes('starting data transfer loop')) {
      child.stderr.resume()
      return path
    }
  }
  throw new Error(`socat ended: ${said}`)
}
