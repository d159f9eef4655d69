import { wrapJson } from '#bridges/engine/envelope.ts'
import type { NumberedRoute } from '#bridges/engine/route-book.ts'
import type { Broker, Message, Qos } from '#broker/ports.ts'
import type { ServerTerms } from '#clients/mqtt/index.ts'
import { encodeProperties, type Properties, publishFrame, topicFault } from '#codecs/mqtt/index.ts'

/** Upstream topics that are remembered per connection; when full all are forgotten. */
const TOPICS_MAX = 2048
const TOPIC_BYTES_MAX = 65_535
const TIME = 'tidegate-time'
const QUALITY = 'tidegate-time-quality'

/** How a message is to be sent. */
export interface Sending {
  qos: Qos
  retain: boolean
  dup: boolean
  /** 0 at QoS 0. */
  packetId: number
}

/** Makes local messages into PUBLISH packets for one connection to the upstream. */
export class Framer {
  readonly #version: 4 | 5
  readonly #terms: ServerTerms
  readonly #broker: Broker
  readonly #gatewayId: string
  readonly #topics = new Map<string, Uint8Array>()

  constructor(version: 4 | 5, terms: ServerTerms, broker: Broker, gatewayId: string) {
    this.#version = version
    this.#terms = terms
    this.#broker = broker
    this.#gatewayId = gatewayId
  }

  /** The packet, or a sentence that says why the message has none. */
  frame(route: NumberedRoute, message: Message, { qos, retain, dup, packetId }: Sending): Uint8Array | string {
    const topic = this.#topicBytes(route, message)
    if (typeof topic === 'string') return topic
    const { timeMs, quality } = this.#broker.timeOf(message)
    const wrapped = route.envelope === 'json'
    const payload = wrapped ? wrapJson(message.topic, message.payload, timeMs, quality) : message.payload
    const properties = this.#version === 5 ? encodeProperties(this.#properties(message, wrapped, timeMs, quality)) : undefined
    return publishFrame(topic, payload, qos, retain && this.#terms.retainAvailable, dup && qos > 0, packetId, properties, this.#version)
  }

  #topicBytes(route: NumberedRoute, message: Message): Uint8Array | string {
    const { template } = route
    const key = `${route.number}/${message.topic}`
    const known = this.#topics.get(key)
    if (known !== undefined) return known
    const topic = template.apply(message.topic, { gateway: this.#gatewayId, client: message.publisher || this.#gatewayId })
    if (topic === undefined) return 'its topic no longer fits the route that it was queued for'
    const bytes = Buffer.from(topic)
    const wrong = topicFault(topic) ?? (bytes.length > TOPIC_BYTES_MAX ? 'the topic name is longer than 65535 bytes' : undefined)
    if (wrong !== undefined) return `the route gives it no valid topic: ${wrong}`
    if (!template.dependsOnClient) {
      if (this.#topics.size >= TOPICS_MAX) this.#topics.clear()
      this.#topics.set(key, bytes)
    }
    return bytes
  }

  #properties(message: Message, wrapped: boolean, timeMs: number, quality: string): Properties {
    const given = message.properties ?? {}
    const properties: Properties = {}
    const user = (given.userProperties ?? []).map(([name, value]): [string, string] => [name, value])
    // A message that already says when it was taken, by an earlier gateway, keeps that.
    if (!user.some(([name]) => name === TIME)) user.push([TIME, String(Math.round(timeMs))], [QUALITY, quality])
    properties.userProperties = user
    if (given.responseTopic !== undefined) properties.responseTopic = given.responseTopic
    if (given.correlationData !== undefined) properties.correlationData = given.correlationData
    if (wrapped) {
      properties.payloadFormatIndicator = 1
      properties.contentType = 'application/json'
    } else {
      if (given.payloadFormatIndicator !== undefined) properties.payloadFormatIndicator = given.payloadFormatIndicator
      if (given.contentType !== undefined) properties.contentType = given.contentType
    }
    if (message.expiresAtMs > 0) {
      // [MQTT-3.3.2-6] What is left of it.
      properties.messageExpiryInterval = Math.max(1, Math.ceil((message.expiresAtMs - this.#broker.runningMs()) / 1000))
    }
    return properties
  }
}
