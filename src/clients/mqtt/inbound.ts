import { GatewayError } from '#base/errors.ts'
import { encodePacket, type PublishPacket } from '#codecs/mqtt/index.ts'
import type { EngineEvents, EngineOptions } from './options.ts'

const REFUSED = 0x80
const RECEIVE_MAXIMUM_EXCEEDED = 0x93
const TOPIC_ALIAS_INVALID = 0x94
const RECEIVE_MAXIMUM_DEFAULT = 65_535

/** Messages on their way from the server: which wait for our acknowledgement (`MQTT 5 §4.3`, §4.9). */
export class Inbound {
  readonly #options: EngineOptions
  readonly #events: EngineEvents
  readonly #send: (frame: Uint8Array) => void
  readonly #open = new Map<number, 1 | 2>()
  /** QoS 2 ids whose PUBREL came; also those whose PUBLISH came by an earlier connection. */
  readonly #released = new Set<number>()

  constructor(options: EngineOptions, events: EngineEvents, send: (frame: Uint8Array) => void) {
    this.#options = options
    this.#events = events
    this.#send = send
  }

  /** A PUBLISH came; what is wrong with it, or undefined. */
  message(packet: PublishPacket): GatewayError | undefined {
    // [MQTT-3.3.2-9] We offer no topic aliases.
    if (packet.properties?.topicAlias !== undefined) return wrong('the server uses a topic alias that was not offered', TOPIC_ALIAS_INVALID)
    const { packetId, qos } = packet
    if (packetId !== undefined && qos > 0) {
      const before = this.#open.get(packetId)
      if (before !== undefined && before !== qos) return wrong('the server uses a packet id that is in use', 0x82)
      this.#open.set(packetId, qos as 1 | 2)
      // [MQTT-3.3.4-7]; MQTT 3.1.1 knows no such limit.
      const max = this.#options.receiveMaximum ?? RECEIVE_MAXIMUM_DEFAULT
      if (this.#options.version === 5 && this.#open.size > max) {
        return wrong(`the server sends more than ${max} messages unacknowledged`, RECEIVE_MAXIMUM_EXCEEDED)
      }
    }
    this.#events.message(packet)
    return undefined
  }

  released(packetId: number): undefined {
    this.#released.add(packetId)
    this.#events.released(packetId)
    return undefined
  }

  puback(packetId: number, reason: number): void {
    if (this.#open.get(packetId) !== 1) return
    this.#open.delete(packetId)
    this.#send(encodePacket({ type: 'puback', packetId, reasonCode: reason }, this.#options.version))
  }

  pubrec(packetId: number, reason: number): void {
    if (this.#open.get(packetId) !== 2) return
    if (reason >= REFUSED) this.#open.delete(packetId)
    this.#send(encodePacket({ type: 'pubrec', packetId, reasonCode: reason }, this.#options.version))
  }

  pubcomp(packetId: number, reason: number): void {
    if (!this.#released.delete(packetId)) return
    this.#open.delete(packetId)
    this.#send(encodePacket({ type: 'pubcomp', packetId, reasonCode: reason }, this.#options.version))
  }
}

function wrong(message: string, reason: number): GatewayError {
  return new GatewayError('decode-malformed', message, { reason })
}
