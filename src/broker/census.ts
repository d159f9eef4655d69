/** What there is to tell about the broker: clients, sums, counters. */
import type { BrokerCounters, BrokerStatus, ClientInfo, SubscriptionInfo } from './ports.ts'
import type { Session } from './session.ts'
import type { SessionTable } from './session-table.ts'
import type { Store } from './store-port.ts'
import type { SubscriptionIndex } from './subscription-index.ts'

export function newCounters(): BrokerCounters {
  return {
    received: [0, 0, 0],
    sent: [0, 0, 0],
    unrouted: 0,
    refused: 0,
    dropped: {
      'queue-full': 0,
      expired: 0,
      'too-old': 0,
      'too-large': 0,
      'refused-by-recipient': 0,
      'not-authorized': 0,
      'store-unavailable': 0,
      'no-session': 0,
      congested: 0,
      'dead-letter': 0,
      purged: 0,
      'not-retained': 0,
      damaged: 0,
    },
  }
}

export function clientInfo(session: Session): ClientInfo {
  return {
    clientId: session.id,
    connected: session.attached,
    state: session.attached ? session.state : undefined,
    protocol: session.protocol,
    listener: session.listener,
    peer: session.peer,
    username: session.identity.username,
    connectedAtMs: session.connectedAtMs,
    keepAliveSeconds: session.keepAliveSeconds,
    durable: session.durable,
    sessionExpiryMs: session.expiryMs,
    subscriptions: session.subscriptions?.size ?? 0,
    queued: session.queued,
    queuedBytes: session.queuedBytes,
    inFlight: session.queue.inFlight,
    dropped: session.dropped,
    messagesIn: session.messagesIn,
    messagesOut: session.messagesOut,
  }
}

export function subscriptionsOf(sessions: SessionTable): SubscriptionInfo[] {
  const all: SubscriptionInfo[] = []
  for (const { id, subscriptions } of sessions.all())
    for (const { filter, qos } of subscriptions?.values() ?? []) all.push({ clientId: id, filter, qos })
  return all
}

export function statusOf(
  store: Store,
  reason: string,
  sessions: SessionTable,
  index: SubscriptionIndex,
  retained: number,
  counters: BrokerCounters,
): BrokerStatus {
  let clients = 0
  let subscriptions = 0
  let queued = 0
  let queuedBytes = 0
  for (const session of sessions.all()) {
    if (session.attached) clients++
    queued += session.queued
    queuedBytes += session.queuedBytes
    subscriptions += session.subscriptions?.size ?? 0
  }
  for (const group of index.groups()) {
    // What is lent to a member counts there.
    queued += group.waiting
    queuedBytes += group.queue.bytes
  }
  const { condition, usedBytes, uncommittedBytes } = store
  return {
    clients,
    sessions: sessions.count,
    subscriptions,
    retained,
    queued,
    queuedBytes,
    store: { condition, reason, usedBytes, uncommittedBytes, counters: { ...store.counters } },
    counters: {
      ...counters,
      received: [...counters.received],
      sent: [...counters.sent],
      dropped: { ...counters.dropped },
    },
  }
}
