/** The authenticator of kind `built-in`: users of the store, then those of its file. */
import type { Credentials, ScramKeys } from '#broker/ports.ts'
import type { HashQueue } from './hash-queue.ts'
import type { LoginCache } from './login-cache.ts'
import { PASSWORD_BYTES_MAX, type UserSource } from './user.ts'
import type { Authenticator, Verdict } from './verdict.ts'

export interface BuiltInOptions {
  sources: readonly UserSource[]
  cache: LoginCache
  hashes: HashQueue
}

export class BuiltInAuthenticator implements Authenticator {
  readonly #options: BuiltInOptions
  /** Logins being computed: thousands of devices with one password need it once. */
  readonly #pending = new Map<string, Promise<Verdict>>()

  constructor(options: BuiltInOptions) {
    this.#options = options
  }

  get inUse(): boolean {
    return this.#options.sources.some(source => source.inUse)
  }

  check(username: string, password: Uint8Array, { address }: Credentials): Verdict | Promise<Verdict> {
    const user = this.#find(username)
    if (user === undefined) return 'unknown'
    if (password.length > PASSWORD_BYTES_MAX) return 'wrong'
    const { cache } = this.#options
    const key = cache.keyOf(username, user.hash.text, password)
    const known = cache.find(key)
    if (known !== undefined) return known ? 'right' : 'wrong'
    const pending = this.#pending.get(key) ?? this.#compute(key, user.hash.verify, password, address ?? '')
    this.#pending.set(key, pending)
    return pending
  }

  scramKeys(username: string): ScramKeys | undefined {
    return this.#find(username)?.scram
  }

  #find(username: string) {
    for (const source of this.#options.sources) {
      const user = source.get(username)
      if (user !== undefined) return user
    }
    return undefined
  }

  async #compute(key: string, verify: (password: Uint8Array) => Promise<boolean>, password: Uint8Array, address: string): Promise<Verdict> {
    const { cache, hashes } = this.#options
    // The bytes of a CONNECT are only lent.
    const own = Uint8Array.from(password)
    try {
      const right = await hashes.run(address, () => verify(own))
      cache.keep(key, right)
      return right ? 'right' : 'wrong'
    } finally {
      this.#pending.delete(key)
    }
  }
}
