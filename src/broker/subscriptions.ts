/** SUBSCRIBE and UNSUBSCRIBE: rules, access, the tree, and the retained messages that a new subscription gets. */
import type { Access } from './access-port.ts'
import type { Qos } from './message.ts'
import type { SubscribeRequest } from './ports.ts'
import type { RetainedMessages } from './retained.ts'
import type { RunningClock } from './running-clock.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'
import type { Position } from './store-port.ts'
import { isTopicFilter, levelCount } from './topic.ts'
import type { Subscription } from './topic-tree.ts'

/** Reason codes (`MQTT 5 §3.9.3`, `§3.11.3`). */
const NOT_AUTHORIZED = 0x87
const TOPIC_FILTER_INVALID = 0x8f
const SHARED_NOT_SUPPORTED = 0x9e
const NO_SUBSCRIPTION_EXISTED = 0x11

export class Subscriptions {
  readonly #sessions: SessionTable
  readonly #retained: RetainedMessages
  readonly #access: Access
  readonly #clock: RunningClock

  constructor(sessions: SessionTable, retained: RetainedMessages, access: Access, clock: RunningClock) {
    this.#sessions = sessions
    this.#retained = retained
    this.#access = access
    this.#clock = clock
  }

  add(session: Session, requests: readonly SubscribeRequest[]): { codes: number[]; position: Position } {
    let position = 0
    const codes = requests.map(request => {
      const refusal = this.#refusal(session, request.filter)
      if (refusal !== 0) return refusal
      const isNew = !session.subscriptions?.has(request.filter)
      const subscription = subscriptionOf(session, request)
      position = Math.max(position, this.#sessions.subscribe(subscription))
      this.#sendRetained(subscription, isNew)
      return subscription.qos
    })
    return { codes, position }
  }

  remove(session: Session, filters: readonly string[]): { codes: number[]; position: Position } {
    let position = 0
    const codes = filters.map(filter => {
      const outcome = this.#sessions.unsubscribe(session, filter)
      if (outcome === undefined) return NO_SUBSCRIPTION_EXISTED
      position = Math.max(position, outcome)
      return 0
    })
    return { codes, position }
  }

  #refusal(session: Session, filter: string): number {
    if (!isTopicFilter(filter) || levelCount(filter) > session.limits.topicLevelsMax) return TOPIC_FILTER_INVALID
    if (filter.startsWith('$share/')) return SHARED_NOT_SUPPORTED
    return this.#access.maySubscribe(session.identity, filter) ? 0 : NOT_AUTHORIZED
  }

  #sendRetained(subscription: Subscription, isNew: boolean): void {
    const { session, filter, qos, qosAtLeast, retainHandling, noLocal, identifier } = subscription
    if (retainHandling === 2 || (retainHandling === 1 && !isNew)) return
    const now = this.#clock.now()
    const identifiers = identifier === undefined ? undefined : [identifier]
    for (const message of this.#retained.matching(filter)) {
      if (message.expiresAtMs !== 0 && message.expiresAtMs <= now) continue
      if (noLocal && message.publisher === session.id) continue
      const granted = Math.max(Math.min(message.qos, qos), qosAtLeast) as Qos
      session.enqueue(message, granted, true, identifiers)
    }
  }
}

function subscriptionOf(session: Session, request: SubscribeRequest): Subscription {
  return {
    session,
    filter: request.filter,
    qos: request.qos,
    qosAtLeast: request.qosAtLeast ?? 0,
    noLocal: request.noLocal ?? false,
    retainAsPublished: request.retainAsPublished ?? false,
    retainHandling: request.retainHandling ?? 0,
    identifier: request.identifier,
  }
}
