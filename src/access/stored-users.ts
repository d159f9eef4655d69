/** The users that are made with `tidegate user`: one record each, in the store's numbered stream. */
import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import type { Position, Records, ScramKeys } from '#broker/ports.ts'
import { hashPassword, parseHash, SALT_BYTES } from './password-hash.ts'
import { deriveScramKeys } from './scram.ts'
import { PASSWORD_BYTES_MAX, requireUserName, type User, type UserSource } from './user.ts'

/** Owner of the records. */
export const USER_RECORDS = 'user'

/** What a client must compute for a login by SCRAM; twice and a half of what RFC 7677 asks for at least. */
export const SCRAM_ITERATIONS = 10_000

const USERS_MAX = 100_000

interface UserRecord {
  hash: string
  createdAtMs: number
  scram?: { salt: string; iterations: number; storedKey: string; serverKey: string }
}

export class StoredUsers implements UserSource {
  readonly #users = new Map<string, User>()
  readonly #records: Records
  readonly #clock: Clock
  /** Records that make no sense: they let nobody in. */
  readonly damaged: readonly string[]

  constructor(records: Records, clock: Clock) {
    this.#records = records
    this.#clock = clock
    const damaged: string[] = []
    for (const [name, bytes] of records.entries()) {
      const user = decodeUser(name, bytes)
      if (user === undefined) damaged.push(name)
      else this.#users.set(name, user)
    }
    this.damaged = damaged
  }

  get inUse(): boolean {
    return this.#users.size > 0 || this.damaged.length > 0
  }

  get(name: string): User | undefined {
    return this.#users.get(name)
  }

  all(): IterableIterator<User> {
    return this.#users.values()
  }

  /**
   * Makes a user.
   * @returns the position whose commit makes it durable
   * @throws GatewayError `bad-request` for a name or password that cannot be, `conflict` if there is one, `quota-exceeded`
   */
  async add(name: string, password: string): Promise<Position> {
    requireUserName(name)
    this.#requireNew(name)
    if (this.#users.size >= USERS_MAX) throw new GatewayError('quota-exceeded', `there are ${USERS_MAX} users, no more are possible`)
    const user = await makeUser(name, password, this.#clock)
    this.#requireNew(name)
    return this.#keep(user)
  }

  /** @throws GatewayError `not-found`, `bad-request` */
  async changePassword(name: string, password: string): Promise<Position> {
    const before = this.#require(name)
    const user = await makeUser(name, password, this.#clock)
    this.#require(name)
    return this.#keep({ ...user, createdAtMs: before.createdAtMs })
  }

  /** @throws GatewayError `not-found` */
  remove(name: string): Position {
    this.#require(name)
    this.#users.delete(name)
    return this.#records.delete(name)
  }

  #keep(user: User): Position {
    this.#users.set(user.name, user)
    return this.#records.put(user.name, encodeUser(user))
  }

  #requireNew(name: string): void {
    if (this.#users.has(name)) {
      throw new GatewayError('conflict', `there is a user ${name} already`, { hint: 'tidegate user passwd changes a password' })
    }
  }

  #require(name: string): User {
    const user = this.#users.get(name)
    if (user !== undefined) return user
    throw new GatewayError('not-found', `there is no user ${name}`, { hint: 'tidegate user ls lists them' })
  }
}

async function makeUser(name: string, password: string, clock: Clock): Promise<User> {
  const bytes = Buffer.from(password)
  if (bytes.length === 0) throw new GatewayError('bad-request', 'the password is empty')
  if (bytes.length > PASSWORD_BYTES_MAX) throw new GatewayError('bad-request', `the password is longer than ${PASSWORD_BYTES_MAX} bytes`)
  const hash = await hashPassword(bytes, clock.randomBytes(SALT_BYTES))
  const scram = await scramKeysOf(password, clock)
  return { name, hash, scram, createdAtMs: clock.now() }
}

/** A password that SASL cannot carry has none: it is still good for a plain login. */
async function scramKeysOf(password: string, clock: Clock): Promise<ScramKeys | undefined> {
  try {
    return await deriveScramKeys(password, clock.randomBytes(SALT_BYTES), SCRAM_ITERATIONS)
  } catch {
    return undefined
  }
}

function encodeUser({ hash, scram, createdAtMs }: User): Uint8Array {
  const record: UserRecord = { hash: hash.text, createdAtMs }
  if (scram !== undefined) {
    const { salt, iterations, storedKey, serverKey } = scram
    record.scram = { salt: base64(salt), iterations, storedKey: base64(storedKey), serverKey: base64(serverKey) }
  }
  return Buffer.from(JSON.stringify(record))
}

function decodeUser(name: string, bytes: Uint8Array): User | undefined {
  try {
    const { hash: text, scram, createdAtMs } = JSON.parse(Buffer.from(bytes).toString('utf8')) as UserRecord
    const hash = parseHash(text)
    if (typeof hash === 'string') return undefined
    const keys = scram && {
      salt: Buffer.from(scram.salt, 'base64'),
      iterations: scram.iterations,
      storedKey: Buffer.from(scram.storedKey, 'base64'),
      serverKey: Buffer.from(scram.serverKey, 'base64'),
    }
    return { name, hash, scram: keys, createdAtMs }
  } catch {
    return undefined
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
