/** The MQTT-SN adapter: MQTT-SN 1.2 over datagrams. */
export { type MqttSnConfig, mqttSnKeys } from './config.ts'
export { SnEngine, type SnEngineOptions } from './engine.ts'
