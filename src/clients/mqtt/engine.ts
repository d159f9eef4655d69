/**
 * The client side of MQTT 3.1.1 and 5 without sockets: bytes in, bytes out, time by the clock. Packet ids of
 * publishes are the caller's, so that a spool can derive them from its own numbers.
 */
import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError, isGatewayError } from '#base/errors.ts'
import {
  type ConnackPacket,
  type DisconnectPacket,
  decodePacket,
  encodePacket,
  type Packet,
  type PublishPacket,
  type Subscription,
} from '#codecs/mqtt/index.ts'
import { FrameReader } from './frame-reader.ts'
import { Inbound } from './inbound.ts'
import { KeepAlive } from './keep-alive.ts'
import type { EngineEvents, EngineOptions, ServerTerms } from './options.ts'
import { Outbound } from './outbound.ts'
import { reasonOfReturnCode, refusal } from './reasons.ts'
import { type RequestDone, Requests } from './requests.ts'
import { encodeConnect, termsOf } from './terms.ts'

const CONNACK = 0x20
const DISCONNECT = 0xe0
const PROTOCOL_ERROR = 0x82
const NORMAL_DISCONNECTION = 0

export class MqttEngine {
  readonly #options: EngineOptions
  readonly #events: EngineEvents
  readonly #clock: Clock
  readonly #reader: FrameReader
  readonly #requests: Requests
  readonly #outbound: Outbound
  readonly #inbound: Inbound
  #keepAlive: KeepAlive | undefined = undefined
  #connecting: Timer | undefined = undefined
  #state: 'idle' | 'connecting' | 'connected' | 'closed' = 'idle'
  #terms: ServerTerms | undefined = undefined
  /** Something came. */
  #begun = false

  constructor(options: EngineOptions, events: EngineEvents, clock: Clock) {
    this.#options = options
    this.#events = events
    this.#clock = clock
    this.#reader = new FrameReader(options.packetBytesMax)
    this.#requests = new Requests(clock, options.requestTimeoutMs)
    this.#outbound = new Outbound(options.version, events, frame => this.#send(frame), this.#requests)
    this.#inbound = new Inbound(options, events, frame => this.#send(frame))
  }

  /** What the server agreed to; undefined before the CONNACK. */
  get terms(): ServerTerms | undefined {
    return this.#terms
  }

  get connected(): boolean {
    return this.#state === 'connected'
  }

  /** QoS 1 and 2 publishes, and PUBRELs, that have no answer yet. */
  get inFlight(): number {
    return this.#outbound.inFlight
  }

  /** The stream is open: sends CONNECT. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'connecting'
    const { connectTimeoutMs } = this.#options
    this.#connecting = this.#clock.setTimer(connectTimeoutMs, () => {
      const message = `the server did not answer the CONNECT within ${connectTimeoutMs / 1000} s`
      this.#end(new GatewayError('timeout', message, { retryable: true, hint: 'is an MQTT server listening on this port?' }))
    })
    this.#events.write(encodeConnect(this.#options))
  }

  /** Bytes came. */
  receive(chunk: Uint8Array): void {
    if (this.#state !== 'connecting' && this.#state !== 'connected') return
    this.#keepAlive?.heard()
    if (!this.#begun && chunk.length > 0) {
      this.#begun = true
      // What is no MQTT server may look like the beginning of a long packet: it is not waited for.
      if (chunk[0] !== CONNACK && chunk[0] !== DISCONNECT) return this.#protocolFault('it does not begin with a CONNACK')
    }
    try {
      this.#reader.read(chunk, this.#take)
    } catch (error) {
      if (!isGatewayError(error)) throw error
      this.#protocolFault(error.message, error.reason ?? PROTOCOL_ERROR)
    }
  }

  /** The stream is gone. */
  streamClosed(error?: GatewayError): void {
    this.#end(error ?? this.#lost())
  }

  /**
   * Sends a PUBLISH as the codec encoded it; `packetId` is the one in it, 0 at QoS 0. False: it is longer than the
   * server allows, and was not sent. The caller keeps to the server's Receive Maximum.
   */
  publish(frame: Uint8Array, qos: 0 | 1 | 2, packetId: number): boolean {
    if (this.#terms === undefined || this.#state !== 'connected') return true
    if (frame.length > this.#terms.packetBytesMax) return false
    this.#outbound.publish(frame, qos, packetId)
    return true
  }

  /** Sends PUBREL; the server answers by PUBCOMP. Also for a publish of an earlier connection. */
  release(packetId: number): void {
    if (this.#state === 'connected') this.#outbound.release(packetId)
  }

  /** Acknowledges a QoS 1 message. */
  puback(packetId: number, reason = 0): void {
    if (this.#state === 'connected') this.#inbound.puback(packetId, reason)
  }

  /** Acknowledges a QoS 2 message for the first time. */
  pubrec(packetId: number, reason = 0): void {
    if (this.#state === 'connected') this.#inbound.pubrec(packetId, reason)
  }

  /** Answers the server's PUBREL. */
  pubcomp(packetId: number, reason = 0): void {
    if (this.#state === 'connected') this.#inbound.pubcomp(packetId, reason)
  }

  /** Subscribes; `identifier` (MQTT 5) comes back with the messages of these filters. */
  subscribe(subscriptions: Subscription[], done: RequestDone, identifier?: number): void {
    const properties =
      identifier === undefined || this.#options.version !== 5 ? {} : { properties: { subscriptionIdentifier: [identifier] } }
    this.#request('suback', subscriptions.length, done, packetId =>
      encodePacket({ type: 'subscribe', packetId, subscriptions, ...properties }, this.#options.version),
    )
  }

  unsubscribe(filters: string[], done: RequestDone): void {
    this.#request('unsuback', filters.length, done, packetId =>
      encodePacket({ type: 'unsubscribe', packetId, filters }, this.#options.version),
    )
  }

  /** Says goodbye and ends; `closed` is called without an error. */
  disconnect(reason = NORMAL_DISCONNECTION): void {
    if (this.#state === 'connected') this.#events.write(encodePacket({ type: 'disconnect', reasonCode: reason }, this.#options.version))
    this.#end(undefined)
  }

  #request(type: 'suback' | 'unsuback', filters: number, done: RequestDone, encode: (packetId: number) => Uint8Array): void {
    const lost = new GatewayError('connection-lost', 'there is no connection to the server', { retryable: true })
    if (this.#state !== 'connected') return done(undefined, lost)
    const packetId = this.#requests.freeId(this.#outbound.lastPublished, this.#outbound.unanswered)
    if (packetId === undefined) return done(undefined, new GatewayError('server-busy', 'every packet id is in use', { retryable: true }))
    const { requestTimeoutMs } = this.#options
    this.#requests.add(packetId, type, filters, done, () => {
      const what = type === 'suback' ? 'a SUBSCRIBE' : 'an UNSUBSCRIBE'
      this.#end(new GatewayError('timeout', `the server did not answer ${what} within ${requestTimeoutMs / 1000} s`, { retryable: true }))
    })
    this.#send(encode(packetId))
  }

  #send(frame: Uint8Array): void {
    this.#keepAlive?.sent()
    this.#events.write(frame)
  }

  readonly #take = (bytes: Uint8Array, start: number, end: number): boolean => {
    const packet = decodePacket(bytes, start, end, this.#options.version)
    if (this.#state === 'connecting') this.#beforeConnack(packet)
    else this.#dispatch(packet)
    return this.#state === 'connected'
  }

  #beforeConnack(packet: Packet): void {
    if (packet.type === 'connack') return this.#connack(packet)
    if (packet.type === 'disconnect' && this.#options.version === 5) return this.#disconnected(packet)
    this.#protocolFault(`it begins with a ${packet.type.toUpperCase()}`)
  }

  #connack(packet: ConnackPacket): void {
    const { version, cleanStart } = this.#options
    const reason = version === 5 ? packet.reasonCode : reasonOfReturnCode(packet.reasonCode)
    if (reason !== 0) {
      const { reasonString, serverReference } = packet.properties ?? {}
      return this.#end(refusal(reason, 'connecting', reasonString, serverReference))
    }
    // [MQTT-3.2.2-2]: a server that says it has a session after Clean Start means another one.
    if (packet.sessionPresent && cleanStart) return this.#protocolFault('the server has a session after a clean start')
    const terms = termsOf(packet, this.#options)
    this.#clock.clearTimer(this.#connecting)
    this.#terms = terms
    this.#state = 'connected'
    this.#keepAlive = new KeepAlive(
      this.#clock,
      terms.keepAliveSeconds,
      this.#options.pingTimeoutMs,
      () => this.#send(encodePacket({ type: 'pingreq' }, version)),
      silentMs => this.#end(new GatewayError('timeout', `the server has not answered for ${silentMs / 1000} s`, { retryable: true })),
    )
    this.#events.connected(terms)
  }

  #dispatch(packet: Packet): void {
    const wrong = this.#handle(packet)
    if (wrong !== undefined) this.#protocolFault(wrong.message, wrong.reason)
  }

  /** Acts on a packet of an established connection; what is wrong with it, or undefined. */
  #handle(packet: Packet): GatewayError | undefined {
    switch (packet.type) {
      case 'publish':
        return this.#inbound.message(packet as PublishPacket)
      case 'pubrel':
        return this.#inbound.released(packet.packetId)
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        return this.#outbound.answer(packet)
      case 'suback':
      case 'unsuback': {
        const wrong = this.#requests.answer(packet.packetId, packet.type, packet.reasonCodes)
        this.#outbound.unblock()
        return wrong === undefined ? undefined : protocolError(wrong)
      }
      case 'pingresp':
        this.#keepAlive?.answered()
        return undefined
      case 'disconnect':
        if (this.#options.version !== 5) return protocolError('the server sent a DISCONNECT, which MQTT 3.1.1 does not allow')
        this.#disconnected(packet)
        return undefined
      default:
        return protocolError(
          `the server sent a ${packet.type.toUpperCase()}, which only a client may send, or only once, or only when asked`,
        )
    }
  }

  #disconnected(packet: DisconnectPacket): void {
    const { reasonString, serverReference } = packet.properties ?? {}
    if (packet.reasonCode >= 0x80) return this.#end(refusal(packet.reasonCode, undefined, reasonString, serverReference))
    this.#end(new GatewayError('connection-lost', 'the server closed the connection', { retryable: true }))
  }

  #protocolFault(message: string, reason = PROTOCOL_ERROR): void {
    if (this.#state === 'closed') return
    // [MQTT-4.13.1-1] An MQTT 5 server is told why; a CONNECT must have been accepted for that.
    if (this.#state === 'connected' && this.#options.version === 5) {
      this.#events.write(encodePacket({ type: 'disconnect', reasonCode: reason }, 5))
    }
    const hint = 'is an MQTT server listening on this port, and does it speak this version?'
    this.#end(new GatewayError('decode-malformed', `the server breaks the protocol: ${message}`, { reason, hint, retryable: true }))
  }

  #lost(): GatewayError {
    const message =
      this.#state === 'connecting'
        ? 'the server closed the connection instead of answering the CONNECT'
        : 'the server closed the connection'
    return new GatewayError('connection-lost', message, { retryable: true })
  }

  #end(error: GatewayError | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#clock.clearTimer(this.#connecting)
    this.#keepAlive?.stop()
    this.#requests.fail(error ?? new GatewayError('connection-lost', 'the connection was closed', { retryable: true }))
    this.#events.closed(error)
  }
}

function protocolError(message: string): GatewayError {
  return new GatewayError('decode-malformed', message, { reason: PROTOCOL_ERROR })
}
