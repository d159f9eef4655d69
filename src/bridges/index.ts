/** Bridges by kind. */
import { choice, type Infer, map } from '#base/schema.ts'
import { createMqttBridge, mqttBridge } from './mqtt/index.ts'
import type { Bridge, BridgeServices } from './types.ts'

export { withdrawBridges } from './engine/withdrawal.ts'
export type { Bridge, BridgeServices, BridgeState, BridgeStatus } from './types.ts'

/** `[bridges.NAME]`. */
export const bridge = choice(
  'kind',
  { mqtt: mqttBridge },
  {
    description: 'A bridge to an upstream: what is acknowledged here waits on disk until it is acknowledged there.',
    planned: ['aws-iot', 'azure-iot-hub'],
  },
)

/** `[bridges.*]`. */
export const bridges = map(bridge, { description: 'Bridges to upstream brokers.', max: 100 })

export type BridgeConfig = Infer<typeof bridge>

/** Makes a configured bridge; nothing happens before its `start`. */
export function createBridge(name: string, config: BridgeConfig, services: BridgeServices): Bridge<BridgeConfig> {
  switch (config.kind) {
    case 'mqtt':
      return createMqttBridge(name, config, services)
  }
}
