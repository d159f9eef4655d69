/** Access without a gateway around it. */
import { type AccessSettings, GatewayAccess, PLAIN_ACCESS } from '#access/index.ts'
import type { AccessHost, Credentials, ExpelReason, Identity } from '#broker/ports.ts'
import { RecordingLogger } from '../support/recording-logger.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

export function credentials(more: Partial<Credentials> = {}): Credentials {
  return {
    protocol: 'mqtt',
    clientId: 'dev-1',
    username: undefined,
    password: undefined,
    address: '192.0.2.7',
    listener: 'field',
    loopback: false,
    anonymous: undefined,
    ...more,
  }
}

/** Credentials with a user name and password. */
export function login(username: string, password: string, more: Partial<Credentials> = {}): Credentials {
  return credentials({ username, password: Buffer.from(password), ...more })
}

/** The broker as access sees it; everything is durable at once. */
export class FakeHost implements AccessHost {
  readonly tables = new Map<string, Map<string, Uint8Array>>()
  readonly expelled: [reason: ExpelReason, clientId: string][] = []
  reviews = 0
  /** Who is connected. */
  readonly identities = new Set<Identity>()
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  records(owner: string) {
    const table = this.tables.get(owner) ?? new Map<string, Uint8Array>()
    this.tables.set(owner, table)
    return {
      get: (key: string) => table.get(key),
      entries: () => new Map(table).entries(),
      put: (key: string, value: Uint8Array) => done(table.set(key, value)),
      delete: (key: string) => done(table.delete(key)),
      clear: () => done(table.clear()),
    }
  }

  runningMs(): number {
    return this.#clock.monotonic()
  }

  async whenCommitted(): Promise<void> {}

  expel(reason: ExpelReason, isMeant: (identity: Identity) => boolean): number {
    const meant = [...this.identities].filter(isMeant)
    for (const identity of meant) {
      this.identities.delete(identity)
      this.expelled.push([reason, identity.clientId])
    }
    return meant.length
  }

  reviewSubscriptions(): number {
    this.reviews++
    return 0
  }
}

/** The position of what was done. */
function done(_outcome: unknown): number {
  return 1
}

export interface Bench {
  access: GatewayAccess
  host: FakeHost
  clock: VirtualClock
  logger: RecordingLogger
  /** Lets somebody in and counts him as connected. */
  enter(who: Credentials): Promise<Identity>
  /** The code and reason of the refusal; time passes until it comes. */
  refusal(who: Credentials): Promise<{ code: string; reason: number | undefined; afterMs: number }>
}

interface Owner {
  teardown(run: () => void): unknown
}

export function bench(t: Owner, settings: Partial<AccessSettings> = {}, host?: FakeHost): Bench {
  const clock = new VirtualClock()
  const logger = new RecordingLogger()
  const access = new GatewayAccess({
    settings: { ...PLAIN_ACCESS, authenticators: { local: { kind: 'built-in' } }, ...settings },
    clock,
    logger,
  })
  const bound = host ?? new FakeHost(clock)
  access.bind(bound)
  t.teardown(() => access.close())
  async function enter(who: Credentials): Promise<Identity> {
    const identity = await access.authenticate(who)
    bound.identities.add(identity)
    return identity
  }
  async function refusal(who: Credentials) {
    const startedMs = clock.monotonic()
    let settled = false
    const outcome = (async () => access.authenticate(who))()
      .then(
        () => ({ code: 'none', reason: undefined }),
        error => ({ code: error.code as string, reason: error.reason as number | undefined }),
      )
      .finally(() => (settled = true))
    // Real threads hash; the answer is then held back in virtual time.
    while (!settled) {
      await new Promise(resolve => setImmediate(resolve))
      if (!settled && access.counters().hashesPending === 0) clock.advance(10)
    }
    return { ...(await outcome), afterMs: clock.monotonic() - startedMs }
  }
  return { access, host: bound, clock, logger, enter, refusal }
}
