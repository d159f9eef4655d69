/** The service manager (systemd) that has started the gateway, and what it is told: sd_notify(3). */
import type { Clock, Timer } from '#base/clock.ts'
import { describeError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { loadAddon } from './native-addons.ts'
import { NotifyChannel } from './notify-channel.ts'
import type { ServiceEnvironment } from './notify-environment.ts'
import { type NotifyAddon, type NotifyWay, notifyWays } from './notify-ways.ts'
import { Watchdog } from './watchdog.ts'

/** The least time between two lines of state. */
const STATUS_INTERVAL_MS = 10_000

/** A running gateway as its service manager sees it. */
export interface Vital {
  /** One line for people: what it serves, and what is wrong. */
  stateLine(): string
  /** Resolves when the store's worker has answered; one that hangs never does. */
  heartbeat(): Promise<void>
}

export interface ServiceManagerOptions {
  ways: readonly NotifyWay[]
  /** How often the manager wants a sign of life, in ms; undefined: never. */
  watchdogMs: number | undefined
  clock: Clock
  /** CLOCK_MONOTONIC in microseconds, by which the manager tells this reload from the one before. */
  monotonicUs: () => bigint
  logger: Logger
}

export class ServiceManager {
  readonly #options: ServiceManagerOptions
  readonly #channel: NotifyChannel
  #vital: Vital | undefined
  #watchdog: Watchdog | undefined
  #timer: Timer | undefined
  /** Nothing that comes after it may say READY. */
  #stopping = false
  #line = ''
  /** What a person should see until the next reload. */
  #complaint = ''

  constructor(options: ServiceManagerOptions) {
    this.#options = options
    this.#channel = new NotifyChannel(options.ways, options.clock, options.logger)
  }

  starting(): void {
    this.#channel.tell('STATUS=starting: opens the store, then the listeners')
  }

  /** Store and listeners are up. From here on the watchdog holds. */
  ready(vital: Vital): void {
    if (!this.#channel.open) return
    this.#vital = vital
    this.#channel.tell('READY=1', this.#status())
    this.#planStatus()
    this.#watch(vital)
  }

  /** A reload begins: `Type=notify-reload` waits for the `reloaded` that follows. */
  reloading(): void {
    if (this.#stopping) return
    this.#channel.tell('RELOADING=1', `MONOTONIC_USEC=${this.#options.monotonicUs()}`, 'STATUS=loads the configuration again')
  }

  /** A reload is over; `complaint`: why the old configuration is still the one in force. */
  reloaded(complaint = ''): void {
    if (this.#stopping) return
    this.#complaint = complaint
    this.#channel.tell('READY=1', this.#status())
  }

  stopping(): void {
    this.#stopping = true
    this.#options.clock.clearTimer(this.#timer)
    this.#timer = undefined
    this.#watchdog?.stop()
    this.#vital = undefined
    this.#channel.tell('STOPPING=1', 'STATUS=stops: says goodbye and commits what is left')
  }

  /** The process is about to end because of an error. */
  failed(reason: string): void {
    this.#channel.tell(`STATUS=ended: ${reason}`)
  }

  #status(): string {
    this.#line = [this.#vital?.stateLine() ?? '', this.#complaint].filter(part => part !== '').join('; ')
    return `STATUS=${this.#line}`
  }

  #planStatus(): void {
    this.#timer = this.#options.clock.setTimer(STATUS_INTERVAL_MS, () => {
      this.#planStatus()
      const before = this.#line
      const status = this.#status()
      if (this.#line !== before) this.#channel.tell(status)
    })
  }

  #watch(vital: Vital): void {
    const { clock, watchdogMs, logger } = this.#options
    if (watchdogMs === undefined) return
    this.#watchdog = new Watchdog({
      clock,
      intervalMs: watchdogMs,
      ask: () => vital.heartbeat(),
      alive: () => this.#channel.tell('WATCHDOG=1'),
      silent: () => logger.error("the store's worker does not answer; if that goes on the service manager starts the gateway anew"),
    })
    this.#watchdog.start()
  }
}

export interface OpenOptions {
  handed: ServiceEnvironment
  environment: NodeJS.ProcessEnv
  clock: Clock
  monotonicUs: () => bigint
  logger: Logger
}

/** The manager of this process; where there is none, nothing that it is told goes anywhere. */
export function openServiceManager({ handed, environment, ...rest }: OpenOptions): ServiceManager {
  const { logger } = rest
  function addon(): NotifyAddon | undefined {
    try {
      return loadAddon('notify') as NotifyAddon | undefined
    } catch (error) {
      logger.warn('the addon that tells the service manager cannot be loaded', { error: describeError(error) })
      return undefined
    }
  }

  const ways = notifyWays({ handed, environment, loadAddon: addon })
  return new ServiceManager({ ...rest, ways, watchdogMs: handed.watchdogMs })
}
