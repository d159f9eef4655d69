/** The users of a file, read again when it changes; a file with a fault changes nothing. */
import type { Clock, Timer } from '#base/clock.ts'
import { describeError, GatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { fileStamp, readBytes } from './transport.ts'
import type { User, UserSource } from './user.ts'
import { describeFaults, parseUsersFile, USERS_FILE_BYTES_MAX } from './users-file.ts'

/** How often the file is looked at: whatever an editor does to it, and on every file system. */
const LOOK_EVERY_MS = 2000

export interface FileUsersOptions {
  path: string
  clock: Clock
  logger: Logger
  /** Users who were there and no longer are. */
  onGone: (names: ReadonlySet<string>) => void
}

export class FileUsers implements UserSource {
  readonly inUse = true
  readonly path: string
  readonly #options: FileUsersOptions
  #users: Map<string, User>
  #stamp: string | undefined
  #timer: Timer | undefined

  /** @throws GatewayError `config-invalid`, `config-unreadable` with the place in the file */
  constructor(options: FileUsersOptions) {
    this.path = options.path
    this.#options = options
    this.#stamp = fileStamp(options.path)
    this.#users = read(options.path)
    this.#watch()
  }

  get(name: string): User | undefined {
    return this.#users.get(name)
  }

  all(): IterableIterator<User> {
    return this.#users.values()
  }

  close(): void {
    this.#options.clock.clearTimer(this.#timer)
  }

  #watch(): void {
    this.#timer = this.#options.clock.setTimer(LOOK_EVERY_MS, () => {
      this.#look()
      this.#watch()
    })
  }

  #look(): void {
    const { path, logger, onGone } = this.#options
    const stamp = fileStamp(path)
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    try {
      const before = this.#users
      this.#users = read(path)
      const gone = new Set([...before.keys()].filter(name => !this.#users.has(name)))
      logger.info('the users file was read again', { file: path, users: this.#users.size })
      if (gone.size > 0) onGone(gone)
    } catch (error) {
      logger.error('the users file has changed and cannot be used: its users stay as they were', { error: describeError(error) })
    }
  }
}

/** @throws GatewayError `config-invalid`, `config-unreadable` */
function read(path: string): Map<string, User> {
  let bytes: Uint8Array
  try {
    bytes = readBytes(path)
  } catch (cause) {
    throw new GatewayError('config-unreadable', `the users file ${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
  if (bytes.length > USERS_FILE_BYTES_MAX) {
    throw new GatewayError('config-invalid', `the users file ${path} is longer than ${USERS_FILE_BYTES_MAX / 2 ** 20} MiB`)
  }
  const { users, faults } = parseUsersFile(Buffer.from(bytes).toString('utf8'))
  if (faults.length > 0) throw new GatewayError('config-invalid', describeFaults(path, faults))
  return users
}
