/** The access of a running gateway: settings, users, bans and rules put together, and changed while it runs. */
import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import type { Access, AccessHost, AuthenticationExchange, Credentials, Identity, Position, Qos } from '#broker/ports.ts'
import { BAN_RECORDS, type Ban, type BanKind, Bans, banValue, OPERATOR } from './bans.ts'
import { BuiltInAuthenticator } from './built-in.ts'
import { FileUsers } from './file-users.ts'
import { Guard } from './guard.ts'
import { HashQueue } from './hash-queue.ts'
import { Login } from './login.ts'
import { LoginCache } from './login-cache.ts'
import { Refusals } from './refusal.ts'
import { type Rights, RuleSet } from './rules.ts'
import { SCRAM_SHA_256 } from './scram.ts'
import type { AccessSettings } from './settings.ts'
import { StoredUsers, USER_RECORDS } from './stored-users.ts'
import { isShared, publishedTopic, subscribedFilter } from './topic-prefix.ts'
import type { User, UserSource } from './user.ts'

export interface GatewayAccessOptions {
  settings: AccessSettings
  clock: Clock
  logger: Logger
}

/** A user with where it is kept: `store`, or the path of a file. */
export interface ListedUser {
  readonly user: User
  readonly source: string
}

/** How somebody came in, kept as long as its identity is in use. */
interface Way extends Pick<Credentials, 'anonymous' | 'loopback'> {
  /** By certificate or pre-shared key: no user of ours stands behind the name. */
  proved: boolean
}

export class GatewayAccess implements Access {
  generation = 1
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #refusals = new Refusals()
  readonly #hashes = new HashQueue()
  readonly #cache: LoginCache
  readonly #decoySecret: Uint8Array
  readonly #guard: Guard
  #settings: AccessSettings
  #host: AccessHost | undefined
  #bans: Bans | undefined
  #stored: StoredUsers | undefined
  #files: FileUsers[] = []
  #login!: Login
  #rules: RuleSet
  #rights = new WeakMap<Identity, Rights>()
  readonly #ways = new WeakMap<Identity, Way>()
  #deniedSubscriptions = 0

  /** @throws GatewayError `config-invalid`, `config-unreadable` for a users file */
  constructor({ settings, clock, logger }: GatewayAccessOptions) {
    this.#settings = settings
    this.#clock = clock
    this.#logger = logger
    this.#cache = new LoginCache(clock)
    this.#decoySecret = clock.randomBytes(32)
    this.#rules = new RuleSet(settings.rules, settings.no_match)
    this.#guard = new Guard({ clock, settings, ban: (ban, forMs) => this.#banByGuard(ban, forMs) })
    this.#files = this.#openFiles(settings)
    this.#wire()
  }

  /** Joins the broker, whose records hold users and bans; subscriptions that the rules no longer allow go. */
  bind(host: AccessHost): void {
    this.#host = host
    this.#bans = new Bans(host.records(BAN_RECORDS), () => host.runningMs())
    this.#stored = new StoredUsers(host.records(USER_RECORDS), this.#clock)
    for (const name of this.#stored.damaged) this.#logger.error('the record of a user is damaged: it lets nobody in', { user: name })
    this.#wire()
    this.#review()
  }

  /**
   * Goes over to other settings at once: who would not be let in any more is disconnected, and subscriptions that are no
   * longer allowed are removed.
   * @throws GatewayError `config-invalid`, `config-unreadable` for a users file; nothing has changed then
   */
  reload(settings: AccessSettings): void {
    const files = this.#openFiles(settings)
    const before = this.#files
    this.#files = files
    for (const file of before) file.close()
    this.#settings = settings
    this.#rules = new RuleSet(settings.rules, settings.no_match)
    this.#rights = new WeakMap()
    this.generation++
    this.#guard.configure(settings)
    this.#wire()
    // First, as the wills of those who are expelled meet the new rules.
    this.#review()
    this.#expelUnwelcome()
  }

  close(): void {
    for (const file of this.#files) file.close()
  }

  authenticate(credentials: Credentials): Identity | Promise<Identity> {
    const outcome = this.#login.enter(credentials)
    if (outcome instanceof Promise) return outcome.then(identity => this.#came(identity, credentials))
    return this.#came(outcome, credentials)
  }

  exchange(method: string, credentials: Credentials): AuthenticationExchange | undefined {
    if (method !== SCRAM_SHA_256) return undefined
    const exchange = this.#login.exchange(credentials)
    return {
      next: async data => {
        const step = await exchange.next(data)
        if (step.identity !== undefined) this.#came(step.identity, credentials)
        return step
      },
    }
  }

  get denyAction(): 'ignore' | 'disconnect' {
    return this.#settings.deny_action
  }

  unrestricted(identity: Identity): boolean {
    return this.#rightsOf(identity).unrestricted
  }

  mayPublish(identity: Identity, topic: string, qos: Qos = 0, retain = false): boolean {
    const rights = this.#rightsOf(identity)
    return rights.unrestricted || rights.mayPublish(publishedTopic(topic), qos, retain)
  }

  maySubscribe(identity: Identity, filter: string, qos: Qos = 0): boolean {
    const rights = this.#rightsOf(identity)
    if (rights.unrestricted || rights.maySubscribe(subscribedFilter(filter), qos, isShared(filter))) return true
    this.#deniedSubscriptions++
    return false
  }

  mayReceive(identity: Identity, topic: string, filter: string, qos: Qos = 0): boolean {
    const rights = this.#rightsOf(identity)
    return rights.unrestricted || rights.mayReceive(topic, subscribedFilter(filter), qos)
  }

  users(): ListedUser[] {
    const sources: [string, UserSource][] = this.#files.map(file => [file.path, file])
    if (this.#stored !== undefined) sources.unshift(['store', this.#stored])
    return sources.flatMap(([source, users]) => Array.from(users.all(), user => ({ user, source })))
  }

  /** Makes a user; resolves when it is durable. @throws GatewayError `bad-request`, `conflict`, `quota-exceeded` */
  async addUser(name: string, password: string): Promise<void> {
    await this.#durable(await this.#store().add(name, password))
  }

  /** @throws GatewayError `not-found`, `bad-request` */
  async changePassword(name: string, password: string): Promise<void> {
    await this.#durable(await this.#store().changePassword(name, password))
  }

  /** Removes a user, and disconnects who came in by that name. @throws GatewayError `not-found` */
  async removeUser(name: string): Promise<void> {
    const position = this.#store().remove(name)
    this.#expelNames(new Set([name]))
    await this.#durable(position)
  }

  bans(): Ban[] {
    return this.#bans?.list() ?? []
  }

  /**
   * Bans, disconnects those who are meant, and resolves when the ban is durable. `forMs` undefined: for ever.
   * @throws GatewayError `bad-request`, `quota-exceeded`
   */
  async ban(kind: BanKind, value: string, reason: string, forMs: number | undefined): Promise<Ban> {
    const { ban, position } = this.#enter({ kind, value: banValue(kind, value), by: OPERATOR, reason }, forMs)
    this.#host?.expel('banned', Bans.meant(ban))
    await this.#durable(position)
    return ban
  }

  /** @throws GatewayError `not-found`, `bad-request` */
  async unban(kind: BanKind, value: string): Promise<void> {
    const position = this.#bans?.remove(kind, banValue(kind, value))
    if (position === undefined)
      throw new GatewayError('not-found', `there is no such ban of ${value}`, { hint: 'tidegate ban ls lists them' })
    await this.#durable(position)
  }

  /** What was counted since the start. */
  counters() {
    const { failures } = this.#guard
    const { computed, pending } = this.#hashes
    return {
      refused: { ...this.#refusals.counts },
      deniedSubscriptions: this.#deniedSubscriptions,
      failedLogins: failures,
      hashes: computed,
      hashesPending: pending,
      cacheHits: this.#cache.hits,
    }
  }

  #came(identity: Identity, { anonymous, loopback, certificate, pskIdentity }: Credentials): Identity {
    const proved = (certificate?.username ?? pskIdentity) !== undefined
    this.#ways.set(identity, { anonymous, loopback, proved })
    return identity
  }

  #rightsOf(identity: Identity): Rights {
    let rights = this.#rights.get(identity)
    if (rights === undefined) this.#rights.set(identity, (rights = this.#rules.rightsOf(identity)))
    return rights
  }

  #wire(): void {
    const stored = this.#stored === undefined ? [] : [this.#stored]
    const authenticators = Object.values(this.#settings.authenticators).map(({ users_file: path }) => {
      const files = this.#files.filter(file => file.path === path)
      return new BuiltInAuthenticator({ sources: [...stored, ...files], cache: this.#cache, hashes: this.#hashes })
    })
    this.#login = new Login({
      policy: this.#settings,
      authenticators,
      guard: this.#guard,
      refusals: this.#refusals,
      findBan: subject => this.#bans?.find(subject),
      scramKeys: name => authenticators.map(each => each.scramKeys(name)).find(keys => keys !== undefined),
      clock: this.#clock,
      decoySecret: this.#decoySecret,
    })
  }

  #openFiles({ authenticators }: AccessSettings): FileUsers[] {
    const files: FileUsers[] = []
    const paths = new Set(Object.values(authenticators).map(each => each.users_file))
    try {
      for (const path of paths) {
        if (path === undefined) continue
        files.push(new FileUsers({ path, clock: this.#clock, logger: this.#logger, onGone: names => this.#expelNames(names) }))
      }
    } catch (error) {
      for (const file of files) file.close()
      throw error
    }
    return files
  }

  #review(): void {
    const removed = this.#host?.reviewSubscriptions() ?? 0
    if (removed > 0) this.#logger.warn('subscriptions that the rules no longer allow are removed', { subscriptions: removed })
  }

  #expelUnwelcome(): void {
    const mayStay = (identity: Identity): boolean => {
      const { anonymous, username } = identity
      const way = this.#ways.get(identity)
      if (way === undefined) return true
      if (anonymous) return this.#login.mayBeAnonymous(way)
      return way.proved || username === undefined || this.#isKnown(username)
    }
    const count = this.#host?.expel('not-authorized', identity => !mayStay(identity))
    if (count) this.#logger.info('clients that are no longer let in are disconnected', { clients: count })
  }

  #isKnown(name: string): boolean {
    return this.#stored?.get(name) !== undefined || this.#files.some(file => file.get(name) !== undefined)
  }

  #expelNames(names: ReadonlySet<string>): void {
    const count = this.#host?.expel('not-authorized', identity => {
      const { anonymous, username } = identity
      if (anonymous || username === undefined || !names.has(username) || this.#ways.get(identity)?.proved) return false
      return !this.#isKnown(username)
    })
    if (count) this.#logger.info('clients of users that are gone are disconnected', { clients: count })
  }

  #banByGuard(ban: Pick<Ban, 'kind' | 'value' | 'by' | 'reason'>, forMs: number): void {
    this.#logger.warn('somebody is banned for a time', { ...ban, seconds: forMs / 1000 })
    try {
      this.#enter(ban, forMs)
    } catch (error) {
      this.#logger.error('a ban could not be entered', { error })
    }
  }

  #enter(what: Pick<Ban, 'kind' | 'value' | 'by' | 'reason'>, forMs: number | undefined): { ban: Ban; position: Position } {
    const host = this.#bound()
    const untilMs = forMs === undefined ? undefined : host.runningMs() + forMs
    const ban: Ban = { ...what, untilMs, createdAtMs: this.#clock.now() }
    return { ban, position: this.#bans!.add(ban) }
  }

  #durable(position: Position): Promise<void> {
    return this.#bound().whenCommitted(position)
  }

  #bound(): AccessHost {
    if (this.#host === undefined) throw new GatewayError('server-busy', 'the gateway is starting', { retryable: true })
    return this.#host
  }

  #store(): StoredUsers {
    this.#bound()
    return this.#stored!
  }
}
