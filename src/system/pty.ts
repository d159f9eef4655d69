/** Pseudo-terminals for simulated serial devices. */
import { closeSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { GatewayError } from '#base/errors.ts'
import { loadAddon } from './native-addons.ts'

interface PtyAddon {
  open(): { near: number; far: number; path: string } | number
}

/** The device's end of a pseudo-terminal; a gateway opens `path` as its serial port. */
export interface Pty {
  readonly path: string
  write(bytes: Uint8Array): void
  close(): void
}

/**
 * Makes a pseudo-terminal. `onData` gets what the gateway sends.
 * @throws GatewayError `runtime-unfit` where this build has no native part for it
 */
export function openPty(onData: (bytes: Uint8Array) => void): Pty {
  const addon = loadAddon('pty') as PtyAddon | undefined
  if (addon === undefined) {
    throw new GatewayError('runtime-unfit', 'this build cannot make a pseudo-terminal', { hint: 'build with a C compiler: npm run build' })
  }
  const opened = addon.open()
  if (typeof opened === 'number') throw new GatewayError('runtime-unfit', `the system gives no pseudo-terminal (error ${-opened})`)
  const { near, far, path } = opened
  const stream = new ReadStream(near)
  stream.on('data', onData)
  // The far end is held open, so the near one ends only when it is closed here.
  stream.on('error', () => {})
  return {
    path,
    write: bytes => void stream.write(bytes),
    close() {
      stream.destroy()
      closeSync(far)
    },
  }
}
