/** The bridges of a running gateway, and how they change at a reload. */
import { describeError } from '#base/errors.ts'
import { type Bridge, type BridgeConfig, type BridgeServices, createBridge, withdrawBridges } from '#bridges/index.ts'

type Configured = Readonly<Record<string, BridgeConfig>>

export class RunningBridges {
  readonly #services: BridgeServices
  readonly #bridges = new Map<string, Bridge<BridgeConfig>>()

  constructor(services: BridgeServices) {
    this.#services = services
  }

  async start(configured: Configured): Promise<void> {
    this.#withdraw(configured)
    for (const [name, config] of Object.entries(configured)) await this.#add(name, config)
  }

  get(name: string): Bridge<BridgeConfig> | undefined {
    return this.#bridges.get(name)
  }

  all(): Bridge<BridgeConfig>[] {
    return [...this.#bridges.values()]
  }

  /** Goes over to a new set: one that fails is logged and stops no other. */
  async reload(configured: Configured): Promise<void> {
    for (const [name, bridge] of this.#bridges) {
      if (Object.hasOwn(configured, name)) continue
      await this.#attempt(name, () => bridge.stop())
      this.#bridges.delete(name)
    }
    this.#withdraw(configured)
    for (const [name, config] of Object.entries(configured)) {
      const bridge = this.#bridges.get(name)
      await this.#attempt(name, () => (bridge === undefined ? this.#add(name, config) : bridge.reload(config)))
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.all().map(bridge => this.#attempt(bridge.name, () => bridge.stop())))
  }

  /** Bridges of an earlier configuration take nothing new; what they hold stays for the case that they come back. */
  #withdraw(configured: Configured): void {
    for (const name of withdrawBridges(this.#services.broker, Object.keys(configured))) {
      this.#services.logger.warn('messages wait for a bridge that is no longer configured', { bridge: name })
    }
  }

  async #add(name: string, config: BridgeConfig): Promise<void> {
    const bridge = createBridge(name, config, { ...this.#services, logger: this.#services.logger.child({ bridge: name }) })
    this.#bridges.set(name, bridge)
    await bridge.start()
  }

  async #attempt(name: string, run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.#services.logger.error('a bridge could not be changed', { bridge: name, error: describeError(error) })
    }
  }
}
