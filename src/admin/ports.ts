/** The running gateway as the admin interface sees it. The composition root implements it. */
import type { Broker } from '#broker/ports.ts'

/** What this gateway is; does not change while it runs. */
export interface GatewayInfo {
  version: string
  commit: string
  node: string
  sqlite: string
  /** The gateway's id, also the `{node}` of `$SYS` topics. */
  gatewayId: string
  /** Wall-clock time of the start, ms since 1970. */
  startedAtMs: number
  dataDir: string
  /** The file that was loaded, undefined for the embedded defaults. */
  configFile: string | undefined
  /** Facts about the machine. */
  device: Readonly<Record<string, string | number | undefined>>
}

export interface Health {
  /** False: only a restart or a person can help. */
  healthy: boolean
  /** What is not as it should be, one sentence each; may be non-empty while `healthy`. */
  problems: readonly string[]
}

export interface ListenerStatus {
  name: string
  /** `mqtt`, `coap`, … */
  protocol: string
  /** `tcp`, `udp`, `unix`, … */
  transport: string
  /** Where it listens for people: `127.0.0.1:1883`, with the real port, or a path. */
  bind: string
  /** Open connections; undefined for datagram listeners. */
  connections: number | undefined
  /** Running totals by name (`accepted`, `refused-full`, `malformed-packet`), kebab-case. */
  counters: Readonly<Record<string, number>>
}

/** `waiting`: for the next attempt, after a failure. `stopped`: the gateway is starting or stopping. */
export type BridgeState = 'connected' | 'connecting' | 'waiting' | 'paused' | 'stopped'

export interface BridgeStatus {
  name: string
  /** `mqtt`, … */
  kind: string
  /** Its upstream, without user name and password. */
  url: string
  state: BridgeState
  /** Wall-clock time since which it is in this state, ms since 1970. */
  sinceMs: number
  /** Why it is not connected, one sentence; undefined when it is. */
  reason: string | undefined
  /** What the operator can do about it. */
  hint: string | undefined
  /** Running ms until the next attempt; undefined when none is due. */
  nextAttemptMs: number | undefined
  /** The spool: entries and their bytes, those in flight included. */
  queued: number
  queuedBytes: number
  inFlight: number
  /** Running totals: delivered upstream, taken from upstream, lost attempts, connections made. */
  sent: number
  received: number
  connects: number
  failures: number
  /** Messages that left the spool undelivered, by reason. */
  dropped: Readonly<Record<string, number>>
  /** Messages set aside after their retries. */
  deadLetters: number
}

/** One value of a metric family. */
export interface MetricSample {
  labels?: Readonly<Record<string, string>>
  value: number
}

/** A metric family as Prometheus knows it. */
export interface MetricFamily {
  /** `tidegate_…`; counters end in `_total`. */
  name: string
  type: 'counter' | 'gauge'
  help: string
  samples: readonly MetricSample[]
}

/** A user of the gateway's own. */
export interface UserStatus {
  username: string
  /** `store`: made with `tidegate user add`; else the file in which it stands. */
  source: string
  /** Whether it can log in by SCRAM-SHA-256 too. */
  scram: boolean
  /** Wall clock, ms since 1970; 0: not known. */
  createdAtMs: number
}

/** Users of the gateway's own. What changes is durable when a promise resolves. */
export interface UserAdmin {
  list(): UserStatus[]
  /** @throws GatewayError `bad-request`, `conflict`, `quota-exceeded` */
  add(username: string, password: string): Promise<void>
  /** @throws GatewayError `bad-request`, `not-found` */
  changePassword(username: string, password: string): Promise<void>
  /** @throws GatewayError `not-found` */
  remove(username: string): Promise<void>
}

export interface BanStatus {
  kind: 'client_id' | 'username' | 'address'
  /** A client id, a user name, an address or a network. */
  value: string
  /** `operator`, or the guard that did it. */
  by: string
  reason: string
  /** Wall clock, ms since 1970. */
  createdAtMs: number
  /** ms of running time until it ends; undefined: never. */
  remainingMs: number | undefined
}

/** Bans. What changes is durable when a promise resolves. */
export interface BanAdmin {
  list(): BanStatus[]
  /**
   * Bans, and disconnects who is meant. `forMs` undefined: for ever.
   * @throws GatewayError `bad-request`, `quota-exceeded`
   */
  add(kind: BanStatus['kind'], value: string, reason: string, forMs: number | undefined): Promise<BanStatus>
  /** @throws GatewayError `bad-request`, `not-found` */
  remove(kind: BanStatus['kind'], value: string): Promise<void>
}

export interface GatewayControl {
  readonly broker: Broker
  readonly users: UserAdmin
  readonly bans: BanAdmin
  readonly info: GatewayInfo
  /** Wall clock, ms since 1970, and whether it is believed. */
  now(): number
  clockSynchronised(): boolean
  /** Every listener answers. */
  ready(): boolean
  health(): Health
  listeners(): ListenerStatus[]
  bridges(): BridgeStatus[]
  /** Stops draining and disconnects; the spool goes on filling. False: no such bridge. */
  pauseBridge(name: string): boolean
  /** False: no such bridge. */
  resumeBridge(name: string): boolean
  /** What the parts measure beyond what is in this port. */
  metrics(): MetricFamily[]
}
