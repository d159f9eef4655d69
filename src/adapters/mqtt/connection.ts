/** One MQTT connection: takes packets in, keeps the order of answers, and ends as the protocol demands. */
import { describeError, isGatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import type { Broker, Client, Identity } from '#broker/ports.ts'
import { decodePacket, encodePacket, isReasonCodeOf, type MqttVersion, REASON_CODES } from '#codecs/mqtt/index.ts'
import type { ByteConnection } from '#listeners/types.ts'
import { Acknowledgements, type Answer } from './acknowledgements.ts'
import type { MqttLimits } from './config.ts'
import { handleConnect, refuseConnect, requireConnect } from './connect.ts'
import { handleAcknowledgement, handleControl } from './control.ts'
import { Incoming } from './incoming.ts'
import type { MqttListener } from './listener.ts'
import { Output } from './output.ts'
import { PublishReader } from './publish.ts'
import { reasonStringOf } from './reason-string.ts'
import type { MqttSink } from './sink.ts'

/** Where a connection stands. `admitting`: access is being asked about its CONNECT; nothing else is taken meanwhile. */
export type Phase = 'new' | 'admitting' | 'open' | 'closed'

/** Why a connection ended, for counters and logs. */
export type EndReason =
  | 'disconnected'
  | 'connection-lost'
  | 'connect-timeout'
  | 'keep-alive-timeout'
  | 'malformed'
  | 'protocol-error'
  | 'packet-too-large'
  | 'refused'
  | 'taken-over'
  | 'kicked'
  | 'shutting-down'
  | 'quota-exceeded'
  | 'receive-maximum-exceeded'
  | 'not-authorized'
  | 'session-ended'

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
  readonly #incoming = new Incoming()
  #publishes: PublishReader | undefined
  #paused = false
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
  }

  /** Called by the broker after a commit. */
  committed(position: number): void {
    this.#awaitsCommit = false
    this.releaseAnswers(position)
  }

  /** The client is in: publishes can be read. */
  open(client: Client): void {
    this.client = client
    this.phase = 'open'
    this.#publishes = new PublishReader(this, client)
  }

  /** Goes on after an admission that took its time. */
  goOn(): void {
    if (this.#paused) this.#resume()
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
    if (this.#paused && this.phase !== 'admitting') this.#resume()
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
    if (this.phase === 'admitting') {
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
      this.#fail(error)
    }
    if (this.broker.congested && this.client !== undefined) this.listener.pauseUnderPressure(this)
  }

  #packets(bytes: Buffer): void {
    const end = bytes.length
    let at = 0
    while (at < end && this.phase !== 'closed') {
      if (this.phase === 'admitting') return this.#incoming.keep(bytes, at, 0)
      if (this.phase === 'open' && bytes[at] >>> 4 === 3) {
        at = this.#publishes!.read(bytes, at)
        if (at === end) return
        if (bytes[at] >>> 4 === 3) {
          // Not whole: `packetEnd` keeps what there is of it, or refuses it.
          if (this.#incoming.packetEnd(bytes, at, this.limits.packetBytesMax) === 0) return
          continue
        }
      }
      if (this.phase === 'new') requireConnect(bytes[at])
      const next = this.#incoming.packetEnd(bytes, at, this.limits.packetBytesMax)
      if (next === 0) return
      if (this.phase === 'new') handleConnect(this, bytes, at, next)
      else if (next - at !== 4 || !handleAcknowledgement(this, this.client!, bytes, at))
        handleControl(this, this.client!, decodePacket(bytes, at, next, this.version))
      at = next
    }
  }

  #fail(error: unknown): void {
    if (!isGatewayError(error)) throw error
    const reasonCode = error.reason ?? REASON_CODES.malformedPacket
    this.logger.debug('a connection sent what breaks the protocol', { client: this.client?.id, peer: this.bytes.remote?.address, error })
    const reason = endReasonOf(reasonCode)
    if (this.phase === 'new') refuseConnect(this, error, reason)
    else this.end(reason, reasonCode, false, describeError(error))
  }

  #lost(): void {
    this.#close('connection-lost', false)
  }

  #close(reason: EndReason, normal: boolean): void {
    if (this.phase === 'closed') return
    this.phase = 'closed'
    this.client?.detach(normal, this.version === 5 ? this.sessionExpiryMs() : undefined)
    this.listener.closed(this, reason)
    this.output.release()
  }

  /** The session expiry of an MQTT 5 client in ms, as it stands now. */
  sessionExpiryMs(): number {
    return Math.min(this.sessionExpirySeconds * 1000, this.limits.sessionExpiryMs)
  }

  #putDisconnect(wanted: number, reasonString: string | undefined): void {
    // Some codes are for CONNACK alone, such as those of a second CONNECT that is wrong in itself as well [MQTT-3.1.0-2].
    const reasonCode = isReasonCodeOf('disconnect', wanted) ? wanted : REASON_CODES.protocolError
    const withString = reasonString !== undefined && this.requestsProblemInformation
    const frame = encodePacket(
      { type: 'disconnect', reasonCode, ...(withString && { properties: { reasonString: reasonStringOf(reasonString) } }) },
      5,
    )
    if (frame.length <= this.packetBytesMax) this.output.put(frame, 0, frame.length)
    else this.output.put(encodePacket({ type: 'disconnect', reasonCode }, 5), 0, 3)
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

function endReasonOf(reasonCode: number): EndReason {
  switch (reasonCode) {
    case REASON_CODES.packetTooLarge:
      return 'packet-too-large'
    case REASON_CODES.protocolError:
      return 'protocol-error'
    case REASON_CODES.quotaExceeded:
      return 'quota-exceeded'
    case REASON_CODES.notAuthorized:
      return 'not-authorized'
    default:
      return 'malformed'
  }
}
