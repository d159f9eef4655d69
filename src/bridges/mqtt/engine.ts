/** A bridge to an MQTT broker: when to connect, when to wait, and what to say about it. */

import type { Timer } from '#base/clock.ts'
import { describeError, type GatewayError } from '#base/errors.ts'
import { Backoff } from '#bridges/engine/backoff.ts'
import { DeadLetters } from '#bridges/engine/dead-letters.ts'
import { Pace } from '#bridges/engine/pace.ts'
import { RouteBook } from '#bridges/engine/route-book.ts'
import { clientIdOf, Spool } from '#bridges/engine/spool.ts'
import { Suspicion } from '#bridges/engine/suspicion.ts'
import type { Bridge, BridgeServices, BridgeState, BridgeStatus } from '#bridges/types.ts'
import { endpointUrl, type OpenStream } from '#clients/mqtt/index.ts'
import type { MqttBridgeConfig } from './config.ts'
import { Link, type SessionStart } from './link.ts'
import { sameConnection, spoolOptionsOf } from './options.ts'
import type { OutboxState } from './outbox.ts'
import { UpstreamMemory } from './upstream.ts'

/** How long a connection must stand before the waits begin anew. */
const PROVEN_MS = 10_000
/** How long what is in flight has to be acknowledged when a connection is ended on purpose. */
const PATIENCE_MS = 1000
/** From a connection that found or ended an old session to the next one. */
const RECONNECT_MS = 1000
const PAUSED = 'paused'

export class MqttBridge implements Bridge<MqttBridgeConfig> {
  readonly name: string
  readonly #services: BridgeServices
  readonly #open: OpenStream
  readonly #spool: Spool
  readonly #memory: UpstreamMemory
  readonly #backoff: Backoff
  readonly #outboxState: OutboxState
  #config: MqttBridgeConfig
  #link: Link | undefined = undefined
  #state: BridgeState = 'stopped'
  #since: number
  #lastError: string | undefined = undefined
  #lastErrorAt: number | undefined = undefined
  #retry: Timer | undefined = undefined
  #retryAtMs = 0
  #proving: Timer | undefined = undefined
  /** The upstream has a session that is not ours: the next connection has it forgotten. */
  #wipeNext = false
  /** The upstream was told to forget: what it has still is taken for ours, so that this comes to an end. */
  #wiped = false
  #received = 0
  #droppedBefore = 0
  /** What was logged last, so that a long outage is one line and not thousands. */
  #logged: string | undefined = undefined
  /** Reload, pause, resume and stop one after the other. */
  #turn: Promise<void> = Promise.resolve()

  constructor(name: string, config: MqttBridgeConfig, services: BridgeServices, open: OpenStream) {
    this.name = name
    this.#config = config
    this.#services = services
    this.#open = open
    const { broker, clock } = services
    this.#since = clock.now()
    this.#backoff = new Backoff(clock)
    const records = broker.records(clientIdOf(name))
    const book = new RouteBook(records)
    this.#memory = new UpstreamMemory(records)
    this.#spool = new Spool(broker, records, book, spoolOptionsOf(name, config))
    this.#outboxState = {
      book,
      letters: new DeadLetters(records),
      suspicion: new Suspicion(),
      refusals: new Map(),
      pace: this.#newPace(config),
      sent: 0,
    }
  }

  /** What was put aside; oldest first. */
  get deadLetters(): DeadLetters {
    return this.#outboxState.letters
  }

  async start(): Promise<void> {
    this.#spool.open()
    this.#droppedBefore = this.#spool.info()?.dropped ?? 0
    if (this.#spool.records.get(PAUSED) !== undefined) this.#become('paused')
    else this.#connect()
  }

  status(): BridgeStatus {
    const info = this.#spool.info()
    const { clock } = this.#services
    return {
      name: this.name,
      kind: 'mqtt',
      url: endpointUrl(this.#config.url),
      state: this.#state,
      since: this.#since,
      lastError: this.#lastError,
      lastErrorAt: this.#lastErrorAt,
      attempts: this.#backoff.attempts,
      nextAttemptInMs: this.#retry === undefined ? undefined : Math.max(0, Math.round(this.#retryAtMs - clock.monotonic())),
      queued: info?.queued ?? 0,
      queuedBytes: info?.queuedBytes ?? 0,
      inFlight: this.#link?.inFlight ?? 0,
      sent: this.#outboxState.sent,
      received: this.#received + (this.#link?.received ?? 0),
      deadLetters: this.#outboxState.letters.count,
      dropped: Math.max(0, (info?.dropped ?? 0) - this.#droppedBefore),
    }
  }

  reload(config: MqttBridgeConfig): Promise<void> {
    return this.#inTurn(async () => {
      const stays = sameConnection(this.#config, config)
      if (!stays) await this.#disconnect()
      this.#config = config
      this.#outboxState.pace.stop()
      this.#outboxState.pace = this.#newPace(config)
      this.#spool.update(spoolOptionsOf(this.name, config), this.#link?.client)
      if (stays) this.#link?.setInRoutes(config.in)
      this.#link?.wake()
      if (stays || this.#state === 'paused' || this.#state === 'stopped') return
      this.#backoff.reset()
      this.#connect()
    })
  }

  pause(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'stopped') return
      this.#spool.records.put(PAUSED, Buffer.from('1'))
      this.#become('paused')
      await this.#disconnect()
    })
  }

  resume(): Promise<void> {
    return this.#inTurn(async () => {
      this.#spool.records.delete(PAUSED)
      if (this.#state !== 'paused') return
      this.#backoff.reset()
      this.#connect()
    })
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      this.#become('stopped')
      await this.#disconnect()
      this.#outboxState.pace.stop()
    })
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    const next = this.#turn.then(run)
    this.#turn = next.catch(() => {})
    return next
  }

  #newPace(config: MqttBridgeConfig): Pace {
    return new Pace(this.#services.clock, config.pace.messages_per_second, config.pace.burst, () => this.#link?.wake())
  }

  get #clientId(): string {
    return this.#config.client_id ?? this.#services.gatewayId
  }

  #connect(): void {
    this.#cancelRetry()
    this.#become('connecting')
    const link: Link = new Link(this.#config, this.#clientId, this.#sessionStart(), {
      ...this.#services,
      spool: this.#spool,
      state: this.#outboxState,
      memory: this.#memory,
      open: this.#open,
      connected: () => this.#connected(),
      sessionKnown: this.#wiped || (this.#spool.inherited && this.#memory.isKnown(this.#config, this.#clientId)),
      sessionEnded: how => this.#sessionEnded(link, how),
      closed: error => this.#closed(link, error),
      complain: (message, error) => this.#complain(message, error),
    })
    this.#link = link
  }

  #sessionStart(): SessionStart {
    if (this.#wipeNext) return 'wipe'
    return this.#config.clean_start ? 'new' : 'keep'
  }

  /** Some clouds take one connection a second from a client. */
  #sessionEnded(link: Link, how: 'foreign' | 'wiped'): void {
    if (this.#link === link) this.#link = undefined
    this.#wipeNext = how === 'foreign'
    this.#wiped = how === 'wiped'
    this.#retryIn(RECONNECT_MS)
  }

  #retryIn(waitMs: number): void {
    const { clock } = this.#services
    this.#retryAtMs = clock.monotonic() + waitMs
    this.#retry = clock.setTimer(waitMs, () => this.#connect())
  }

  #connected(): void {
    const { clock, logger } = this.#services
    this.#become('connected')
    this.#spool.inherited = true
    this.#wiped = false
    this.#logged = undefined
    logger.info('connected to the upstream', { url: endpointUrl(this.#config.url) })
    this.#proving = clock.setTimer(PROVEN_MS, () => this.#backoff.reset())
  }

  #closed(link: Link, error: GatewayError | undefined): void {
    const { clock } = this.#services
    clock.clearTimer(this.#proving)
    this.#received += link.received
    if (this.#link === link) this.#link = undefined
    if (error === undefined || this.#state === 'paused' || this.#state === 'stopped') return
    this.#complain('the upstream is away', error)
    this.#become('waiting')
    this.#retryIn(this.#backoff.next())
  }

  async #disconnect(): Promise<void> {
    this.#cancelRetry()
    await this.#link?.end(PATIENCE_MS)
  }

  #cancelRetry(): void {
    this.#services.clock.clearTimer(this.#retry)
    this.#retry = undefined
  }

  #become(state: BridgeState): void {
    if (this.#state === state) return
    this.#state = state
    this.#since = this.#services.clock.now()
  }

  #complain(message: string, error?: unknown): void {
    const sentence = error === undefined ? message : describeError(error)
    this.#lastError = sentence
    this.#lastErrorAt = this.#services.clock.now()
    if (this.#logged === sentence) return
    this.#logged = sentence
    this.#services.logger.warn(message, error === undefined ? {} : { reason: sentence })
  }
}
