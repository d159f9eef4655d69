import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import type { Broker, ClientLimits } from '#broker/ports.ts'
import type { SerialConfig } from './config.ts'
import { type DeviceStatus, SerialDevice } from './device.ts'
import type { PortOpener } from './port.ts'
import { serialPorts } from './transport.ts'

export { type SerialConfig, serialSchema } from './config.ts'
export type { DeviceStatus } from './device.ts'
export type { DeviceState } from './device-state.ts'
export { type HomeAssistantConfig, homeAssistantSchema, offerToHomeAssistant } from './home-assistant.ts'
export { listPorts } from './listing/transport.ts'
export type { PortInfo, PortOpener } from './port.ts'

export interface SerialAdapterOptions {
  config: SerialConfig
  broker: Broker
  clock: Clock
  logger: Logger
  /** Limits of the devices' broker clients. */
  limits: ClientLimits
  /** Ports other than the machine's own. */
  opener?: PortOpener
}

/** All serial devices of a configuration. One that cannot be opened is looked for and stops nothing else. */
export class SerialAdapter {
  readonly #devices: SerialDevice[]

  /** @throws GatewayError `config-invalid` */
  constructor(options: SerialAdapterOptions) {
    const { config, broker, clock, logger, limits, opener = serialPorts } = options
    this.#devices = Object.entries(config).map(
      ([name, device]) => new SerialDevice({ name, config: device, broker, clock, logger, opener, limits }),
    )
  }

  /** Attaches the devices and begins to open their ports; does not wait for them. */
  start(): void {
    for (const device of this.#devices) device.start()
  }

  /** Closes the ports, publishes the last states and detaches. */
  async stop(): Promise<void> {
    await Promise.all(this.#devices.map(device => device.stop()))
  }

  status(): DeviceStatus[] {
    return this.#devices.map(device => device.status())
  }
}
