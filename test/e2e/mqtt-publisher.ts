import type { Packet, QoS } from '#codecs/mqtt/index.ts'
import { MqttWire } from '../support/mqtt-wire.ts'
import { Pace } from './pace.ts'

const RECONNECT_MS = 50
const PACKET_ID_MAX = 65_535

export interface PublisherEvents {
  /** A PUBLISH, or one again, is about to leave. */
  sending?(sequence: number): void
  /** PUBACK or PUBREC has come: the receiver is answerable for this message. */
  acknowledged?(sequence: number): void
}

interface Flight {
  sequence: number
  packetId: number
  released: boolean
}

/**
 * A device that numbers its messages and does what MQTT asks of it: a persistent session, and at each connection
 * again what was not acknowledged, in its old order with its old packet ids [MQTT-4.4.0-1]. The payload is the number.
 */
export class MqttPublisher {
  readonly clientId: string
  readonly topic: string
  readonly qos: 1 | 2
  /** What the gateway did that it must not do. */
  readonly faults: string[] = []
  /** The next number. */
  next = 0
  acknowledged = 0
  connections = 0
  readonly #port: number
  readonly #window: number
  readonly #events: PublisherEvents
  readonly #flights = new Map<number, Flight>()
  #packetId = 0
  #wire: MqttWire | undefined
  #online = false
  #known = false
  #pace: Pace | undefined
  #closed = false
  #retry: NodeJS.Timeout | undefined

  constructor(options: { port: number; clientId: string; topic: string; qos: 1 | 2; window: number }, events: PublisherEvents = {}) {
    this.#port = options.port
    this.clientId = options.clientId
    this.topic = options.topic
    this.qos = options.qos
    this.#window = options.window
    this.#events = events
    this.#connect()
  }

  get inFlight(): number {
    return this.#flights.size
  }

  get online(): boolean {
    return this.#online
  }

  /** New messages at this rate, while connected and while the window has room. */
  flow(perSecond: number): void {
    this.#pace = new Pace(perSecond, () => {
      if (this.#online && this.#flights.size < this.#window) this.publish(String(this.next))
    })
  }

  /** No new messages; what is in flight is still brought to its end. */
  halt(): void {
    this.#pace?.stop()
  }

  publish(payload: string): void {
    const packetId = this.#freeId()
    const flight: Flight = { sequence: this.next++, packetId, released: false }
    this.#flights.set(packetId, flight)
    if (this.#online) this.#send(flight, payload, false)
  }

  close(): void {
    this.#closed = true
    this.halt()
    clearTimeout(this.#retry)
    this.#wire?.cut()
  }

  #connect(): void {
    this.#wire = new MqttWire(
      this.#port,
      { clientId: this.clientId, cleanStart: false },
      {
        packet: packet => this.#take(packet),
        closed: () => {
          this.#online = false
          if (!this.#closed) this.#retry = setTimeout(() => this.#connect(), RECONNECT_MS)
        },
      },
    )
  }

  #take(packet: Packet): void {
    switch (packet.type) {
      case 'connack':
        return this.#connected(packet.reasonCode, packet.sessionPresent)
      case 'puback':
        return this.#acknowledge(packet.packetId, 1)
      case 'pubrec':
        return this.#acknowledge(packet.packetId, 2)
      case 'pubcomp':
        if (this.#flights.get(packet.packetId)?.released !== true) this.faults.push(`PUBCOMP ${packet.packetId} for nothing`)
        this.#flights.delete(packet.packetId)
        return
      default:
        this.faults.push(`a ${packet.type} that nobody asked for`)
    }
  }

  #connected(reasonCode: number, sessionPresent: boolean): void {
    if (reasonCode !== 0) return void this.faults.push(`CONNACK ${reasonCode}`)
    if (this.#known && !sessionPresent) this.faults.push(`the session was forgotten at connection ${this.connections + 1}`)
    this.#known = true
    this.connections++
    this.#online = true
    for (const flight of this.#flights.values()) {
      if (flight.released) this.#wire?.send({ type: 'pubrel', packetId: flight.packetId, reasonCode: 0 })
      else this.#send(flight, String(flight.sequence), true)
    }
  }

  #send({ sequence, packetId }: Flight, payload: string, dup: boolean): void {
    this.#events.sending?.(sequence)
    this.#wire?.send({
      type: 'publish',
      topic: this.topic,
      payload: Buffer.from(payload),
      qos: this.qos as QoS,
      retain: false,
      dup,
      packetId,
    })
  }

  #acknowledge(packetId: number, qos: 1 | 2): void {
    const flight = this.#flights.get(packetId)
    // [MQTT-4.6.0-2] [MQTT-4.6.0-3]: in the order of the publishes.
    const first = [...this.#flights.values()].find(each => !each.released)
    if (flight === undefined || flight !== first || qos !== this.qos) {
      return void this.faults.push(`${qos === 1 ? 'PUBACK' : 'PUBREC'} ${packetId}, expected ${first?.packetId ?? 'none'}`)
    }
    this.acknowledged++
    this.#events.acknowledged?.(flight.sequence)
    if (qos === 1) return void this.#flights.delete(packetId)
    flight.released = true
    this.#wire?.send({ type: 'pubrel', packetId, reasonCode: 0 })
  }

  #freeId(): number {
    do this.#packetId = (this.#packetId % PACKET_ID_MAX) + 1
    while (this.#flights.has(this.#packetId))
    return this.#packetId
  }
}
