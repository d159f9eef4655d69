import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import type { Access, Broker, ClientLimits } from '#broker/ports.ts'
import { szxFor } from '#codecs/coap/index.ts'
import type { DatagramRemote } from '#listeners/types.ts'
import { Clients } from './clients.ts'
import { COAP_DEFAULTS, type CoapConfig } from './config.ts'
import { CoapEndpoint } from './endpoint.ts'
import type { DatagramPort, EndpointLimits } from './endpoint-types.ts'
import { PubSub } from './pub-sub.ts'

export interface CoapEngineOptions {
  broker: Broker
  /** Asked whether a client may read a retained value: the right to subscribe to its topic. */
  access: Pick<Access, 'maySubscribe' | 'mayReceive'>
  clock: Clock
  logger: Logger
  /** Where answers go: the listener's socket. */
  port: DatagramPort
  /** The listener's name. */
  listener: string
  /** Limits of each client, from the listener's zone. */
  limits: ClientLimits
  /** The largest payload, in bytes (`limits.max_packet`). */
  payloadBytesMax: number
  /** Clients at a time (`max_connections`). */
  clientsMax: number
  anonymous?: 'never' | 'loopback' | 'always' | undefined
  /** Put before every topic. */
  mountpoint?: string | undefined
  config?: CoapConfig
  /** Transmission parameters and table sizes that are not configured; for tests. */
  endpointLimits?: Partial<EndpointLimits>
}

/** CoAP on one listener: `/ps/{topic}` and whatever else is added to its endpoint. */
export class CoapEngine {
  /** For further resources (LwM2M) and requests to devices. */
  readonly endpoint: CoapEndpoint
  readonly #clients: Clients
  readonly #pubSub: PubSub

  constructor(options: CoapEngineOptions) {
    const { broker, clock, logger, config = COAP_DEFAULTS } = options
    const limits: Partial<EndpointLimits> = {
      szxMax: szxFor(config.block_size),
      ackDelayMs: config.ack_delay,
      confirmEvery: config.confirm_every,
      bodyBytesMax: options.payloadBytesMax,
      ...options.endpointLimits,
    }
    this.endpoint = new CoapEndpoint(options.port, clock, limits, logger)
    this.#clients = new Clients({
      broker,
      clock,
      logger,
      listener: options.listener,
      limits: options.limits,
      clientsMax: options.clientsMax,
      anonymous: options.anonymous,
      idleTimeoutMs: config.idle_timeout,
    })
    const mountpoint = options.mountpoint ?? ''
    this.#pubSub = new PubSub({ broker, access: options.access, clock, clients: this.#clients, mountpoint })
    this.endpoint.add(this.#pubSub.resource)
  }

  /** Attached clients. */
  get clients(): number {
    return this.#clients.size
  }

  /** Takes a datagram from the listener; the bytes are the engine's from then on. Never throws. */
  receive(bytes: Uint8Array, remote: DatagramRemote): void {
    this.endpoint.receive(bytes, remote)
  }

  /** Tells observers to look elsewhere (5.03) and detaches all clients. Publishes that wait for a commit stay unanswered. */
  close(): void {
    this.endpoint.close()
    this.#clients.close()
  }
}
