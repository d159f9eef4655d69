/**
 * Publishes what the gateway tells about itself. Values are retained in memory alone: they are made anew at every
 * interval, and must not wear the disk.
 */
import type { Clock, Timer } from '#base/clock.ts'
import { clientLevel } from '#base/topic-filter.ts'
import { type Broker, type ClientInfo, type ClientWatcher, Message } from '#broker/ports.ts'
import type { GatewayControl } from '../ports.ts'
import { connectedEvent, disconnectedEvent, subscribedEvent } from './presence.ts'
import {
  bridgeValues,
  clockValues,
  constantValues,
  metricValues,
  type Peaks,
  type PresenceCounts,
  type SysValue,
  statValues,
} from './values.ts'

export interface SysOptions {
  /** Between two publications, ms; 0: none. */
  intervalMs: number
  presence: boolean
  subscriptions: boolean
}

export class SysPublisher implements ClientWatcher {
  readonly #broker: Broker
  readonly #control: GatewayControl
  readonly #clock: Clock
  readonly #options: SysOptions
  readonly #prefix: string
  readonly #startedAtMs: number
  readonly #counts: PresenceCounts = { connected: 0, disconnected: 0, subscribed: 0, unsubscribed: 0 }
  readonly #peaks: Peaks = new Map()
  #timer: Timer | undefined

  constructor(control: GatewayControl, clock: Clock, options: SysOptions) {
    this.#control = control
    this.#broker = control.broker
    this.#clock = clock
    this.#options = options
    this.#prefix = `$SYS/brokers/${control.info.gatewayId}/`
    this.#startedAtMs = clock.monotonic()
  }

  start(): void {
    this.#broker.watchClients(this)
    if (this.#options.intervalMs === 0) return
    this.#announce('$SYS/brokers', this.#control.info.gatewayId, true)
    for (const [name, value] of constantValues(this.#control)) this.#announce(this.#prefix + name, value, true)
    this.#publish()
  }

  stop(): void {
    this.#clock.clearTimer(this.#timer)
  }

  connected(client: ClientInfo, cleanStart: boolean): void {
    this.#counts.connected++
    if (this.#options.presence) this.#event(client, 'connected', () => connectedEvent(client, cleanStart, this.#control.now()))
  }

  disconnected(client: ClientInfo, reason: string): void {
    this.#counts.disconnected++
    if (this.#options.presence) this.#event(client, 'disconnected', () => disconnectedEvent(client, reason, this.#control.now()))
  }

  subscribed(client: ClientInfo, filter: string, qos: number): void {
    this.#counts.subscribed++
    if (this.#options.subscriptions) this.#event(client, 'subscribed', () => subscribedEvent(client, filter, qos, this.#control.now()))
  }

  unsubscribed(client: ClientInfo, filter: string): void {
    this.#counts.unsubscribed++
    if (this.#options.subscriptions) {
      this.#event(client, 'unsubscribed', () => subscribedEvent(client, filter, undefined, this.#control.now()))
    }
  }

  #publish(): void {
    for (const [name, value] of this.#values()) this.#announce(this.#prefix + name, value, true)
    this.#timer = this.#clock.setTimer(this.#options.intervalMs, () => this.#publish())
  }

  #values(): SysValue[] {
    const control = this.#control
    const status = this.#broker.status()
    const subscribers = this.#broker.clients().reduce((count, { subscriptions }) => count + (subscriptions > 0 ? 1 : 0), 0)
    return [
      ...clockValues(control, (this.#clock.monotonic() - this.#startedAtMs) / 1000),
      ...statValues(status, subscribers, this.#peaks),
      ...metricValues(status, control.listeners(), this.#counts),
      ...bridgeValues(control.bridges()),
    ]
  }

  /** Nobody may listen: then the event is not even written. */
  #event(client: ClientInfo, what: string, event: () => object): void {
    const topic = `${this.#prefix}clients/${clientLevel(client.clientId)}/${what}`
    if (this.#broker.isHeard(topic)) this.#announce(topic, JSON.stringify(event()), false)
  }

  #announce(topic: string, value: string | number, retain: boolean): void {
    this.#broker.announce(Message.from({ topic, payload: Buffer.from(String(value)), qos: 0, retain }))
  }
}
