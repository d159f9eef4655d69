/** One MQTT connection: takes packets in, keeps the order of answers, and ends as the protocol demands. */
import { describeError, GatewayError, isGatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { isLimited } from '#base/publish-rate.ts'
import type { Broker, Client, Identity } from '#broker/ports.ts'
import { decodePacket, isReasonCodeOf, type MqttVersion, type Packet, REASON_CODES } from '#codecs/mqtt/index.ts'
import type { ByteConnection } from '#listeners/types.ts'
import { Acknowledgements, type Answer } from './acknowledgements.ts'
import type { Authentication } from './authentication.ts'
import type { MqttLimits } from './config.ts'
import { beginsConnect, handleConnect, refuseConnect } from './connect.ts'
import { handleAcknowledgement, handleControl } from './control.ts'
import { type EndReason, endReasonOf } from './end-reason.ts'
import { foreignProtocol } from './first-bytes.ts'
import { Incoming } from './incoming.ts'
import type { MqttListener } from './listener.ts'
import { Output } from './output.ts'
import { PublishReader } from './publish.ts'
import { explainedFrame } from './reason-string.ts'
import type { MqttSink } from './sink.ts'
import { Throttle } from './throttle.ts'

/**
 * Where a connection stands. `admitting`: access is being asked about its CONNECT; nothing else is taken meanwhile.
 * `authenticating`: an exchange of AUTH packets runs before the CONNACK.
 */
export type Phase = 'new' | 'admitting' | 'authenticating' | 'open' | 'closed'

export class MqttConnection {
  readonly bytes: ByteConnection
  readonly listener: MqttListener
  readonly output: Output
  readonly acknowledgements = new Acknowledgements()
  phase: Phase = 'new'
  version: MqttVersion = 4
  client: Client | undefined
  identity: Identity | undefined
  sink: MqttSink | undefined
  /** For a client that named an Authentication Method. */
  authentication: Authentication | undefined
  keepAliveSeconds = 0
  /** The tick of the listener's clock at which the last packet came. */
  lastTick: number
  readonly openedTick: number
  /** What the client takes at most, bytes (`MQTT 5 §3.1.2.11.4`). */
  packetBytesMax = Number.POSITIVE_INFINITY
  requestsProblemInformation = true
  sessionExpirySeconds = 0
  /** QoS 2 packet ids of this connection without PUBREL, for the MQTT 5 Receive Maximum. */
  unreleased: Set<number> | undefined
  /** For a client whose rate of publishes is limited. */
  throttle: Throttle | undefined
  readonly #incoming = new Incoming()
  #publishes: PublishReader | undefined
  #paused = false
  /** The CONNACK has just left. */
  #entered = false
  #awaitsCommit = false

  constructor(bytes: ByteConnection, listener: MqttListener) {
    this.bytes = bytes
    this.listener = listener
    this.output = new Output(bytes, listener.flusher, () => this.client?.wake())
    this.lastTick = this.openedTick = listener.tick
    bytes.onData = chunk => this.#take(chunk)
    bytes.onDrain = () => this.output.drained()
    bytes.onClose = () => this.#lost()
  }

  get broker(): Broker {
    return this.listener.broker
  }

  get limits(): MqttLimits {
    return this.listener.limits
  }

  get logger(): Logger {
    return this.listener.logger
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Answers once `position` is durable, and not before the answers in front of it. */
  answer(position: number, answer: Answer): void {
    if (answer.frame.length > this.packetBytesMax) return this.end('packet-too-large', REASON_CODES.packetTooLarge)
    this.acknowledgements.pushAnswer(position, answer)
    this.releaseAnswers(this.broker.committed)
  }

  /** The same for the four bytes of an acknowledgement. */
  acknowledge(position: number, header: number, packetId: number): void {
    const { acknowledgements } = this
    if (acknowledgements.length === 0 && position <= this.broker.committed) return this.output.putAcknowledgement(header, packetId)
    acknowledgements.push(position, header, packetId)
    this.#awaitCommit()
  }

  releaseAnswers(committed: number): void {
    if (this.phase === 'closed') return
    this.acknowledgements.release(committed, this.output)
    if (this.acknowledgements.length > 0) this.#awaitCommit()
    if (this.#entered) this.#goOn()
  }

  /** Called by the broker after a commit. */
  committed(position: number): void {
    this.#awaitsCommit = false
    this.releaseAnswers(position)
  }

  /**
   * The client is in as soon as `connack` has left, which is after the commit of what it says; nothing is taken and nothing
   * else is said before [MQTT-3.2.0-1].
   */
  admit(client: Client, position: number, connack: Uint8Array): void {
    this.client = client
    this.phase = 'admitting'
    this.#publishes = new PublishReader(this, client)
    const { rate } = this.limits
    if (isLimited(rate)) this.throttle = new Throttle(this.listener.clock, rate, () => this.#goOnReading())
    this.answer(position, { frame: connack, after: () => this.#open(client) })
    if (this.#isAdmitting()) this.pause()
  }

  #isAdmitting(): boolean {
    return this.phase === 'admitting'
  }

  #open(client: Client): void {
    this.phase = 'open'
    this.listener.opened(this)
    client.resume()
    this.#entered = true
  }

  /** What came behind the CONNECT is taken now; not from within the release of answers, to which it may add. */
  #goOn(): void {
    this.#entered = false
    if (this.#paused) this.#resume()
    this.#takeKept()
  }

  #takeKept(): void {
    const rest = this.#incoming.join(NOTHING)
    if (rest !== undefined && rest.length > 0) this.#feed(rest)
  }

  pause(): void {
    if (this.#paused || this.phase === 'closed') return
    this.#paused = true
    this.bytes.pause()
  }

  /** Pressure has gone. Keep-alive stood still meanwhile. */
  unpause(): void {
    if (this.#paused && this.phase !== 'admitting' && this.throttle?.waiting !== true) this.#resume()
  }

  /** The client may publish again. */
  #goOnReading(): void {
    if (this.phase === 'closed') return
    // Before what is kept is taken: that may pause it anew.
    if (this.broker.congested) this.listener.pauseUnderPressure(this)
    else if (this.#paused) this.#resume()
    this.#takeKept()
  }

  /**
   * Ends the connection from our side. MQTT 5 gets a DISCONNECT with the reason code; MQTT 3 has none and is closed
   * [MQTT-4.8.0-1]. The will goes out unless `normal`.
   */
  end(reason: EndReason, reasonCode: number, normal = false, reasonString?: string): void {
    if (this.phase === 'closed') return
    if (this.version === 5 && this.phase === 'open' && reasonCode !== 0) this.#putDisconnect(reasonCode, reasonString)
    this.output.flush()
    this.#close(reason, normal)
    this.bytes.end()
  }

  #take(chunk: Buffer): void {
    this.lastTick = this.listener.tick
    if (this.phase === 'admitting' || this.throttle?.waiting === true) {
      const waiting = this.#incoming.join(NOTHING)
      this.#incoming.keep(waiting === undefined || waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]), 0, 0)
      return
    }
    const bytes = this.#incoming.join(chunk)
    if (bytes !== undefined) this.#feed(bytes)
  }

  #feed(bytes: Buffer): void {
    try {
      this.#packets(bytes)
    } catch (error) {
      this.fail(error)
    }
    if (this.broker.congested && this.client !== undefined) this.listener.pauseUnderPressure(this)
  }

  #packets(bytes: Buffer): void {
    const end = bytes.length
    let at = 0
    while (at < end && this.phase !== 'closed') {
      if (this.#isAdmitting()) return this.#incoming.keep(bytes, at, 0)
      if (this.phase === 'open' && bytes[at] >>> 4 === 3) {
        at = this.#publishes!.read(bytes, at)
        if (at === end) return
        if (bytes[at] >>> 4 === 3) {
          if (this.throttle?.spent === true) return this.#holdBack(bytes, at)
          // Not whole: `packetEnd` keeps what there is of it, or refuses it.
          if (this.#incoming.packetEnd(bytes, at, this.limits.packetBytesMax) === 0) return
          continue
        }
      }
      if (this.phase === 'new' && !beginsConnect(bytes[at])) return this.#refuseStranger(bytes, at)
      const next = this.#incoming.packetEnd(bytes, at, this.limits.packetBytesMax)
      if (next === 0) return
      if (this.phase === 'new') handleConnect(this, bytes, at, next)
      else if (isFromServer(bytes[at])) refuseServerPacket()
      else if (this.phase === 'authenticating') this.#authenticate(decodePacket(bytes, at, next, this.version))
      else if (next - at !== 4 || !handleAcknowledgement(this, this.client!, bytes, at))
        handleControl(this, this.client!, decodePacket(bytes, at, next, this.version))
      at = next
    }
  }

  /** The rest waits until the client may publish again, and its socket is not read. */
  #holdBack(bytes: Buffer, at: number): void {
    this.#incoming.keep(bytes, at, 0)
    this.throttle!.wait()
    this.pause()
  }

  /** Ends the connection for what went wrong with it: with its reason code, in the way of the phase. */
  fail(error: unknown): void {
    if (!isGatewayError(error)) throw error
    const reasonCode = error.reason ?? REASON_CODES.malformedPacket
    this.logger.debug('a connection sent what breaks the protocol', { client: this.client?.id, peer: this.bytes.remote?.address, error })
    if (this.phase === 'new' || this.phase === 'authenticating') refuseConnect(this, error)
    else this.end(endReasonOf(reasonCode, 'malformed'), reasonCode, false, describeError(error))
  }

  /** What is no CONNECT gets no answer: nothing says that it would be understood [MQTT-3.1.0-1]. */
  #refuseStranger(bytes: Buffer, at: number): void {
    const protocol = foreignProtocol(bytes, at)
    const peer = this.bytes.remote?.address
    if (protocol === undefined) this.logger.debug('a connection did not begin with CONNECT', { peer })
    else
      this.logger.info(`a client speaks ${protocol} on a port for MQTT`, { peer, hint: 'check the port and the transport of the client' })
    this.end(protocol === undefined ? 'protocol-error' : 'not-mqtt', 0)
  }

  #authenticate(packet: Packet): void {
    if (packet.type === 'disconnect') return this.end('disconnected', 0)
    // [MQTT-3.1.2-30]
    if (packet.type === 'auth') return this.authentication!.take(packet)
    const reason = REASON_CODES.protocolError
    throw new GatewayError('decode-malformed', `${packet.type.toUpperCase()} came before the authentication was over`, {
      reason,
      offset: 0,
    })
  }

  #lost(): void {
    this.#close('connection-lost', false)
  }

  #close(reason: EndReason, normal: boolean): void {
    if (this.phase === 'closed') return
    this.phase = 'closed'
    this.throttle?.stop()
    this.client?.detach(normal, this.version === 5 ? this.sessionExpiryMs() : undefined, reason)
    this.listener.closed(this, reason)
    this.output.release()
  }

  /** The session expiry of an MQTT 5 client in ms, as it stands now. */
  sessionExpiryMs(): number {
    return Math.min(this.sessionExpirySeconds * 1000, this.limits.sessionExpiryMs)
  }

  #putDisconnect(wanted: number, explanation: string | undefined): void {
    const frame = explainedFrame(this, { type: 'disconnect', reasonCode: disconnectCode(wanted) }, explanation)
    if (frame.length <= this.packetBytesMax) this.output.put(frame, 0, frame.length)
  }

  #awaitCommit(): void {
    if (this.#awaitsCommit) return
    this.#awaitsCommit = true
    this.broker.awaitCommit(this)
  }

  #resume(): void {
    this.#paused = false
    this.lastTick = this.listener.tick
    this.bytes.resume()
  }
}

const NOTHING = Buffer.alloc(0)

/** Whether only a server sends packets of this type: CONNACK, SUBACK, UNSUBACK, PINGRESP. A bit for each type. */
function isFromServer(header: number): boolean {
  return ((0x2a04 >>> (header >>> 4)) & 1) === 1
}

/** Whatever it holds, it is not a client's to send. */
function refuseServerPacket(): never {
  throw new GatewayError('decode-malformed', 'a client has sent what only a server sends', {
    reason: REASON_CODES.protocolError,
    offset: 0,
  })
}

/** Some codes are for CONNACK alone, such as those of a second CONNECT that is wrong in itself as well [MQTT-3.1.0-2]. */
function disconnectCode(wanted: number): number {
  if (isReasonCodeOf('disconnect', wanted)) return wanted
  return wanted === REASON_CODES.badUserNameOrPassword ? REASON_CODES.notAuthorized : REASON_CODES.protocolError
}
