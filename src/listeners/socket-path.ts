import { closeSync, constants, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/** The most bytes of a path that fit into `sockaddr_un` (108 with the ending zero). */
const PATH_BYTES_MAX = 107

/** A Unix socket's path as the kernel takes it. */
export interface SocketPath {
  /** Give this to `listen` or `connect`; valid until {@link close}. */
  readonly path: string
  close(): void
}

/**
 * Makes a path of any length fit into a socket address: a long one goes by way of its opened directory.
 * @throws the system's error when that directory cannot be opened
 */
export function shortSocketPath(path: string): SocketPath {
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { path, close: () => {} }
  let directory: number | undefined = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  return {
    path: `/proc/self/fd/${directory}/${basename(path)}`,
    close() {
      if (directory !== undefined) closeSync(directory)
      directory = undefined
    },
  }
}
