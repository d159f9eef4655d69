/** SUBSCRIBE and UNSUBSCRIBE: rules, access, the tree, and the retained messages that a new subscription gets. */
import type { Access, Identity } from './access-port.ts'
import type { Qos } from './message.ts'
import type { SubscribeRequest } from './ports.ts'
import type { RetainedReadings } from './retained-reading.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'
import type { Position } from './store-port.ts'
import { type FilterForm, formOf, type Subscription } from './subscription.ts'
import type { SubscriptionIndex } from './subscription-index.ts'
import { isTopicFilter, levelCount } from './topic.ts'

/** Reason codes (`MQTT 5 §3.9.3`, `§3.11.3`). */
const NOT_AUTHORIZED = 0x87
const TOPIC_FILTER_INVALID = 0x8f
const QUOTA_EXCEEDED = 0x97
const NO_SUBSCRIPTION_EXISTED = 0x11

export class Subscriptions {
  readonly #sessions: SessionTable
  readonly #index: SubscriptionIndex
  readonly #readings: RetainedReadings
  readonly #access: Access

  constructor(sessions: SessionTable, index: SubscriptionIndex, readings: RetainedReadings, access: Access) {
    this.#sessions = sessions
    this.#index = index
    this.#readings = readings
    this.#access = access
  }

  add(session: Session, requests: readonly SubscribeRequest[]): { codes: number[]; position: Position } {
    let position = 0
    const codes = requests.map(request => {
      const form = formOf(request.filter)
      const refusal = this.#refusal(session, request, form)
      if (refusal !== 0) return refusal
      const isNew = !session.subscriptions?.has(request.filter)
      const subscription = subscriptionOf(session, request)
      position = Math.max(position, this.#sessions.subscribe(subscription))
      // None for a shared subscription (`MQTT 5 §4.8.2`).
      if (form!.kind !== 'shared' && retainedWanted(subscription, isNew)) this.#readings.start(subscription, form!.filter)
      return subscription.qos
    })
    return { codes, position }
  }

  remove(session: Session, filters: readonly string[]): { codes: number[]; position: Position } {
    let position = 0
    const codes = filters.map(filter => {
      const outcome = this.#sessions.unsubscribe(session, filter)
      if (outcome === undefined) return NO_SUBSCRIPTION_EXISTED
      this.#readings.cancel(session, filter)
      position = Math.max(position, outcome)
      return 0
    })
    return { codes, position }
  }

  /** The rules have changed: removes what is no longer allowed, and makes the routes stale. Returns how many were removed. */
  reviewAll(): number {
    let removed = 0
    for (const session of this.#sessions.all()) removed += this.review(session)
    this.#index.rulesChanged()
    return removed
  }

  /** Removes what the session's client may no longer subscribe to; what is queued stays. Returns how many. */
  review(session: Session): number {
    const { identity, subscriptions } = session
    if (subscriptions === undefined || identity.internal || this.#access.unrestricted(identity)) return 0
    const denied = [...subscriptions.values()].filter(({ filter, qos }) => !this.#access.maySubscribe(identity, filter, qos))
    for (const { filter } of denied) {
      this.#sessions.unsubscribe(session, filter)
      this.#readings.cancel(session, filter)
    }
    return denied.length
  }

  #refusal(session: Session, request: SubscribeRequest, form: FilterForm | undefined): number {
    if (form === undefined) return TOPIC_FILTER_INVALID
    const { filter, kind } = form
    if (!isTopicFilter(filter) || levelCount(filter) > session.limits.topicLevelsMax) return TOPIC_FILTER_INVALID
    if (!this.#maySubscribe(session.identity, request.filter, request.qos)) return NOT_AUTHORIZED
    return kind === 'exclusive' && this.#index.heldByOther(filter, session) ? QUOTA_EXCEEDED : 0
  }

  #maySubscribe(identity: Identity, filter: string, qos: Qos): boolean {
    return identity.internal || this.#access.unrestricted(identity) || this.#access.maySubscribe(identity, filter, qos)
  }
}

function retainedWanted({ retainHandling }: Subscription, isNew: boolean): boolean {
  return retainHandling === 0 || (retainHandling === 1 && isNew)
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
