/** CoAP: an endpoint that is server and client in one, and publish/subscribe over it. */
export { type CoapConfig, coapKeys } from './config.ts'
export { CoapEndpoint } from './endpoint.ts'
export type { ClientObservation, OutgoingRequest } from './endpoint-client.ts'
export type { ServerExchange } from './endpoint-exchange.ts'
export type { Observer } from './endpoint-observer.ts'
export type { CoapRequest } from './endpoint-request.ts'
export type { Resource, ResourceHandler } from './endpoint-resources.ts'
export type {
  CoapResponse,
  DatagramPort,
  EndpointCounters,
  EndpointLimits,
  Notification,
  ObservationEnd,
  ReceivedResponse,
} from './endpoint-types.ts'
export { CoapEngine, type CoapEngineOptions } from './engine.ts'
