/** The control socket's file: binding, its access mode, stale files, and paths that are too long for the kernel. */
import { chmodSync, closeSync, constants, lstatSync, mkdtempSync, openSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { describeError, GatewayError, systemCode } from '#base/errors.ts'

/** The most bytes of a path that fit into `sockaddr_un` (108 with the ending zero). */
const PATH_BYTES_MAX = 107
/** Owner and group may connect: whoever can has all rights. */
const MODE = 0o660

/** A path as the kernel takes it; valid until {@link release}. */
export interface SocketAddress {
  readonly path: string
  release(): void
}

/**
 * Makes a path of any length fit: a long one goes by way of its opened directory.
 * @throws the system's error when that directory cannot be opened
 */
export function socketAddress(path: string): SocketAddress {
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { path, release: () => {} }
  let directory: number | undefined = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  return {
    path: `/proc/self/fd/${directory}/${basename(path)}`,
    release() {
      if (directory !== undefined) closeSync(directory)
      directory = undefined
    },
  }
}

/**
 * Lets `server` listen at `path`, mode 0660. A socket file that nobody answers on is replaced in one step;
 * anything else at the path stays. Nobody can connect before the mode holds: the socket is bound in a private
 * folder and moved. Returns what removes the file again, after the server was closed.
 * @throws GatewayError `address-in-use`, `listen-failed`
 */
export async function listenAtPath(server: Server, path: string): Promise<() => void> {
  try {
    await assureUnused(path)
    const folder = mkdtempSync(join(dirname(path), '.control-'))
    const fresh = join(folder, 'fresh.sock')
    try {
      const address = socketAddress(fresh)
      try {
        await listening(server, address.path)
      } finally {
        address.release()
      }
      chmodSync(fresh, MODE)
      const own = lstatSync(fresh)
      renameSync(fresh, path)
      return () => {
        const found = lstatSync(path, { throwIfNoEntry: false })
        if (found?.ino === own.ino && found.dev === own.dev) unlinkSync(path)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  } catch (cause) {
    server.close()
    if (cause instanceof GatewayError) throw cause
    throw new GatewayError('listen-failed', `cannot open the control socket ${path}: ${describeError(cause)}`, {
      cause,
      hint: 'make its folder writable for the gateway or choose another with admin.socket',
    })
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

async function assureUnused(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new GatewayError('listen-failed', `cannot open the control socket: ${path} is not a socket`, {
      hint: 'move that file away or choose another path with admin.socket',
    })
  }
  if (await answers(path)) {
    throw new GatewayError('address-in-use', `another gateway answers at ${path}`, {
      hint: 'stop that gateway or give this one a data directory of its own with --data-dir',
    })
  }
}

/** Whether anybody accepts connections at the socket; one that may not be asked counts as in use. */
function answers(path: string): Promise<boolean> {
  const address = socketAddress(path)
  return new Promise<boolean>(resolve => {
    const socket = connect(address.path)
    socket.once('connect', () => {
      resolve(true)
      socket.destroy()
    })
    socket.once('error', error => resolve(!['ECONNREFUSED', 'ENOENT'].includes(systemCode(error) ?? '')))
  }).finally(() => address.release())
}
