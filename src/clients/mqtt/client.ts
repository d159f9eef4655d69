/** Connect once, publish lines, print messages: what a command on the terminal needs of MQTT. */
import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import { encodePacket, type Properties, type PublishPacket, type QoS, type Subscription } from '#codecs/mqtt/index.ts'
import { type ConnectionEvents, MqttConnection } from './connection.ts'
import type { Answer, EngineOptions, ServerTerms } from './options.ts'
import { refusal } from './reasons.ts'
import type { OpenStream, Target } from './stream.ts'

/** Bytes waiting in the socket above which `publish` makes its caller wait. */
const PENDING_BYTES_HIGH = 256 * 1024
/** MQTT 3.1.1 servers cannot say how much they take unacknowledged; mosquitto closes the connection beyond this. */
const WINDOW_MQTT_3 = 20

export interface ClientOptions extends EngineOptions {
  target: Target
  /** `openStream` of `transport.ts`, or a test's own. */
  open: OpenStream
  clock: Clock
  onMessage?: (message: ReceivedMessage) => void
  /** The connection ended: with an error unless `end` was called. */
  onClose?: (error: GatewayError | undefined) => void
}

export interface ReceivedMessage {
  topic: string
  /** The receiver's own. */
  payload: Uint8Array
  qos: QoS
  retain: boolean
  dup: boolean
  properties: Properties | undefined
}

export interface PublishOptions {
  qos?: QoS
  retain?: boolean
  properties?: Properties
}

/** The options that a small client rarely cares about. */
export const CLIENT_DEFAULTS = {
  version: 5,
  clientId: '',
  cleanStart: true,
  keepAliveSeconds: 60,
  packetBytesMax: 268_435_455,
  connectTimeoutMs: 15_000,
  requestTimeoutMs: 30_000,
} as const satisfies EngineOptions

/**
 * Connects to a server. Rejects with a GatewayError that says in plain words why it could not.
 * The connection is not renewed when it ends.
 */
export async function connectClient(options: ClientOptions): Promise<MqttClient> {
  return await new Promise((resolve, reject) => {
    const client: MqttClient = new MqttClient(options, () => resolve(client), reject)
  })
}

/** A connected client. */
export class MqttClient {
  readonly #options: ClientOptions
  readonly #connection: MqttConnection
  readonly #settled = new Map<number, { resolve: () => void; reject: (error: GatewayError) => void; topic: string }>()
  /** QoS 2 ids that were handed out and not released: a repetition is answered, not handed out again [MQTT-4.3.3-10]. */
  readonly #seen = new Set<number>()
  #waiting: (() => void)[] = []
  #packetId = 0
  #terms: ServerTerms | undefined = undefined
  #closed: { error: GatewayError | undefined } | undefined = undefined
  #ended: (() => void)[] = []

  constructor(options: ClientOptions, connected: () => void, failed: (error: GatewayError) => void) {
    this.#options = options
    const events: ConnectionEvents = {
      connected: terms => {
        this.#terms = terms
        connected()
      },
      acknowledged: answer => this.#acknowledged(answer),
      received: packetId => this.#connection.engine.release(packetId),
      completed: packetId => this.#acknowledged({ packetId, reason: 0, said: undefined }),
      message: packet => this.#message(packet),
      released: packetId => {
        this.#seen.delete(packetId)
        this.#connection.engine.pubcomp(packetId)
      },
      drained: () => this.#goOn(),
      closed: error => {
        const before = this.#terms === undefined
        this.#close(error)
        if (before) failed(error ?? connectionClosed())
      },
    }
    this.#connection = new MqttConnection(options.target, options, events, options.open, options.clock)
  }

  /** What the server agreed to. */
  get terms(): ServerTerms {
    if (this.#terms === undefined) throw connectionClosed()
    return this.#terms
  }

  /**
   * Publishes. Resolves when the server has acknowledged it (QoS 1 and 2), or when the socket has room for more
   * (QoS 0); waits by itself for the server's Receive Maximum. Rejects when the server refuses it or the connection ends.
   */
  async publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): Promise<void> {
    const { qos = 0, retain = false, properties } = options
    while (this.#closed === undefined && this.#full(qos)) await new Promise<void>(resolve => this.#waiting.push(resolve))
    if (this.#closed !== undefined) throw this.#closed.error ?? connectionClosed()
    const packetId = qos === 0 ? 0 : this.#freeId()
    const packet: PublishPacket = { type: 'publish', topic, payload, qos, retain, dup: false }
    if (qos > 0) packet.packetId = packetId
    if (properties !== undefined) packet.properties = properties
    const frame = encodePacket(packet, this.#options.version)
    const answered = qos === 0 ? undefined : new Promise<void>((resolve, reject) => this.#settled.set(packetId, { resolve, reject, topic }))
    if (!this.#connection.engine.publish(frame, qos, packetId)) {
      this.#settled.delete(packetId)
      throw refusal(0x95, `publishing on ${topic}`)
    }
    await answered
  }

  /**
   * Subscribes to filters. Resolves with the granted QoS of each.
   * Rejects when the server refuses one of them or the connection ends.
   */
  async subscribe(filters: readonly string[], options: Partial<Omit<Subscription, 'filter'>> = {}): Promise<number[]> {
    const { qos = 0, noLocal = false, retainAsPublished = true, retainHandling = 0 } = options
    const subscriptions = filters.map(filter => ({ filter, qos, noLocal, retainAsPublished, retainHandling }))
    const codes = await this.#requested(done => this.#connection.engine.subscribe(subscriptions, done))
    const refused = codes.findIndex(code => code >= 0x80)
    if (refused >= 0) throw refusal(codes[refused], `subscribing to ${filters[refused]}`)
    return codes
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    await this.#requested(done => this.#connection.engine.unsubscribe([...filters], done))
  }

  /** Sends DISCONNECT and closes. Resolves when that is on its way; publishes that wait for an answer reject. */
  async end(): Promise<void> {
    if (this.#closed !== undefined) return
    const ended = new Promise<void>(resolve => this.#ended.push(resolve))
    this.#connection.end()
    await ended
  }

  #requested(request: (done: (codes: number[] | undefined, error: GatewayError | undefined) => void) => void): Promise<number[]> {
    return new Promise((resolve, reject) => {
      request((codes, error) => (codes === undefined ? reject(error ?? connectionClosed()) : resolve(codes)))
    })
  }

  #full(qos: QoS): boolean {
    if (this.#connection.pendingBytes > PENDING_BYTES_HIGH) return true
    const window = this.#options.version === 5 ? this.terms.receiveMaximum : WINDOW_MQTT_3
    return qos > 0 && this.#connection.engine.inFlight >= window
  }

  #freeId(): number {
    do this.#packetId = (this.#packetId % 65_535) + 1
    while (this.#settled.has(this.#packetId))
    return this.#packetId
  }

  #acknowledged(answer: Answer): void {
    const waiting = this.#settled.get(answer.packetId)
    this.#settled.delete(answer.packetId)
    if (answer.reason < 0x80) waiting?.resolve()
    else waiting?.reject(refusal(answer.reason, `publishing on ${waiting.topic}`, answer.said))
    this.#goOn()
  }

  #message(packet: PublishPacket): void {
    const { topic, payload, qos, retain, dup, properties, packetId = 0 } = packet
    if (qos < 2 || !this.#seen.has(packetId)) {
      this.#options.onMessage?.({ topic, payload: payload.slice(), qos, retain, dup, properties })
    }
    if (qos === 1) this.#connection.engine.puback(packetId)
    if (qos === 2) {
      this.#seen.add(packetId)
      this.#connection.engine.pubrec(packetId)
    }
  }

  /** Lets publishes go on that waited for room. */
  #goOn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #close(error: GatewayError | undefined): void {
    this.#closed = { error }
    for (const { reject } of this.#settled.values()) reject(error ?? connectionClosed())
    this.#settled.clear()
    this.#goOn()
    for (const resolve of this.#ended.splice(0)) resolve()
    if (this.#terms !== undefined) this.#options.onClose?.(error)
  }
}

function connectionClosed(): GatewayError {
  return new GatewayError('connection-lost', 'the connection is closed', { retryable: true })
}
