/** Who a device is: what it has proved by certificate or key, by its password, or that it is nobody in particular. */
import type { Clock } from '#base/clock.ts'
import { isGatewayError } from '#base/errors.ts'
import type { AuthenticationExchange, Credentials, Identity, ScramKeys } from '#broker/ports.ts'
import type { Ban } from './bans.ts'
import type { Guard } from './guard.ts'
import type { Refusals } from './refusal.ts'
import { ScramExchange } from './scram.ts'
import type { Anonymous } from './settings.ts'
import { SCRAM_ITERATIONS } from './stored-users.ts'
import { textPattern } from './text-pattern.ts'
import type { Authenticator, Verdict } from './verdict.ts'

/** What `[access]` says about coming in. */
export interface LoginPolicy {
  readonly anonymous: Anonymous
  readonly client_ids: { readonly allow: readonly string[]; readonly deny: readonly string[] }
}

export interface LoginOptions {
  policy: LoginPolicy
  authenticators: readonly Authenticator[]
  guard: Guard
  refusals: Refusals
  findBan: (subject: Pick<Identity, 'clientId' | 'username' | 'address'>) => Ban | undefined
  scramKeys: (username: string) => ScramKeys | undefined
  clock: Clock
  /** From it come the salts of unknown users: the same as long as the gateway runs. */
  decoySecret: Uint8Array
}

/** A login with a password, under way. */
interface Attempt {
  credentials: Credentials
  username: string
  password: Uint8Array
  startedMs: number
}

const NO_PASSWORD = new Uint8Array(0)

export class Login {
  readonly #options: LoginOptions
  readonly #listed: ((clientId: string) => boolean) | undefined

  constructor(options: LoginOptions) {
    this.#options = options
    this.#listed = listOf(options.policy.client_ids)
  }

  /** @throws GatewayError `bad-credentials`, `not-authorized`, `identifier-rejected`, `server-busy` */
  enter(credentials: Credentials): Identity | Promise<Identity> {
    this.#requireWelcome(credentials, credentials.username)
    const proved = credentials.certificate?.username ?? credentials.pskIdentity
    if (proved !== undefined) return this.#known(credentials, proved)
    const { username, password } = credentials
    if (username === undefined && password === undefined) return this.#anonymous(credentials)
    // While nobody has a password, a name is a claim like a client id: it gets in where anonymous clients do.
    if (!this.#options.authenticators.some(each => each.inUse)) return this.#claimed(credentials)
    return this.#withPassword(credentials, username ?? '', password ?? NO_PASSWORD)
  }

  /** @throws GatewayError `not-authorized`, `identifier-rejected` */
  exchange(credentials: Credentials): AuthenticationExchange {
    this.#requireWelcome(credentials, undefined)
    const { guard, scramKeys, clock } = this.#options
    let claimed = ''
    return new ScramExchange({
      keysOf: username => {
        claimed = username
        return scramKeys(username)
      },
      admit: username => this.#known(credentials, username),
      failed: () => guard.failed(credentials, claimed, clock.monotonic()),
      randomBytes(count) {
        return clock.randomBytes(count)
      },
      decoySecret: this.#options.decoySecret,
      decoyIterations: SCRAM_ITERATIONS,
    })
  }

  /** Whether somebody who came in this way would be let in without having proved anything. */
  mayBeAnonymous({ anonymous, loopback }: Pick<Credentials, 'anonymous' | 'loopback'>): boolean {
    const allowed = anonymous ?? this.#options.policy.anonymous
    return allowed === 'always' || (allowed === 'loopback' && loopback)
  }

  #withPassword(credentials: Credentials, username: string, password: Uint8Array): Identity | Promise<Identity> {
    const { authenticators, clock } = this.#options
    const startedMs = clock.monotonic()
    for (const [index, authenticator] of authenticators.entries()) {
      const verdict = authenticator.check(username, password, credentials)
      if (verdict instanceof Promise) return this.#later(verdict, index, { credentials, username, password, startedMs })
      if (verdict === 'right') return this.#known(credentials, username)
      if (verdict === 'wrong') break
    }
    return this.#refuse(credentials, username, startedMs)
  }

  async #later(first: Promise<Verdict>, index: number, attempt: Attempt): Promise<Identity> {
    const { credentials, username, password, startedMs } = attempt
    const { authenticators, refusals } = this.#options
    // The bytes of a CONNECT are only lent.
    const own = Uint8Array.from(password)
    try {
      let verdict = await first
      for (let next = index + 1; verdict === 'unknown' && next < authenticators.length; next++) {
        verdict = await authenticators[next].check(username, own, credentials)
      }
      if (verdict === 'right') return this.#known(credentials, username)
    } catch (error) {
      if (isGatewayError(error, 'server-busy')) refusals.counts.busy++
      throw error
    }
    return this.#refuse(credentials, username, startedMs)
  }

  async #refuse(credentials: Credentials, username: string, startedMs: number): Promise<never> {
    await this.#options.guard.failed(credentials, username, startedMs)
    throw this.#options.refusals.badCredentials()
  }

  #known(credentials: Credentials, username: string): Identity {
    // Asked again: the name that was proved need not be the one that was claimed, and a ban may have come meanwhile.
    this.#requireWelcome(credentials, username)
    this.#options.guard.succeeded(username)
    return this.#admit(credentials, username, false)
  }

  #anonymous(credentials: Credentials): Identity {
    if (!this.mayBeAnonymous(credentials)) throw this.#options.refusals.anonymous()
    return this.#admit(credentials, undefined, true)
  }

  #claimed(credentials: Credentials): Identity | Promise<never> {
    if (!this.mayBeAnonymous(credentials)) {
      return this.#refuse(credentials, credentials.username ?? '', this.#options.clock.monotonic())
    }
    return this.#admit(credentials, credentials.username, true)
  }

  #admit(credentials: Credentials, username: string | undefined, anonymous: boolean): Identity {
    const { clientId, protocol, address, certificate } = credentials
    const { guard, findBan, refusals } = this.#options
    if (!guard.mayConnect(clientId)) {
      const ban = findBan({ clientId, username, address })
      if (ban !== undefined) throw refusals.banned(ban)
    }
    const certificateCn = certificate?.commonName
    return { clientId, protocol, username, address, anonymous, internal: false, ...(certificateCn !== undefined && { certificateCn }) }
  }

  #requireWelcome({ clientId, address }: Credentials, username: string | undefined): void {
    const { findBan, refusals } = this.#options
    const ban = findBan({ clientId, username, address })
    if (ban !== undefined) throw refusals.banned(ban)
    if (this.#listed !== undefined && !this.#listed(clientId)) throw refusals.clientId()
  }
}

/** Whether a client id is let in; undefined: all are. */
function listOf({ allow, deny }: LoginPolicy['client_ids']): ((clientId: string) => boolean) | undefined {
  if (allow.length === 0 && deny.length === 0) return undefined
  const allowed = membership(allow)
  const denied = membership(deny)
  return clientId => !denied(clientId) && (allow.length === 0 || allowed(clientId))
}

function membership(list: readonly string[]): (clientId: string) => boolean {
  const exact = new Set(list.filter(each => !each.includes('*')))
  const patterns = list.filter(each => each.includes('*')).map(textPattern)
  return clientId => exact.has(clientId) || patterns.some(matches => matches(clientId))
}
