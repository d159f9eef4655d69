import type { Packet } from '#codecs/mqtt/index.ts'
import { MqttWire } from '../support/mqtt-wire.ts'

const RECONNECT_MS = 100

const PACKET_IDS = 65_536

interface Arrival {
  payload: string
  /** Its place in the order in which the broker took the messages for this session. */
  place: number
}

/**
 * Counts what arrives at a broker: a persistent QoS 2 session that takes each message once, over any number of connections.
 * Order is told by the packet ids, which mosquitto gives in rising order as it takes messages: it delivers them in
 * another order now and then, when some of them had to wait for room in the window.
 */
export class Counter {
  /** What came, by topic. */
  readonly arrivals = new Map<string, Arrival[]>()
  readonly faults: string[] = []
  readonly #port: number
  readonly #clientId: string
  readonly #filter: string
  /** QoS 2 ids that were taken and not released [MQTT-4.3.3-10]. */
  readonly #taken = new Set<number>()
  readonly #waiting: { topic: string; payload: string; resolve: () => void }[] = []
  #wire: MqttWire | undefined
  #known = false
  #newestPlace = 0
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

  /** The payloads of a topic, in the order in which the broker took them. */
  of(topic: string): readonly string[] {
    const arrivals = this.arrivals.get(topic) ?? []
    return [...arrivals].sort((a, b) => a.place - b.place).map(each => each.payload)
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
        if (packet.qos < 2 || !this.#taken.has(packetId)) this.#count(packet.topic, Buffer.from(packet.payload).toString(), packetId)
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

  #count(topic: string, payload: string, packetId: number): void {
    const arrival = { payload, place: this.#placeOf(packetId) }
    const all = this.arrivals.get(topic)
    if (all === undefined) this.arrivals.set(topic, [arrival])
    else all.push(arrival)
    for (const each of this.#waiting.splice(0)) {
      if (each.topic === topic && each.payload === payload) each.resolve()
      else this.#waiting.push(each)
    }
  }

  /** Packet ids begin again after 65,535: the place nearest to the newest that was seen. */
  #placeOf(packetId: number): number {
    const ahead = (packetId - (this.#newestPlace % PACKET_IDS) + 1.5 * PACKET_IDS) % PACKET_IDS
    const place = this.#newestPlace + ahead - PACKET_IDS / 2
    this.#newestPlace = Math.max(this.#newestPlace, place)
    return place
  }
}
