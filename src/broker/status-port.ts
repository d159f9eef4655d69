/** What the broker tells of itself: clients, sums, and what was dropped why. */
import type { Qos } from './message.ts'
import type { StoreCondition, StoreCounters } from './store-port.ts'

/** Why an entry or a message was dropped; each is counted. */
export type DropReason =
  | 'queue-full'
  | 'expired'
  | 'too-old'
  | 'too-large'
  | 'refused-by-recipient'
  | 'not-authorized'
  | 'store-unavailable'
  | 'no-session'
  | 'congested'
  | 'dead-letter'
  | 'purged'
  | 'not-retained'
  | 'damaged'

export interface ClientInfo {
  clientId: string
  connected: boolean
  /** What its protocol calls its state, where that has more than connected and not. */
  state?: string | undefined
  protocol: string
  listener: string
  peer: string | undefined
  username: string | undefined
  connectedAtMs: number
  keepAliveSeconds: number
  durable: boolean
  sessionExpiryMs: number
  subscriptions: number
  queued: number
  queuedBytes: number
  inFlight: number
  dropped: number
  /** Why its connections ended since the start of the gateway; undefined: none has. */
  ended?: Readonly<Record<string, number>> | undefined
  messagesIn: number
  messagesOut: number
}

/** A shared group and its queue. */
export interface GroupInfo {
  /** As its members subscribe: `$share/GROUP/FILTER`. */
  name: string
  members: number
  /** Members whose clients are connected. */
  present: number
  durable: boolean
  queued: number
  queuedBytes: number
  inFlight: number
  dropped: number
}

export interface SubscriptionInfo {
  clientId: string
  filter: string
  qos: Qos
}

export interface BrokerCounters {
  /** Messages taken and delivered, by QoS. */
  received: [number, number, number]
  sent: [number, number, number]
  /** Messages for which nobody had a subscription. */
  unrouted: number
  refused: number
  dropped: Record<DropReason, number>
}

export interface BrokerStatus {
  clients: number
  sessions: number
  subscriptions: number
  retained: number
  queued: number
  queuedBytes: number
  store: { condition: StoreCondition; reason: string; usedBytes: number; uncommittedBytes: number; counters: StoreCounters }
  counters: BrokerCounters
}
