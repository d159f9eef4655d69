/** The client side of MQTT. */

export { CLIENT_DEFAULTS, type ClientOptions, connectClient, type MqttClient, type PublishOptions, type ReceivedMessage } from './client.ts'
export { type ConnectionEvents, MqttConnection } from './connection.ts'
export {
  type Endpoint,
  endpointUrl,
  type HttpProxy,
  isSecure,
  parseProxyUrl,
  parseServerUrl,
  readProxyUrl,
  readServerUrl,
} from './endpoint.ts'
export { MqttEngine } from './engine.ts'
export type { Answer, ClientVersion, EngineEvents, EngineOptions, ServerTerms } from './options.ts'
export { refusal } from './reasons.ts'
export type { OpenStream, Stream, StreamEvents, Target, TlsFiles } from './stream.ts'
export { openStream } from './transport.ts'
