/**
 * PUBLISH (`MQTT 5 §3.3`), the hot path: packets are read in place from the chunk. Consecutive QoS 0 publishes on one
 * topic are passed on as a run of bytes; at QoS 1 and 2 one copy of the packet serves as the message and as the frame
 * that all its recipients are sent.
 */
import { GatewayError } from '#base/errors.ts'
import { type Client, Message, type Route } from '#broker/ports.ts'
import { decodeProperties, encodePacket, frameLength, PublishScan, REASON_CODES, scanPublish } from '#codecs/mqtt/index.ts'
import type { MqttConnection } from './connection.ts'
import { Frame, MqttFrames } from './frames.ts'
import { messageProperties } from './properties.ts'
import { QosZeroRun } from './run.ts'

const PUBACK = 0x40
const PUBREC = 0x50

const scan = new PublishScan()

export class PublishReader {
  readonly #connection: MqttConnection
  readonly #client: Client
  /** The route of the publish before: most devices stay with one topic. */
  #route: Route | undefined
  #run: QosZeroRun | undefined

  constructor(connection: MqttConnection, client: Client) {
    this.#connection = connection
    this.#client = client
  }

  /** Reads whole PUBLISH packets from `start` on and returns where they end: at another packet, or at one that is not whole. */
  read(bytes: Buffer, start: number): number {
    const { version, limits } = this.#connection
    const end = bytes.length
    let at = start
    let run: QosZeroRun | undefined
    let runRoute: Route | undefined
    try {
      while (at < end && bytes[at] >>> 4 === 3) {
        const length = frameLength(bytes, at, end)
        const next = at + length
        if (length === 0 || next > end || length > limits.packetBytesMax) break
        scanPublish(bytes, at, next, version, scan)
        const route = this.#routeOf(bytes)
        if (bytes[at] === 0x30 && scan.propertiesStart === scan.propertiesEnd) {
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

  #routeOf(bytes: Buffer): Route {
    const { topicStart, topicEnd } = scan
    const last = this.#route
    if (last !== undefined && isSame(last.topicBytes, bytes, topicStart, topicEnd)) return last
    // We offer no topic aliases: one is an error of the client's [MQTT-3.3.2-9].
    if (scan.topicAlias !== 0) refuse('a topic alias was sent though none is allowed', REASON_CODES.topicAliasInvalid)
    const route = this.#connection.broker.routeOf(bytes, topicStart, topicEnd)
    if (route === undefined) refuse('a topic name is not valid', REASON_CODES.topicNameInvalid)
    this.#route = route
    return route
  }

  #single(bytes: Buffer, start: number, end: number, route: Route): void {
    if (scan.topicAlias !== 0) refuse('a topic alias was sent though none is allowed', REASON_CODES.topicAliasInvalid)
    const { qos, packetId } = scan
    const message = this.#message(bytes, start, end, route)
    if (qos === 0) {
      this.#client.publish(route, message)
      return
    }
    if (qos === 1) return this.#answer(this.#client.publish(route, message), route, PUBACK, packetId)
    this.#withinReceiveMaximum(packetId)
    this.#answer(this.#client.publish(route, message, packetId), route, PUBREC, packetId)
  }

  /** The message with a copy of its packet, which is also the frame for recipients of the same version. */
  #message(bytes: Buffer, start: number, end: number, route: Route): Message {
    const { qos, retain, topicEnd, payloadStart, propertiesStart, propertiesEnd } = scan
    const slab = this.#connection.listener.slab
    const frame = slab.copy(bytes, start, end)
    const shift = slab.start - start
    const hasProperties = propertiesEnd > propertiesStart
    const properties = hasProperties ? decodeProperties(bytes, propertiesStart, propertiesEnd, 'publish') : undefined
    const message = new Message(route.topic, frame, payloadStart + shift, end + shift, qos, retain, messageProperties(properties))
    const expirySeconds = properties?.messageExpiryInterval
    if (expirySeconds !== undefined) message.expiresAtMs = this.#connection.broker.runningMs() + expirySeconds * 1000
    // What has properties is encoded anew: some of them are the sender's alone.
    if (!hasProperties) {
      const family = this.#connection.version === 5 ? 5 : 3
      message.encoded = new MqttFrames(new Frame(frame, slab.start, end + shift, qos === 0 ? 0 : topicEnd - start, family))
    }
    return message
  }

  #answer(outcome: number, route: Route, header: number, packetId: number): void {
    const connection = this.#connection
    if (outcome >= 0) {
      if (connection.version === 5 && route.empty) this.#answerWithReason(outcome, header, packetId, REASON_CODES.noMatchingSubscribers)
      else connection.acknowledge(outcome, header, packetId)
      return
    }
    this.#connection.unreleased?.delete(packetId)
    if (connection.version === 5) return this.#answerWithReason(0, header, packetId, -outcome)
    // MQTT 3 knows no refusal. What is forbidden is acknowledged and dropped [MQTT-3.3.5-2]; what could not be stored must
    // not be acknowledged, and not left waiting either: answers are in order.
    if (-outcome === REASON_CODES.notAuthorized) connection.acknowledge(0, header, packetId)
    else connection.end(-outcome === REASON_CODES.quotaExceeded ? 'quota-exceeded' : 'protocol-error', -outcome)
  }

  #answerWithReason(position: number, header: number, packetId: number, reasonCode: number): void {
    const frame = encodePacket({ type: header === PUBACK ? 'puback' : 'pubrec', packetId, reasonCode }, 5)
    this.#connection.answer(position, { frame })
  }

  #withinReceiveMaximum(packetId: number): void {
    const connection = this.#connection
    if (connection.version !== 5) return
    connection.unreleased ??= new Set()
    connection.unreleased.add(packetId)
    if (connection.unreleased.size > connection.limits.receiveMaximum) {
      // [MQTT-3.3.4-7] is the client's to keep; ours is 0x93.
      refuse('more publishes are in flight than Receive Maximum allows', REASON_CODES.receiveMaximumExceeded)
    }
  }
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
