import type { Packet } from '#codecs/mqtt/index.ts'
import { MqttWire } from '../support/mqtt-wire.ts'

const RECONNECT_MS = 100

/** Counts what arrives at a broker: a persistent QoS 2 session that takes each message once, over any number of connections. */
export class Counter {
  /** Payloads by topic, in order of arrival. */
  readonly arrivals = new Map<string, string[]>()
  readonly faults: string[] = []
  readonly #port: number
  readonly #clientId: string
  readonly #filter: string
  /** QoS 2 ids that were taken and not released [MQTT-4.3.3-10]. */
  readonly #taken = new Set<number>()
  readonly #waiting: { topic: string; payload: string; resolve: () => void }[] = []
  #wire: MqttWire | undefined
  #known = false
  #subscribed: () => void = () => {}
  /** The subscription is granted. */
  readonly subscribed: Promise<void>
  #closed = false
  #retry: NodeJS.Timeout | undefined

  constructor(options: { port: number; clientId: string; filter: string }) {
    this.#port = options.port
    this.#clientId = options.clientId
    this.#filter = options.filter
    this.subscribed = new Promise(resolve => (this.#subscribed = resolve))
    this.#connect()
  }

  of(topic: string): readonly string[] {
    return this.arrivals.get(topic) ?? []
  }

  /** Resolves once this has arrived. */
  arrived(topic: string, payload: string): Promise<void> {
    if (this.of(topic).includes(payload)) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ topic, payload, resolve }))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    this.#wire?.cut()
  }

  #connect(): void {
    this.#wire = new MqttWire(
      this.#port,
      { clientId: this.#clientId, cleanStart: false },
      {
        packet: packet => this.#take(packet),
        closed: () => {
          if (!this.#closed) this.#retry = setTimeout(() => this.#connect(), RECONNECT_MS)
        },
      },
    )
  }

  #take(packet: Packet): void {
    switch (packet.type) {
      case 'connack':
        if (this.#known && !packet.sessionPresent) this.faults.push('the broker has forgotten the session of the counter')
        this.#known = true
        if (packet.sessionPresent) return
        this.#wire?.send({
          type: 'subscribe',
          packetId: 1,
          subscriptions: [{ filter: this.#filter, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
        })
        return
      case 'suback':
        return this.#subscribed()
      case 'publish': {
        const { packetId = 0 } = packet
        if (packet.qos < 2 || !this.#taken.has(packetId)) this.#count(packet.topic, Buffer.from(packet.payload).toString())
        if (packet.qos === 1) this.#wire?.send({ type: 'puback', packetId, reasonCode: 0 })
        if (packet.qos === 2) {
          this.#taken.add(packetId)
          this.#wire?.send({ type: 'pubrec', packetId, reasonCode: 0 })
        }
        return
      }
      case 'pubrel':
        this.#taken.delete(packet.packetId)
        this.#wire?.send({ type: 'pubcomp', packetId: packet.packetId, reasonCode: 0 })
        return
      default:
        this.faults.push(`a ${packet.type} that nobody asked for`)
    }
  }

  #count(topic: string, payload: string): void {
    const all = this.arrivals.get(topic)
    if (all === undefined) this.arrivals.set(topic, [payload])
    else all.push(payload)
    for (const each of this.#waiting.splice(0)) {
      if (each.topic === topic && each.payload === payload) each.resolve()
      else this.#waiting.push(each)
    }
  }
}
