import { GatewayError } from '#base/errors.ts'
import { acknowledgementFrame, encodePacket, type PubackPacket, type PubcompPacket, type PubrecPacket } from '#codecs/mqtt/index.ts'
import type { ClientVersion, EngineEvents } from './options.ts'
import type { Requests } from './requests.ts'

const REFUSED = 0x80
const PACKET_ID_NOT_FOUND = 0x92

/** What a packet id of ours waits for. */
type Awaited = 'puback' | 'pubrec' | 'pubcomp'

interface Blocked {
  frame: Uint8Array
  qos: 1 | 2
  packetId: number
}

/** Publishes on their way to the server (`MQTT 5 §4.3`). */
export class Outbound {
  readonly #version: ClientVersion
  readonly #events: EngineEvents
  readonly #send: (frame: Uint8Array) => void
  readonly #requests: Requests
  readonly #unanswered = new Map<number, Awaited>()
  /** Publishes whose id a SUBSCRIBE has at the moment, and all behind them; at most what the caller's window allows. */
  #blocked: Blocked[] = []
  /** The packet id that went out last. */
  lastPublished = 0

  constructor(version: ClientVersion, events: EngineEvents, send: (frame: Uint8Array) => void, requests: Requests) {
    this.#version = version
    this.#events = events
    this.#send = send
    this.#requests = requests
  }

  get inFlight(): number {
    return this.#unanswered.size
  }

  get unanswered(): ReadonlyMap<number, Awaited> {
    return this.#unanswered
  }

  publish(frame: Uint8Array, qos: 0 | 1 | 2, packetId: number): void {
    if (qos === 0) return this.#send(frame)
    this.#unanswered.set(packetId, qos === 1 ? 'puback' : 'pubrec')
    this.lastPublished = packetId
    // [MQTT-2.2.1-3] An id that is in use must not be used again.
    if (this.#blocked.length > 0 || this.#requests.has(packetId)) this.#blocked.push({ frame, qos, packetId })
    else this.#send(frame)
  }

  /** A request has its answer: publishes that waited for its id go on. */
  unblock(): void {
    while (this.#blocked.length > 0 && !this.#requests.has(this.#blocked[0].packetId)) this.#send(this.#blocked.shift()!.frame)
  }

  release(packetId: number): void {
    this.#unanswered.set(packetId, 'pubcomp')
    this.#send(acknowledgementFrame('pubrel', packetId))
  }

  /** PUBACK, PUBREC or PUBCOMP came; what is wrong with it, or undefined. */
  answer(packet: PubackPacket | PubrecPacket | PubcompPacket): GatewayError | undefined {
    const { type, packetId, reasonCode } = packet
    const awaited = this.#unanswered.get(packetId)
    if (awaited === undefined) return this.#stray(type, packetId)
    // A PUBREC may come again after it was answered by PUBREL: the server sends it again until then (MQTT 3.1.1 §4.4).
    if (type === 'pubrec' && awaited === 'pubcomp') {
      this.#send(acknowledgementFrame('pubrel', packetId))
      return undefined
    }
    if (awaited !== type) {
      return new GatewayError('decode-malformed', `a ${type.toUpperCase()} came where a ${awaited.toUpperCase()} was due`, { reason: 0x82 })
    }
    if (type === 'pubrec' && reasonCode < REFUSED) {
      // Until the owner has noted it and sends PUBREL, the id stays taken and a repeated PUBREC is not news.
      this.#events.received(packetId)
      return undefined
    }
    this.#unanswered.delete(packetId)
    if (type === 'pubcomp') this.#events.completed(packetId)
    else this.#events.acknowledged({ packetId, reason: reasonCode, said: packet.properties?.reasonString })
    return undefined
  }

  /** An answer to nothing of this connection. A PUBREC is ended properly, so that the server forgets the id (`MQTT 5 §4.3.3`). */
  #stray(type: 'puback' | 'pubrec' | 'pubcomp', packetId: number): undefined {
    if (type !== 'pubrec') return undefined
    this.#send(encodePacket({ type: 'pubrel', packetId, reasonCode: PACKET_ID_NOT_FOUND }, this.#version))
    return undefined
  }
}
