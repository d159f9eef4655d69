/** The MQTT adapter: MQTT 3.1, 3.1.1 and 5.0 over any stream of bytes. */
export type { MqttLimits } from './config.ts'
export { MqttListener, type MqttListenerOptions } from './listener.ts'
