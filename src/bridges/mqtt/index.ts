/** `kind = "mqtt"`: store-and-forward to another MQTT broker. */

import type { BridgeServices } from '#bridges/types.ts'
import { type OpenStream, openStream } from '#clients/mqtt/index.ts'
import type { MqttBridgeConfig } from './config.ts'
import { MqttBridge } from './engine.ts'

export { type MqttBridgeConfig, mqttBridge } from './config.ts'
export type { MqttBridge } from './engine.ts'

/** Makes a bridge of this kind; nothing happens before its `start`. `open`: how streams are opened, for tests. */
export function createMqttBridge(
  name: string,
  config: MqttBridgeConfig,
  services: BridgeServices,
  open: OpenStream = openStream,
): MqttBridge {
  return new MqttBridge(name, config, services, open)
}
