/**
 * The composition root: makes the parts of the gateway, wires them, and starts, reloads and stops them in order.
 * Start: store → broker → admin (it tells that the rest is not ready) → bridges (so that nothing local is missed) →
 * serial devices → listeners → ready.
 * Stop: listeners refuse → clients get their DISCONNECT → devices → bridges → last commit.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayAccess } from '#access/index.ts'
import { offerToHomeAssistant, SerialAdapter } from '#adapters/serial/index.ts'
import { type Admin, CONTROL_SOCKET, openAdmin, SysPublisher } from '#admin/index.ts'
import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { createBroker, type GatewayBroker } from '#broker/broker.ts'
import type { Access, Store, StoreFault } from '#broker/ports.ts'
import { limitsOf } from '#config/limits.ts'
import type { Sources } from '#config/load.ts'
import type { GatewayConfig, ListenerConfig } from '#registry.ts'
import { rewriteRules } from '#rules/index.ts'
import { openStore } from '#store/index.ts'
import { build } from '#system/build.ts'
import { device } from '#system/device.ts'
import { sqliteVersion } from '#system/runtime.ts'
import { RunningBridges } from './gateway/bridges.ts'
import { delayedTerms, retainedTerms, sharedTerms } from './gateway/broker-terms.ts'
import { clientLimits } from './gateway/client-limits.ts'
import { controlOf } from './gateway/control.ts'
import { gatewayId } from './gateway/identity.ts'
import { LISTENER_PROTOCOLS, type ListenerServices, type RunningListener } from './gateway/listeners.ts'
import { autoSubscriptionsOf, readPattern, rewriterOf } from './gateway/rules.ts'
import { stateLine } from './gateway/state-line.ts'
import { storeProgram } from './gateway/store-worker.ts'

export interface GatewayOptions {
  config: GatewayConfig
  /** Where the values came from, for messages. */
  sources: Sources
  /** The configuration file, absolute; undefined for the embedded defaults. */
  configFile: string | undefined
  clock: Clock
  logger: Logger
  /** A part that cannot be done without has died: the process must end, its next start is the recovery. */
  onFatal: (error: unknown) => void
}

/** A gateway, made and not started. */
export function createGateway(options: GatewayOptions): Gateway {
  return new Gateway(options)
}

/** Tables whose changes take hold at a reload; the others at the next start. */
const RELOADED = ['access', 'bridges']

export class Gateway {
  readonly #options: GatewayOptions
  #config: GatewayConfig
  #store: Store | undefined
  #broker: GatewayBroker | undefined
  #access: GatewayAccess | undefined
  #bridges: RunningBridges | undefined
  #serial: SerialAdapter | undefined
  #admin: Admin | undefined
  #listeners: RunningListener[] = []
  #faults: readonly StoreFault[] = []
  #ready = false
  #id = ''
  #sys: SysPublisher | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#config = options.config
  }

  /** Resolves once every listener answers. What was started before a failure is stopped again. */
  async start(): Promise<void> {
    try {
      await this.#start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Changes to another configuration: access, bridges and their routes at once; for the rest a restart is asked for. */
  async reload(config: GatewayConfig): Promise<void> {
    const later = Object.keys(config).filter(key => !RELOADED.includes(key) && changed(this.#config, config, key as keyof GatewayConfig))
    for (const key of later) this.#options.logger.warn('this table has changed and takes hold at the next start', { table: key })
    this.#access?.reload(config.access)
    await this.#bridges?.reload(config.bridges)
    this.#config = config
  }

  /** How it is, in one line for people; empty before the start and after the stop. */
  stateLine(): string {
    if (this.#broker === undefined || this.#bridges === undefined) return ''
    return stateLine(
      this.#broker.status(),
      this.#bridges.all().map(bridge => bridge.status().state),
    )
  }

  /** Resolves when the store's worker has answered; one that hangs never does. */
  async heartbeat(): Promise<void> {
    await this.#store?.heartbeat()
  }

  /** Safe at any moment, also half started. */
  async stop(): Promise<void> {
    this.#ready = false
    this.#sys?.stop()
    await this.#admin?.close()
    await Promise.all(this.#listeners.map(listener => listener.refuse()))
    this.#broker?.prepareStop()
    await Promise.all(this.#listeners.map(listener => listener.stop()))
    await this.#serial?.stop()
    await this.#bridges?.stop()
    this.#broker?.stop()
    await this.#store?.close()
    this.#broker?.abandon()
    this.#access?.close()
  }

  async #start(): Promise<void> {
    const { clock, logger } = this.#options
    const config = this.#config
    const access = new GatewayAccess({ settings: config.access, clock, logger })
    this.#access = access
    const broker = await this.#openBroker(access)
    access.bind(broker)
    const id = gatewayId(broker, clock, config.gateway.id)
    this.#id = id
    this.#bridges = new RunningBridges({ broker, clock, logger, gatewayId: id })
    this.#admin = await this.#openAdmin(broker, id)
    this.#sys?.start()
    await this.#bridges.start(config.bridges)
    this.#serial = new SerialAdapter({ config: config.serial, broker, clock, logger, limits: clientLimits(config.limits) })
    this.#serial.start()
    offerToHomeAssistant(broker, config.homeassistant, config.serial, id)
    await this.#openListeners({ broker, access, clock, logger })
    this.#ready = true
    const listeners = this.#listeners.map(listener => listener.status())
    logger.info('the gateway is ready', { id, listeners: listeners.map(({ name, bind }) => `${name} ${bind}`).join(', ') })
  }

  async #openBroker(access: Access): Promise<GatewayBroker> {
    const { clock, logger, onFatal } = this.#options
    const { gateway, store, shared, retained, delayed, rewrite, auto_subscriptions } = this.#config
    makeDataDir(gateway.data_dir)
    const opened = openStore({
      dataDir: gateway.data_dir,
      ...storeProgram(),
      clock,
      logger,
      commitIntervalMs: store.commit_interval,
      bytesMax: store.max_bytes,
      onFatal,
    })
    this.#store = opened
    const broker = await createBroker({
      store: opened,
      access,
      clock,
      logger,
      storeWhenFull: store.when_full,
      sharedTerms: sharedTerms(shared),
      retained: retainedTerms(retained),
      delayed: delayedTerms(delayed),
      rewriter: rewriterOf(rewriteRules(rewrite, readPattern), () => this.#id),
      autoSubscriptions: autoSubscriptionsOf(auto_subscriptions),
    })
    this.#broker = broker
    this.#faults = broker.faults
    for (const fault of this.#faults) logger.error(fault.message, { file: fault.file, salvaged: fault.salvaged })
    return broker
  }

  async #openListeners(services: ListenerServices): Promise<void> {
    for (const [name, config] of Object.entries(this.#config.listeners)) {
      this.#listeners.push(await this.#openListener(name, config, services))
    }
  }

  #openListener(name: string, config: ListenerConfig, services: ListenerServices): Promise<RunningListener> {
    const limits = limitsOf(this.#config, config.zone)
    switch (config.protocol) {
      case 'mqtt':
        return LISTENER_PROTOCOLS.mqtt(name, config, limits, services)
      case 'coap':
        return LISTENER_PROTOCOLS.coap(name, config, limits, services)
      case 'mqtt-sn':
        return LISTENER_PROTOCOLS['mqtt-sn'](name, config, limits, services)
    }
  }

  async #openAdmin(broker: GatewayBroker, id: string): Promise<Admin> {
    const { clock, logger, configFile } = this.#options
    const { admin, gateway } = this.#config
    const info = {
      ...build(),
      sqlite: await sqliteVersion(),
      gatewayId: id,
      startedAtMs: clock.now(),
      dataDir: gateway.data_dir,
      configFile,
      device: { ...device() },
    }
    const control = controlOf({
      broker,
      access: this.#access!,
      info,
      clock,
      bridges: this.#bridges!,
      faults: this.#faults,
      ready: () => this.#ready,
      listeners: () => this.#listeners.map(listener => listener.status()),
    })
    const { interval, presence, subscriptions } = this.#config.sys
    this.#sys = new SysPublisher(control, clock, { intervalMs: interval, presence, subscriptions })
    const socketPath = admin.socket ?? join(gateway.data_dir, CONTROL_SOCKET)
    return openAdmin({ control, clock, logger, socketPath, tcp: admin.bind === 'off' ? undefined : admin.bind })
  }
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o750 })
  } catch (cause) {
    const hint = 'choose another with --data-dir or gateway.data_dir'
    throw new GatewayError('store-failed', `the data directory ${dataDir} cannot be made: ${(cause as Error).message}`, { cause, hint })
  }
}

function changed(before: GatewayConfig, after: GatewayConfig, key: keyof GatewayConfig): boolean {
  return JSON.stringify(before[key]) !== JSON.stringify(after[key])
}
