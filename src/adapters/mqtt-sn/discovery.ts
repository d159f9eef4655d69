/** How nodes find the gateway: ADVERTISE at intervals, GWINFO when asked (`MQTT-SN 1.2 §6.1`). */
import type { Timer } from '#base/clock.ts'
import { encodePacket, type SearchgwPacket } from '#codecs/mqtt-sn/index.ts'
import type { SnContext } from './context.ts'
import type { Peer } from './peer.ts'

export interface DiscoveryPort {
  send(bytes: Uint8Array, address: string, port: number): void
}

export class Discovery {
  readonly #context: SnContext
  readonly #port: DiscoveryPort
  #timer: Timer | undefined

  constructor(context: SnContext, port: DiscoveryPort) {
    this.#context = context
    this.#port = port
  }

  /** Sends ADVERTISE now and at every interval, from the socket that nodes are to answer to. */
  start(): void {
    const { clock, config } = this.#context
    const { advertise, advertise_interval: intervalMs, gateway_id: gatewayId } = config
    if (advertise === undefined) return
    const durationSeconds = Math.ceil(intervalMs / 1000)
    this.#port.send(encodePacket({ type: 'advertise', gatewayId, durationSeconds }), advertise.host, advertise.port)
    this.#timer = clock.setTimer(intervalMs, () => this.start())
  }

  /** To the one who asks; a forwarder hands it on as far as the search went. */
  answer(peer: Peer, { radius }: SearchgwPacket): void {
    const gatewayId = this.#context.config.gateway_id
    this.#context.send(peer, { type: 'gwinfo', gatewayId, gatewayAddress: new Uint8Array(0) }, Math.min(radius, RADIUS_MAX))
  }

  close(): void {
    this.#context.clock.clearTimer(this.#timer)
  }
}

/** What the two bits of an envelope can say (`§5.5`). */
const RADIUS_MAX = 3
