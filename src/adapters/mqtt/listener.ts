/** What the connections of one MQTT listener share: its limits, its second hand, and its counters. */
import type { Clock, Timer } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import type { Broker, Message, PressureListener } from '#broker/ports.ts'
import { REASON_CODES } from '#codecs/mqtt/index.ts'
import type { ByteConnection } from '#listeners/types.ts'
import type { MqttLimits } from './config.ts'
import { MqttConnection } from './connection.ts'
import type { EndReason } from './end-reason.ts'
import { FrameSlab } from './frames.ts'
import { Mountpoint } from './mountpoint.ts'
import { Flusher } from './output.ts'

export interface MqttListenerOptions {
  name: string
  broker: Broker
  clock: Clock
  logger: Logger
  limits: MqttLimits
  anonymous: 'never' | 'loopback' | 'always' | undefined
  /** Put before every topic of the clients, and taken off on the way to them. */
  mountpoint?: string | undefined
}

const TICK_MS = 1000

export class MqttListener implements PressureListener {
  readonly name: string
  readonly broker: Broker
  readonly clock: Clock
  readonly logger: Logger
  readonly flusher: Flusher
  readonly slab = new FrameSlab()
  readonly anonymous: MqttListenerOptions['anonymous']
  readonly mountpoint: Mountpoint | undefined
  /** Messages without the mountpoint, as long as the messages themselves are there. */
  readonly stripped = new WeakMap<Message, Message>()
  limits: MqttLimits
  /** Seconds since the start, counted by one timer for all connections. */
  tick = 0
  /** Ended connections by reason. */
  readonly ended: Partial<Record<EndReason, number>> = {}
  readonly #connections = new Set<MqttConnection>()
  readonly #paused = new Set<MqttConnection>()
  #timer: Timer | undefined

  constructor(options: MqttListenerOptions) {
    this.name = options.name
    this.broker = options.broker
    this.clock = options.clock
    this.logger = options.logger
    this.limits = options.limits
    this.anonymous = options.anonymous
    this.mountpoint = options.mountpoint ? new Mountpoint(options.mountpoint) : undefined
    this.flusher = new Flusher(options.clock)
    this.broker.addPressureListener(this)
    this.#scheduleTick()
  }

  accept(bytes: ByteConnection): void {
    this.#connections.add(new MqttConnection(bytes, this))
  }

  opened(connection: MqttConnection): void {
    this.logger.debug('a client has connected', { client: connection.client?.id, peer: connection.bytes.remote?.address })
  }

  closed(connection: MqttConnection, reason: EndReason): void {
    this.#connections.delete(connection)
    this.#paused.delete(connection)
    this.ended[reason] = (this.ended[reason] ?? 0) + 1
    this.logger.debug('a connection has ended', { client: connection.client?.id, reason })
  }

  /** Too much is uncommitted: a connection that publishes is not read until the disk has caught up. */
  pauseUnderPressure(connection: MqttConnection): void {
    connection.pause()
    this.#paused.add(connection)
  }

  pressure(high: boolean): void {
    if (high) return
    const paused = [...this.#paused]
    this.#paused.clear()
    for (const connection of paused) connection.unpause()
  }

  /** Ends what is left, say connections that never sent a CONNECT. */
  stop(): void {
    this.clock.clearTimer(this.#timer)
    this.broker.removePressureListener(this)
    for (const connection of [...this.#connections]) connection.end('shutting-down', REASON_CODES.serverShuttingDown)
  }

  #scheduleTick(): void {
    this.#timer = this.clock.setTimer(TICK_MS, () => {
      this.tick++
      this.#lookForSilence()
      this.#scheduleTick()
    })
  }

  #lookForSilence(): void {
    const connectSeconds = this.limits.connectTimeoutMs / 1000
    for (const connection of this.#connections) {
      const silent = this.tick - connection.lastTick
      if (connection.phase === 'new' || connection.phase === 'authenticating') {
        if (this.tick - connection.openedTick > connectSeconds) connection.end('connect-timeout', 0)
      } else if (connection.paused || connection.keepAliveSeconds === 0) continue
      // One and a half times the keep alive [MQTT-3.1.2-22].
      else if (silent > connection.keepAliveSeconds * 1.5) connection.end('keep-alive-timeout', REASON_CODES.keepAliveTimeout)
      else if (silent > 2) connection.output.release()
    }
  }
}
