import type { Clock } from '#base/clock.ts'
import { type Broker, type Client, Message } from '#broker/ports.ts'
import type { Gap } from './engine.ts'

/** Reason code "quota exceeded" (`MQTT 5 §2.4`): the broker may take the same message later. */
const QUOTA_EXCEEDED = 0x97

/** What `serial/{name}/$state` says, as JSON, retained. Times are ms since 1970. */
export interface DeviceState {
  /** `online`: the port is open; `offline`: it is not, and it is looked for; `stopped`: the gateway has stopped. */
  state: 'online' | 'offline' | 'stopped'
  /** Since when. Absent where nobody knows: in the will that goes out after a crash. */
  since?: number
  port: string
  /** Why it is offline. */
  reason?: string
  /** The last time in which nothing was read. */
  gap?: Gap
  /** False: the port is open, and the device does not answer. Absent where nothing is asked of it. */
  answering?: boolean
  /** Values dropped since the start because the store did not take them in time. */
  dropped?: number
}

/** Keeps the state of one device and publishes it. Only the newest counts: it does not wait behind values. */
export class StateReport {
  readonly #topic: string
  readonly #publisher: string
  readonly #broker: Broker
  readonly #clock: Clock
  #state: DeviceState
  #due = true

  constructor(name: string, port: string, broker: Broker, clock: Clock) {
    this.#topic = `serial/${name}/$state`
    this.#publisher = `$serial:${name}`
    this.#broker = broker
    this.#clock = clock
    this.#state = { state: 'offline', since: clock.now(), port }
  }

  get state(): Readonly<DeviceState> {
    return this.#state
  }

  /** Changes the state; the last gap stays part of it until there is another. */
  set(change: Pick<DeviceState, 'state' | 'reason' | 'gap'>): void {
    const { state, since, port, gap, dropped, answering } = this.#state
    const same = change.state === 'online' && answering !== undefined ? { answering } : {}
    const known = { ...(gap && { gap }), ...(dropped !== undefined && { dropped }), ...same }
    this.#state = { state: change.state, since: change.state === state && since !== undefined ? since : this.#clock.now(), port, ...known }
    if (change.reason !== undefined) this.#state.reason = change.reason
    if (change.gap !== undefined) this.#state.gap = change.gap
    this.#due = true
  }

  setAnswering(answering: boolean): void {
    this.#state = { ...this.#state, answering }
    this.#due = true
  }

  setDropped(dropped: number): void {
    this.#state = { ...this.#state, dropped }
    this.#due = true
  }

  /** The state must be published again though it has not changed: the client is a new one. */
  renew(): void {
    this.#due = true
  }

  /** Publishes the state if it is due. Returns a reason code if it was refused for good, else 0; refused for now, it stays due. */
  publish(client: Client | undefined): number {
    if (!this.#due || client?.attached !== true) return 0
    const route = this.#broker.route(this.#topic)
    if (route === undefined) return 0
    this.#due = false
    const outcome = client.publish(route, this.#message(this.#state))
    if (outcome === -QUOTA_EXCEEDED) this.#due = true
    return outcome < 0 && !this.#due ? -outcome : 0
  }

  /** What the broker says when the gateway cannot: after a crash, unless the device is back by then. */
  will(): Message {
    return this.#message({ state: 'offline', port: this.#state.port, reason: 'the gateway has stopped without notice' })
  }

  #message(state: DeviceState): Message {
    return Message.from({
      topic: this.#topic,
      payload: Buffer.from(JSON.stringify(state)),
      qos: 1,
      retain: true,
      publisher: this.#publisher,
    })
  }
}
