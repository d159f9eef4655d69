/** The way of a message from its publisher to the queues of its recipients. */

import type { DelayedMessages } from './delayed.ts'
import type { Message } from './message.ts'
import type { BrokerCounters, PublishRun } from './ports.ts'
import type { Retention } from './retention.ts'
import { type CompiledRoute, effectiveQos, type Target } from './route-table.ts'
import type { RunningClock } from './running-clock.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'
import type { Store } from './store-port.ts'

/** `MQTT 5 §2.4`: the one code for a full queue and a full disk. */
const QUOTA_EXCEEDED = 0x97

export class Distribution {
  readonly #store: Store
  readonly #clock: RunningClock
  readonly #retention: Retention
  readonly #sessions: SessionTable
  readonly #counters: BrokerCounters
  readonly #delayed: DelayedMessages

  constructor(
    store: Store,
    clock: RunningClock,
    retention: Retention,
    sessions: SessionTable,
    counters: BrokerCounters,
    delayed: DelayedMessages,
  ) {
    this.#store = store
    this.#clock = clock
    this.#retention = retention
    this.#sessions = sessions
    this.#counters = counters
    this.#delayed = delayed
  }

  /** One message of a client; see `Client.publish` for what is returned. All its operations are in one transaction. */
  message(route: CompiledRoute, message: Message, from: Session, packetId: number): number {
    const remembered = message.qos === 2 && packetId !== 0
    if (remembered) {
      const known = from.inbound?.get(packetId)
      if (known !== undefined) return known
    }
    if (message.qos > 0 && this.#refuses(route, message, from)) {
      this.#counters.refused++
      return -QUOTA_EXCEEDED
    }
    message.publisher = from.id
    from.messagesIn++
    const before = this.#store.position
    this.deliver(route, message, from)
    if (remembered) this.#rememberInbound(from, packetId)
    const after = this.#store.position
    const position = after === before ? 0 : after
    if (remembered) from.inbound!.set(packetId, position)
    return position
  }

  /** Stamps, retains and routes a message of a client or of the gateway itself; or keeps it until its time. */
  deliver(route: CompiledRoute, message: Message, from: Session | undefined): void {
    this.#clock.stamp(message)
    this.#counters.received[message.qos]++
    if (route.delay !== undefined) this.#delay(route, message)
    else this.forward(route, message, from)
  }

  /** Retains and routes a message that has its time. */
  forward(route: CompiledRoute, message: Message, from: Session | undefined): void {
    if (message.retain) this.#retention.keep(message)
    const targets = route.targets
    if (targets.length === 0) this.#counters.unrouted++
    const careful = message.qos === 0 && (route.mayReject || this.#store.condition !== 'ok')
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]
      if (target.noLocal && target.recipient === from) continue // [MQTT-3.8.3-3]
      if (!careful || this.#takes(target, message)) target.recipient.accept(message, target)
    }
  }

  /** What the gateway tells about itself: not counted among the messages, and retained in memory alone. */
  announce(route: CompiledRoute, message: Message): void {
    this.#clock.stamp(message)
    if (message.retain) this.#retention.show(message)
    for (const target of route.targets) if (this.#takes(target, message)) target.recipient.accept(message, target)
  }

  /** A run of QoS 0 messages of a client. */
  run(route: CompiledRoute, run: PublishRun, from: Session): void {
    from.messagesIn += run.count
    this.#counters.received[0] += run.count
    if (route.delay !== undefined) return this.#delayRun(route, run)
    if (route.mayReject || (route.durable && this.#store.condition !== 'ok')) return this.#oneByOne(route, run, from)
    const targets = route.targets
    if (targets.length === 0) this.#counters.unrouted += run.count
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]
      if (target.noLocal && target.recipient === from) continue
      target.recipient.acceptRun(run, target)
    }
  }

  #delayRun(route: CompiledRoute, run: PublishRun): void {
    for (const message of run.messages()) {
      this.#clock.stamp(message)
      this.#delay(route, message)
    }
  }

  /** What can be refused was refused before: the loss of QoS 0 and of a will is counted. */
  #delay(route: CompiledRoute, message: Message): void {
    if (this.#store.condition !== 'ok') this.#counters.dropped['store-unavailable']++
    else if (!this.#delayed.takes(route.delay!, message)) this.#counters.dropped['queue-full']++
    else this.#delayed.add(route.delay!, message)
  }

  #oneByOne(route: CompiledRoute, run: PublishRun, from: Session): void {
    for (const message of run.messages()) {
      for (const target of route.targets) {
        if (target.noLocal && target.recipient === from) continue
        if (this.#takes(target, message)) target.recipient.accept(message, target)
      }
    }
  }

  /** QoS 0 is refused by nobody but those who cannot take it; the loss is theirs alone, and counted. */
  #takes(target: Target, message: Message): boolean {
    const { recipient } = target
    if (recipient.wouldReject(message.size)) recipient.drop('queue-full', 1)
    else if (this.#store.condition !== 'ok' && recipient.needsDisk(effectiveQos(message.qos, target)))
      recipient.drop('store-unavailable', 1)
    else return true
    return false
  }

  /** Whether a publish fails as a whole: some queue refuses, or it needs a disk that takes nothing. */
  #refuses(route: CompiledRoute, message: Message, from: Session): boolean {
    if (this.#store.condition !== 'ok' && this.#needsDisk(route, message, from)) return true
    if (route.delay !== undefined && !this.#delayed.takes(route.delay, message)) return true
    if (!route.mayReject) return false
    return route.targets.some(target => target.recipient.wouldReject(message.size))
  }

  #needsDisk(route: CompiledRoute, message: Message, from: Session): boolean {
    if (message.retain || route.delay !== undefined || (message.qos === 2 && from.durable)) return true
    return route.durable && route.targets.some(target => target.recipient.needsDisk(effectiveQos(message.qos, target)))
  }

  #rememberInbound(from: Session, packetId: number): void {
    from.inbound ??= new Map()
    this.#sessions.rememberInbound(from, packetId)
  }
}
