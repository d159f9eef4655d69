/**
 * PUBLISH (`MQTT 5 §3.3`), the hot path: packets are read in place from the chunk. Consecutive QoS 0 publishes on one
 * topic are passed on as a run of bytes; at QoS 1 and 2 one copy of the packet serves as the message and as the frame
 * that all its recipients are sent.
 */
import { GatewayError } from '#base/errors.ts'
import { type Client, Message, type Route } from '#broker/ports.ts'
import {
  checkTopicBytes,
  decodeProperties,
  frameLength,
  type Properties,
  PublishScan,
  REASON_CODES,
  scanPublish,
} from '#codecs/mqtt/index.ts'
import type { MqttConnection } from './connection.ts'
import { Frame, MqttFrames } from './frames.ts'
import type { Mountpoint } from './mountpoint.ts'
import { isWronglyMarked } from './payload-format.ts'
import { messageProperties } from './properties.ts'
import { explainedFrame, explanationOf } from './reason-string.ts'
import { QosZeroRun } from './run.ts'
import { IncomingAliases } from './topic-aliases.ts'

const PUBACK = 0x40
const PUBREC = 0x50
const SLASH = 0x2f
/** An identifier and two bytes: a topic alias with no other property. */
const ALIAS_PROPERTY_BYTES = 3

const scan = new PublishScan()

export class PublishReader {
  readonly #connection: MqttConnection
  readonly #client: Client
  readonly #mountpoint: Mountpoint | undefined
  /** The route of the publish before: most devices stay with one topic. */
  #route: Route | undefined
  #run: QosZeroRun | undefined
  #aliases: IncomingAliases | undefined

  constructor(connection: MqttConnection, client: Client) {
    this.#connection = connection
    this.#client = client
    this.#mountpoint = connection.listener.mountpoint
  }

  /**
   * Reads whole PUBLISH packets from `start` on and returns where they end: at another packet, at one that is not whole, or
   * at one that comes too early for the client's rate.
   */
  read(bytes: Buffer, start: number): number {
    const { version, limits, throttle } = this.#connection
    // What is passed on as it came has the topic as it came.
    const runs = this.#mountpoint === undefined
    const end = bytes.length
    let at = start
    let run: QosZeroRun | undefined
    let runRoute: Route | undefined
    try {
      while (at < end && bytes[at] >>> 4 === 3) {
        const length = frameLength(bytes, at, end)
        const next = at + length
        if (length === 0 || next > end || length > limits.packetBytesMax) break
        if (throttle !== undefined) {
          if (throttle.spent) break
          throttle.took(length)
        }
        scanPublish(bytes, at, next, version, scan)
        const route = this.#routeOf(bytes, at)
        if (route === undefined) this.#refuseLevels()
        else if (runs && bytes[at] === 0x30 && scan.propertiesStart === scan.propertiesEnd) {
          if (run === undefined || route !== runRoute) {
            if (run !== undefined) this.#client.publishRun(runRoute!, run)
            run = this.#begin(bytes, at, route.topic)
            runRoute = route
          }
          run.count++
          run.end = next
        } else {
          if (run !== undefined) this.#client.publishRun(runRoute!, run)
          run = undefined
          this.#single(bytes, at, next, route)
          if (this.#connection.phase !== 'open') return end
        }
        at = next
      }
    } finally {
      // What came before a malformed packet was well formed, and counts.
      if (run !== undefined) this.#client.publishRun(runRoute!, run)
    }
    return at
  }

  #begin(bytes: Buffer, at: number, topic: string): QosZeroRun {
    this.#run ??= new QosZeroRun(this.#connection.version)
    this.#run.begin(bytes, at, topic)
    return this.#run
  }

  /** Undefined: the topic has too many levels. */
  #routeOf(bytes: Buffer, start: number): Route | undefined {
    if (scan.topicAlias !== 0) return this.#aliased(bytes, start, scan.topicAlias)
    const { topicStart, topicEnd } = scan
    const last = this.#route
    if (last !== undefined && this.#mountpoint === undefined && isSame(last.topicBytes, bytes, topicStart, topicEnd)) return last
    const route = this.#lookUp(bytes, start)
    this.#route = route
    return route
  }

  #lookUp(bytes: Buffer, start: number): Route | undefined {
    const { topicStart, topicEnd } = scan
    const { limits, broker } = this.#connection
    // Before a route is made of it: a topic of nothing but slashes would cost more than it is worth.
    if (topicEnd - topicStart >= limits.topicLevelsMax && levelsOf(bytes, topicStart, topicEnd) > limits.topicLevelsMax) return undefined
    const mountpoint = this.#mountpoint
    const route =
      mountpoint === undefined ? broker.routeOf(bytes, topicStart, topicEnd) : mountpoint.route(broker, bytes, topicStart, topicEnd)
    if (route?.plain === true) return route
    checkTopicBytes(bytes, topicStart, topicEnd, start)
    // Well formed, but of the kind that may be taken as malformed (§1.5.4): it would be written into logs and terminals as it is.
    return refuse('a topic name holds control characters or non-characters', REASON_CODES.malformedPacket)
  }

  /** The route of a packet with a topic alias, which sets the alias if the packet has a topic as well (`MQTT 5 §3.3.2.3.4`). */
  #aliased(bytes: Buffer, start: number, alias: number): Route | undefined {
    this.#aliases ??= new IncomingAliases(this.#connection.limits.topicAliasMax)
    this.#aliases.check(alias)
    if (scan.topicStart === scan.topicEnd) return this.#aliases.get(alias)
    const route = this.#lookUp(bytes, start)
    if (route !== undefined) this.#aliases.set(alias, route)
    return route
  }

  #single(bytes: Buffer, start: number, end: number, route: Route): void {
    const { qos, packetId } = scan
    if (qos !== 0 && this.#connection.version === 5) this.#requireQuota(qos, packetId)
    const message = this.#message(bytes, start, end, route)
    if (message === undefined) return this.#refuseFormat(qos, packetId)
    if (qos === 0) {
      this.#client.publish(route, message)
      return
    }
    if (qos === 1) return this.#answer(this.#client.publish(route, message), route, PUBACK, packetId)
    this.#answer(this.#client.publish(route, message, packetId), route, PUBREC, packetId)
  }

  /**
   * The message with a copy of its packet, which is also the frame for recipients of the same version. Undefined: its
   * payload is not what it says.
   */
  #message(bytes: Buffer, start: number, end: number, route: Route): Message | undefined {
    const { qos, retain, topicEnd, payloadStart, propertiesStart, propertiesEnd } = scan
    const hasProperties = propertiesEnd > propertiesStart
    const properties = hasProperties ? this.#properties(bytes) : undefined
    const { limits, listener, version, broker } = this.#connection
    if (properties !== undefined && isWronglyMarked(limits, properties.payloadFormatIndicator, bytes.subarray(payloadStart, end)))
      return undefined
    const { slab } = listener
    const frame = slab.copy(bytes, start, end)
    const shift = slab.start - start
    const message = new Message(route.topic, frame, payloadStart + shift, end + shift, qos, retain, messageProperties(properties))
    const expirySeconds = properties?.messageExpiryInterval
    if (expirySeconds !== undefined) message.expiresAtMs = broker.runningMs() + expirySeconds * 1000
    // What has properties is encoded anew: some of them are the sender's alone.
    if (!hasProperties && this.#mountpoint === undefined) {
      const family = version === 5 ? 5 : 3
      message.encoded = new MqttFrames(new Frame(frame, slab.start, end + shift, qos === 0 ? 0 : topicEnd - start, family))
    }
    return message
  }

  #properties(bytes: Buffer): Properties | undefined {
    const { propertiesStart, propertiesEnd, topicAlias } = scan
    if (topicAlias !== 0 && propertiesEnd - propertiesStart === ALIAS_PROPERTY_BYTES) return undefined
    const properties = decodeProperties(bytes, propertiesStart, propertiesEnd, 'publish')
    // [MQTT-3.3.4-6]
    if (properties.subscriptionIdentifier !== undefined)
      refuse('a client may not send a subscription identifier', REASON_CODES.protocolError)
    return properties
  }

  /** MQTT 5 has an answer for it at QoS 1 and 2; all else ends with the connection. */
  #refuseLevels(): void {
    const { version, limits } = this.#connection
    const { qos, packetId } = scan
    if (qos === 0 || version !== 5) refuse(`a topic name has more than ${limits.topicLevelsMax} levels`, REASON_CODES.topicNameInvalid)
    this.#answerWithReason(0, qos === 1 ? PUBACK : PUBREC, packetId, REASON_CODES.topicNameInvalid)
  }

  /** `MQTT 5 §3.3.2.3.2`: the publish is refused; at QoS 0 there is nothing to refuse it with but the connection. */
  #refuseFormat(qos: number, packetId: number): void {
    const reasonCode = REASON_CODES.payloadFormatInvalid
    if (qos === 0) refuse('a payload says that it is UTF-8 text and is not', reasonCode)
    this.#connection.unreleased?.delete(packetId)
    this.#answerWithReason(0, qos === 1 ? PUBACK : PUBREC, packetId, reasonCode)
  }

  #answer(outcome: number, route: Route, header: number, packetId: number): void {
    const connection = this.#connection
    if (outcome >= 0) {
      if (connection.version === 5 && route.empty) this.#answerWithReason(outcome, header, packetId, REASON_CODES.noMatchingSubscribers)
      else connection.acknowledge(outcome, header, packetId)
      return
    }
    this.#connection.unreleased?.delete(packetId)
    if (this.#connection.phase !== 'open') return
    if (connection.version === 5) return this.#answerWithReason(0, header, packetId, -outcome)
    // MQTT 3 knows no refusal. What is forbidden is acknowledged and dropped [MQTT-3.3.5-2]; what could not be stored must
    // not be acknowledged, and not left waiting either: answers are in order.
    if (-outcome === REASON_CODES.notAuthorized) connection.acknowledge(0, header, packetId)
    else connection.end(-outcome === REASON_CODES.quotaExceeded ? 'quota-exceeded' : 'protocol-error', -outcome)
  }

  #answerWithReason(position: number, header: number, packetId: number, reasonCode: number): void {
    const type = header === PUBACK ? 'puback' : 'pubrec'
    const frame = explainedFrame(this.#connection, { type, packetId, reasonCode }, explanationOf(reasonCode))
    this.#connection.answer(position, { frame })
  }

  /** What is not answered yet may not be more than our Receive Maximum [MQTT-3.3.4-7]; what is repeated counts once. */
  #requireQuota(qos: number, packetId: number): void {
    const connection = this.#connection
    const { acknowledgements, limits } = connection
    const unreleased = connection.unreleased?.size ?? 0
    const isRepeated = qos === 2 && unreleased > 0 && connection.unreleased!.has(packetId)
    if (acknowledgements.length + unreleased >= limits.receiveMaximum && !isRepeated) {
      if (acknowledgements.count(PUBACK) + unreleased >= limits.receiveMaximum) {
        refuse('more publishes are in flight than Receive Maximum allows', REASON_CODES.receiveMaximumExceeded)
      }
    }
    if (qos !== 2) return
    connection.unreleased ??= new Set()
    connection.unreleased.add(packetId)
  }
}

function levelsOf(bytes: Uint8Array, start: number, end: number): number {
  let levels = 1
  for (let i = start; i < end; i++) if (bytes[i] === SLASH) levels++
  return levels
}

function refuse(message: string, reason: number): never {
  throw new GatewayError('decode-malformed', message, { reason, offset: 0 })
}

function isSame(topic: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = topic.length
  if (length !== end - start) return false
  for (let i = 0; i < length; i++) if (topic[i] !== bytes[start + i]) return false
  return true
}
