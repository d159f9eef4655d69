import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync, type Stats, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { GatewayError, systemCode } from '#base/errors.ts'
import { shortSocketPath } from './socket-path.ts'
import { listenError, SocketListener, type StreamListenerOptions } from './stream-listener.ts'
import type { StreamListener } from './types.ts'

export interface UnixListenerOptions extends StreamListenerOptions {
  /** Path of the socket, of any length. */
  path: string
  /** Access mode of the socket: who may connect. Default 0660. */
  mode?: number
}

const MODE = 0o660

/**
 * Listens on a Unix socket. A socket file that nobody answers on is replaced; anything else at the path stays.
 * @throws GatewayError `address-in-use`, `listen-failed`
 */
export async function openUnixListener(options: UnixListenerOptions): Promise<StreamListener> {
  const { path } = options
  try {
    await assureUnused(path)
    return await listenAt(path, options.mode ?? MODE, options)
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw listenError(cause, `the socket ${path}`, `the socket ${path}`)
  }
}

/** Throws unless the path is free or holds a socket without anybody behind it. */
async function assureUnused(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new GatewayError('listen-failed', `${path} is not a socket`, { hint: 'move that file away or choose another path' })
  }
  if (await answers(path)) throw Object.assign(new Error('somebody answers'), { code: 'EADDRINUSE' })
}

/** Whether anybody accepts connections at the socket; one that may not be asked counts as in use. */
function answers(path: string): Promise<boolean> {
  const short = shortSocketPath(path)
  return new Promise<boolean>(resolve => {
    const socket = connect(short.path)
    socket.once('connect', () => resolve(true))
    socket.once('error', error => resolve(!['ECONNREFUSED', 'ENOENT'].includes(systemCode(error) ?? '')))
    socket.once('connect', () => socket.destroy())
  }).finally(() => short.close())
}

/**
 * Binds in a private folder, sets the mode and only then moves the socket to its place: nobody can connect
 * before the mode holds, and a stale file is replaced in one step.
 */
async function listenAt(path: string, mode: number, options: StreamListenerOptions): Promise<StreamListener> {
  const listener = new SocketListener('unix', options)
  const folder = mkdtempSync(join(dirname(path), '.socket-'))
  const fresh = join(folder, 's')
  const short = shortSocketPath(fresh)
  let bound: Stats
  try {
    await listener.listen({ path: short.path })
    chmodSync(fresh, mode)
    bound = lstatSync(fresh)
    renameSync(fresh, path)
  } catch (cause) {
    await listener.close()
    throw cause
  } finally {
    short.close()
    rmSync(folder, { recursive: true, force: true })
  }
  listener.address = path
  listener.onClosed = () => removeOwn(path, bound)
  return listener
}

/** Removes the socket file, unless another program has put its own there meanwhile. */
function removeOwn(path: string, bound: Stats): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found?.ino === bound.ino && found.dev === bound.dev) unlinkSync(path)
}
