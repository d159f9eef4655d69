/** The way in of one connection: messages of the upstream become local ones, and are acknowledged once they are durable. */
import type { Clock, Timer } from '#base/clock.ts'
import type { TopicTemplate } from '#bridges/engine/template.ts'
import { type Broker, type Client, type CommitWaiter, Message, type MessageInit, type MessageProperties } from '#broker/ports.ts'
import type { MqttEngine } from '#clients/mqtt/index.ts'
import type { Properties, PublishPacket } from '#codecs/mqtt/index.ts'

/** How long it takes until a message that the local store refused is tried again. */
const RETRY_MS = 500
/** Bytes that may wait for the local store. Beyond, the connection is closed: the upstream keeps what was not acknowledged. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024
const REFUSED_FOR_NOW = -0x97
const PACKET_ID_NOT_FOUND = 0x92

/** Something that the upstream waits to hear about. */
interface Arrival {
  type: 'puback' | 'pubrec' | 'pubcomp'
  packetId: number
  packet: PublishPacket | undefined
  /** The position to wait for; undefined: the broker has not taken it yet. */
  position: number | undefined
  reason: number
}

export interface InboxHost {
  broker: Broker
  clock: Clock
  gatewayId: string
  /** The id that `${client}` stands for. */
  clientId: string
  complain(message: string): void
  /** More waits than may: the connection has to go. */
  overflow(): void
}

export class Inbox implements CommitWaiter {
  readonly #engine: MqttEngine
  readonly #client: Client
  readonly #host: InboxHost
  #templates: readonly TopicTemplate[]
  /** In the order in which they came: they are answered in it [MQTT-4.6.0-2, -3, -4]. */
  #arrivals: Arrival[] = []
  /** How many of them the broker has taken. */
  #taken = 0
  #waitingBytes = 0
  #awaiting = false
  #retry: Timer | undefined = undefined
  #over = false
  received = 0

  constructor(engine: MqttEngine, client: Client, templates: readonly TopicTemplate[], host: InboxHost) {
    this.#engine = engine
    this.#client = client
    this.#templates = templates
    this.#host = host
  }

  setTemplates(templates: readonly TopicTemplate[]): void {
    this.#templates = templates
  }

  message(packet: PublishPacket): void {
    const { packetId, qos } = packet
    const kept = { ...packet, payload: packet.payload.slice() }
    if (packetId === undefined) {
      this.#publish(kept)
      return
    }
    this.#waitingBytes += kept.payload.length
    this.#arrive({ type: qos === 2 ? 'pubrec' : 'puback', packetId, packet: kept, position: undefined, reason: 0 })
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.#host.overflow()
  }

  /** PUBREL came. */
  released(packetId: number): void {
    this.#arrive({ type: 'pubcomp', packetId, packet: undefined, position: undefined, reason: 0 })
  }

  committed(): void {
    this.#awaiting = false
    this.#answer()
  }

  /** The connection is over: what was not acknowledged comes again. */
  stop(): void {
    this.#over = true
    this.#host.clock.clearTimer(this.#retry)
    this.#arrivals = []
    this.#taken = 0
  }

  #arrive(arrival: Arrival): void {
    this.#arrivals.push(arrival)
    if (this.#retry === undefined) this.#take()
  }

  /** Hands over what the broker has not taken yet, as far as it takes it. */
  #take(): void {
    while (this.#taken < this.#arrivals.length) {
      const arrival = this.#arrivals[this.#taken]
      const position = arrival.packet === undefined ? this.#client.release(arrival.packetId) : this.#publish(arrival.packet)
      if (position === REFUSED_FOR_NOW) {
        this.#host.complain('the store takes nothing at the moment: messages of the upstream are not acknowledged')
        this.#retry = this.#host.clock.setTimer(RETRY_MS, () => {
          this.#retry = undefined
          this.#take()
        })
        break
      }
      if (arrival.type === 'pubcomp' && position < 0) arrival.reason = PACKET_ID_NOT_FOUND
      arrival.position = Math.max(0, position)
      this.#waitingBytes -= arrival.packet?.payload.length ?? 0
      arrival.packet = undefined
      this.#taken++
    }
    this.#answer()
  }

  /** Sends the acknowledgements that may leave. */
  #answer(): void {
    if (this.#over) return
    const { committed } = this.#host.broker
    let count = 0
    while (count < this.#taken && this.#arrivals[count].position! <= committed) {
      const { type, packetId, reason } = this.#arrivals[count++]
      this.#engine[type](packetId, reason)
    }
    this.#arrivals.splice(0, count)
    this.#taken -= count
    if (this.#taken > 0 && !this.#awaiting) {
      this.#awaiting = true
      this.#host.broker.awaitCommit(this)
    }
  }

  /** Publishes by the first route that fits; the position to wait for, or minus a reason code. */
  #publish(packet: PublishPacket): number {
    const { broker, gatewayId, clientId } = this.#host
    let topic: string | undefined
    for (const template of this.#templates) {
      topic = template.apply(packet.topic, { gateway: gatewayId, client: clientId })
      if (topic !== undefined) break
    }
    // A filter of an earlier configuration, for which the upstream still had messages: nobody wants them now.
    if (topic === undefined) return 0
    const route = broker.route(topic)
    if (route === undefined) {
      this.#host.complain(
        `a message on ${packet.topic} was dropped: ${topic === '' ? 'its local topic is empty' : `${topic} is no valid topic`}`,
      )
      return 0
    }
    const position = this.#client.publish(route, this.#localMessage(topic, packet), packet.qos === 2 ? packet.packetId : undefined)
    if (position >= 0) this.received++
    else if (position !== REFUSED_FOR_NOW) this.#host.complain(`a message on ${packet.topic} was dropped: ${topic} may not be published on`)
    return position
  }

  #localMessage(topic: string, packet: PublishPacket): Message {
    const { payload, qos, retain, properties } = packet
    const init: MessageInit = { topic, payload, qos, retain, publisher: this.#client.id, properties: carried(properties) }
    const expiry = properties?.messageExpiryInterval
    if (expiry !== undefined) init.expiresAtMs = this.#host.broker.runningMs() + expiry * 1000
    return Message.from(init)
  }
}

/** The properties that travel with a message; binary data is copied out of the chunk. */
function carried(properties: Properties | undefined): MessageProperties | undefined {
  if (properties === undefined) return undefined
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties
  const kept: MessageProperties = {}
  if (payloadFormatIndicator !== undefined) kept.payloadFormatIndicator = payloadFormatIndicator
  if (contentType !== undefined) kept.contentType = contentType
  if (responseTopic !== undefined) kept.responseTopic = responseTopic
  if (correlationData !== undefined) kept.correlationData = correlationData.slice()
  if (userProperties !== undefined) kept.userProperties = userProperties
  return Object.keys(kept).length === 0 ? undefined : kept
}
