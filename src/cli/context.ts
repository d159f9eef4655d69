/** What a command gets from outside: its terminal, its environment, and the parts that main hands it. */
import type { Readable } from 'node:stream'
import type { Clock } from '#base/clock.ts'
import type { Logger, LogLevel } from '#base/logger.ts'
import type { TableSchema } from '#base/schema.ts'
import type { Sources } from '#config/load.ts'
import type { SerialParts } from './serial-parts.ts'
import type { Terminal } from './terminal.ts'

/** The keys that the command line itself looks at; the loaded configuration has many more. */
export interface ConfigCore {
  readonly gateway: { readonly data_dir: string }
  readonly admin: { readonly socket?: string }
  readonly access?: { readonly no_match?: 'allow' | 'deny'; readonly rules: readonly unknown[] }
}

/** A gateway, made and not yet started. */
export interface Gateway {
  /** Resolves once every listener answers. */
  start(): Promise<void>
  /** Changes to another configuration; on an error the running one stays. */
  reload(config: ConfigCore, sources: Sources): Promise<void>
  stop(): Promise<void>
  /** How it is, in one line for people. */
  stateLine(): string
  /** Resolves when the store's worker has answered; one that hangs never does. */
  heartbeat(): Promise<void>
}

/** Who has started the process and wants to know how it is: systemd. Where there is nobody, nothing happens. */
export interface ServiceManager {
  starting(): void
  /** From here on it hears at intervals how the gateway is. */
  ready(gateway: Pick<Gateway, 'stateLine' | 'heartbeat'>): void
  reloading(): void
  /** `complaint`: why the configuration before is still the one in force. */
  reloaded(complaint?: string): void
  stopping(): void
  /** The process is about to end because of an error. */
  failed(reason: string): void
}

export interface GatewayOptions {
  config: ConfigCore
  /** Where the values came from. */
  sources: Sources
  /** The file, absolute; undefined for the embedded defaults. */
  configFile: string | undefined
  clock: Clock
  logger: Logger
  /** Called when a part that cannot be done without has died: the process must end. */
  onFatal: (error: unknown) => void
}

/** The running gateway's API, behind its control socket. */
export interface Control {
  /** @throws GatewayError `not-running`, `not-authorized`, `timeout`, `connection-lost` */
  request(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<{ status: number; body: unknown }>
}

/** The users in the store of a stopped gateway. What is changed is on disk when its promise resolves. */
export interface StoppedUsers {
  list(): { username: string; source: string; scram: boolean; createdAtMs: number }[]
  /** @throws GatewayError `bad-request`, `conflict` */
  add(username: string, password: string): Promise<void>
  /** @throws GatewayError `bad-request`, `not-found` */
  changePassword(username: string, password: string): Promise<void>
  /** @throws GatewayError `not-found` */
  remove(username: string): Promise<void>
  close(): Promise<void>
}

export interface About {
  version: string
  commit: string
  node: string
  sqlite: string
}

/**
 * The parts of the house that main hands in. Declared as methods, so that the gateway's own, wider configuration type fits.
 * Those that load much are asked only when they are needed.
 */
export interface Parts {
  about(): Promise<About>
  schema(): Promise<TableSchema<ConfigCore>>
  createGateway(options: GatewayOptions): Promise<Gateway>
  /** The logger on standard error; `format` undefined: for people if that is a terminal, else JSON. */
  createLogger(options: { level: LogLevel; format: 'human' | 'json' | undefined }): Promise<Logger>
  openControl(socketPath: string): Promise<Control>
  /** @throws GatewayError `store-locked` while a gateway uses that folder, `store-failed` */
  openStoppedUsers(dataDir: string): Promise<StoppedUsers>
  /** Who has started this process, as far as it wants to be told anything. */
  openServiceManager(logger: Logger): Promise<ServiceManager>
  /** Ports, profiles and simulated devices. */
  serial(): Promise<SerialParts>
  /** A device profile that the program brings with it, by name. */
  readProfile(name: string): { path: string; text: string } | undefined
  clock: Clock
}

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** The process around a command. */
export interface Surroundings {
  onSignal(signal: Signal, run: () => void): void
  /** Anything that nobody caught, from anywhere in the process. */
  onUncaught(run: (error: unknown) => void): void
  /** Ends the process at once. */
  exit(code: number): void
}

export interface Context {
  readonly env: { readonly [name: string]: string | undefined }
  /** The working folder, absolute. */
  readonly folder: string
  readonly stdin: Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown }
  readonly terminal: Terminal
  readonly parts: Parts
  readonly surroundings: Surroundings
}
