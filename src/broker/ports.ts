/**
 * The broker as adapters, bridges, rules and the admin interface see it. It knows no protocol: MQTT is an
 * adapter like the others. The vocabulary is MQTT's, because that is what the others are translated into.
 *
 * The way of a client: `admit` (who is it) → `attach` (its session) → `resume` (deliveries begin) → publish,
 * subscribe, acknowledge → `detach`. The way of a message in: `route` → `publish` → acknowledge to the device
 * once `committed` has reached the position that publish returned.
 */
import type { RateLimits } from '#base/publish-rate.ts'
import type { AuthenticationExchange, Credentials, Identity } from './access-port.ts'
import type { Entry, Message, Qos } from './message.ts'
import type { BrokerStatus, ClientInfo, DropReason, GroupInfo, SubscriptionInfo } from './status-port.ts'
import type { Position } from './store-port.ts'

export type {
  Access,
  AccessHost,
  AuthenticationExchange,
  ClientCertificate,
  Credentials,
  ExchangeStep,
  ExpelReason,
  Identity,
  ScramKeys,
} from './access-port.ts'
export { CommitQueue } from './commit-queue.ts'
export type { DelayedTerms } from './delayed.ts'
export { Entry, type EntryState, Message, type MessageInit, type MessageProperties, type Qos, type TimeQuality } from './message.ts'
export type { RetainedTerms } from './retention.ts'
export { SHARED_STRATEGIES, type SharedStrategy, type SharedTerms } from './sharing.ts'
export type { BrokerCounters, BrokerStatus, ClientInfo, DropReason, GroupInfo, SubscriptionInfo } from './status-port.ts'
export type { Position, Store, StoreCondition, StoreCounters, StoredQueue, StoredState, StoreFault } from './store-port.ts'

/**
 * A topic and who gets what is published on it: the outcome of a look-up that is worth keeping. Valid until it
 * is given back to `publish`, which refreshes it when subscriptions have changed meanwhile.
 */
export interface Route {
  readonly topic: string
  readonly topicBytes: Uint8Array
  /** Nobody subscribes to it (`MQTT 5` reason 0x10). Retained messages are kept all the same. */
  readonly empty: boolean
  /** The topic holds neither control characters nor non-characters. */
  readonly plain: boolean
}

/**
 * Consecutive QoS 0 publishes without RETAIN on one route, still in the bytes they came in. A recipient that speaks the
 * same format copies them as they are; for others they are taken apart.
 */
export interface PublishRun {
  /** Names the exact wire format; runs of equal format can be passed on unchanged. */
  readonly format: string
  /** Valid only during the call: copy what is to be kept. */
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly count: number
  /** The messages one by one, made at the first call, with payloads of their own. */
  messages(): Message[]
}

/** Why the broker ends a client's connection. */
export type CloseReason = 'taken-over' | 'kicked' | 'banned' | 'shutting-down' | 'session-ended' | 'quota-exceeded' | 'not-authorized'

/** The adapter's side of an attached client: where deliveries go. Calls come synchronously and must not throw. */
export interface Sink {
  /**
   * The device does not take more at the moment (its socket's buffer is long). Deliveries then wait in the
   * queue until the adapter calls `Client.wake`. Read before each delivery.
   */
  readonly congested: boolean
  /** Sends a QoS 0 message. */
  send(message: Message, retain: boolean, identifiers: readonly number[] | undefined): void
  /** Sends a run of QoS 0 messages as it is; false: not my format, or not possible now: they come by `send` instead. */
  sendRun(run: PublishRun): boolean
  /** Sends a QoS 1 or 2 entry with `entry.packetId`, and DUP if `entry.dup`. The device's answer goes to `Client.acknowledge` and friends. */
  deliver(entry: Entry): void
  /** A page of the queue has come from disk, and what of it could be delivered was: the rest may be gone as expired. */
  paged?(): void
  /** Sends PUBREL for a packet id: its PUBREC is on disk. */
  release(packetId: number): void
  /** The broker has ended the attachment: tell the device (if the protocol can) and close. Nothing else is called afterwards. */
  close(reason: CloseReason): void
}

/** What a full queue does: drops its oldest or the newcomer, or makes the publish fail. */
export type WhenFull = 'drop-oldest' | 'drop-newest' | 'reject'

export interface QueueLimits {
  /** Entries at most, those in flight included. */
  messagesMax: number
  bytesMax: number
  /** Age at most, in ms of running time; 0: any. */
  ageMaxMs: number
  whenFull: WhenFull
  /** Whether QoS 0 messages are kept while the client is away. */
  qos0: boolean
  /** What goes first where not all can go at once: the rank of the first filter that the topic matches, else 0; 0–7, highest first. */
  priorities?: readonly { filter: string; rank: number }[]
  /** `live-first`: what arrives while the client is here goes before what waited for it. Default: `fifo`. */
  order?: 'fifo' | 'live-first'
}

/** Limits of one client, from its listener's zone. */
export interface ClientLimits {
  queue: QueueLimits
  /** Entries in flight to the client at most (its Receive Maximum and ours, whichever is lower): 1–65535. */
  inFlightMax: number
  /** Levels of a topic or filter at most. */
  topicLevelsMax: number
  /** How fast it may publish; its adapter keeps it. Undefined: no limit. */
  rate?: RateLimits
}

export interface Will {
  message: Message
  delayMs: number
  /** Message expiry, ms from its publication on; undefined: never. */
  expiryMs?: number
  /** Whose it is; the broker enters it, and asks again whether it is allowed when it is published. */
  identity?: Identity
}

export interface AttachRequest {
  /** From `admit`; its clientId is the session's name. */
  identity: Identity
  sink: Sink
  /** Protocol and version for people: `mqtt 5`, `coap`. */
  protocol: string
  /** Name of the listener, adapter or bridge by which it came. */
  listener: string
  /** Address and port for people, or undefined. */
  peer: string | undefined
  /** Forget an earlier session of this name. */
  cleanStart: boolean
  /** How long the session outlives its connection, ms of running time: 0: not at all; Infinity: for ever. */
  sessionExpiryMs: number
  limits: ClientLimits
  will?: Will | undefined
  keepAliveSeconds?: number
  /** `merge`: a message that matches several subscriptions arrives once (MQTT); `each`: once per subscription, one identifier each. */
  overlap?: 'merge' | 'each'
  /** The device notices when it is closed: a publish that is not allowed may end its connection (`access.deny_action`). */
  closable?: boolean
}

export interface SubscribeRequest {
  filter: string
  qos: Qos
  noLocal?: boolean
  retainAsPublished?: boolean
  /** 0: send retained messages; 1: only if the subscription is new; 2: do not (`MQTT 5 §3.8.3.1`). */
  retainHandling?: 0 | 1 | 2
  identifier?: number | undefined
  /** Deliver at this QoS at least, even what was published lower: a bridge spools QoS 0 messages and sends them at QoS 1. */
  qosAtLeast?: Qos
}

/** The outcome of `attach`. */
export interface Attachment {
  client: Client
  sessionPresent: boolean
  /** What the CONNACK says is durable once this is committed. */
  position: Position
}

/** An attached client. Every method throws nothing for bad input from a device: it returns reason codes (`MQTT 5 §2.4`). */
export interface Client {
  readonly id: string
  readonly identity: Identity
  /** False after `detach`, a take-over or a kick. */
  readonly attached: boolean

  /**
   * Publishes a message on a route. Returns the position after whose commit it may be acknowledged (0: at once), or
   * minus a reason code if it was refused: −0x87 not authorized, −0x8E no longer attached, −0x90 topic not allowed,
   * −0x97 quota exceeded (queue full with `reject`, store full). With `packetId` a QoS 2 publish is exactly once: the
   * id is remembered with the message's entries, and a publish whose id is known is not routed again.
   */
  publish(route: Route, message: Message, packetId?: number): number
  /** Publishes a run; QoS 0, so nothing comes back (refused messages are counted). */
  publishRun(route: Route, run: PublishRun): void
  /** The device has sent PUBREL: forgets the id. Returns the position to wait for before PUBCOMP, or −0x92 for an unknown id. */
  release(packetId: number): number
  /** The device has forgotten its session, and begins its packet ids anew: forgets all ids that were not released. Returns the position. */
  forgetInbound(): number

  /**
   * Subscribes. Codes are the granted QoS or a refusal ≥ 0x80. Retained messages are queued at once; deliveries
   * made meanwhile stay behind the SUBACK if the adapter calls `hold` before and `resume` after sending it.
   */
  subscribe(requests: readonly SubscribeRequest[]): { codes: number[]; position: Position }
  /** Codes: 0x00, or 0x11 no subscription existed. */
  unsubscribe(filters: readonly string[]): { codes: number[]; position: Position }

  /** PUBACK: the device has the QoS 1 entry. False: no such entry in flight. */
  acknowledge(packetId: number): boolean
  /** PUBREC: `Sink.release` follows once that is on disk. False: no such entry in flight. */
  received(packetId: number): boolean
  /** What is in flight under a packet id waits for this answer of the device; undefined: nothing is. */
  awaited(packetId: number): 'puback' | 'pubrec' | 'pubcomp' | undefined
  /** PUBCOMP. False: no such entry in flight. */
  complete(packetId: number): boolean
  /** The device refused an entry (PUBREC with a code ≥ 0x80) or it cannot be sent (too large): it leaves the queue, counted under `reason`. */
  discard(packetId: number, reason: DropReason): boolean

  /** Deliveries wait (counted: each `hold` wants its `resume`). A new attachment is held once. */
  hold(): void
  resume(): void
  /** A QoS 0 message did not fit what the device takes: counted under `reason`. */
  lost(reason: DropReason): void
  /**
   * The device sleeps: nothing is delivered until `unpark`, what is in flight counts as undelivered again, and all that
   * comes, QoS 0 too, waits as for a client that is away (on disk, if the session is durable).
   */
  park(): void
  unpark(): void
  /** Replaces the will that goes out when the client is lost. Returns as `publish` does. */
  setWill(will: Will | undefined): number
  /** What the adapter's protocol calls the client's state, for people: `asleep`. */
  setState(state: string | undefined): void
  /** Room again: deliveries that waited for `Sink.congested` go on. */
  wake(): void
  /** Entries waiting or in flight. */
  readonly queued: number
  /** Changes the in-flight window of an attached client, say to an upstream's Receive Maximum. */
  setInFlightMax(entries: number): void

  /**
   * Ends the attachment. `normal` false: the will goes out. `sessionExpiryMs` replaces the one given at attach.
   * `reason`: why, for people, in words with hyphens (`keep-alive-timeout`). Safe to call twice.
   */
  detach(normal: boolean, sessionExpiryMs?: number, reason?: string): void
}

/** Somebody who waits for commits. */
export interface CommitWaiter {
  /** Called once per `awaitCommit`, at the next advance of `committed`. */
  committed(position: Position): void
}

/** Somebody who slows down while too much is uncommitted. */
export interface PressureListener {
  /** True: stop reading; false: go on. */
  pressure(high: boolean): void
}

/** What an adapter or bridge must find again after a restart: records by key, in the same numbered stream as messages. */
export interface Records {
  get(key: string): Uint8Array | undefined
  entries(): IterableIterator<[string, Uint8Array]>
  put(key: string, value: Uint8Array): Position
  delete(key: string): Position
  clear(): Position
}

/** Somebody who watches clients come and go. Calls come synchronously and must not throw. */
export interface ClientWatcher {
  connected(client: ClientInfo, cleanStart: boolean): void
  disconnected(client: ClientInfo, reason: string): void
  subscribed(client: ClientInfo, filter: string, qos: number): void
  unsubscribed(client: ClientInfo, filter: string): void
}

/** Rules by which clients' topics and filters become others. Pure. */
export interface TopicRewriter {
  /** Some rule is about publishes. */
  readonly publishes: boolean
  /** What is published on is rewritten by who it is: the outcome cannot be kept with the topic. */
  readonly dependsOnClient: boolean
  /** May return what is no valid topic; then the client's own stays. */
  topic(topic: string, who: Identity): string
  filter(filter: string, who: Identity): string
}

export interface Broker {
  /**
   * Who is it? Asks access.
   * @throws GatewayError `bad-credentials`, `not-authorized`, `identifier-rejected`, `server-busy`
   */
  admit(credentials: Credentials): Identity | Promise<Identity>
  /**
   * Begins an enhanced authentication (`MQTT 5 §4.12`); its last step has the identity. Undefined: nobody offers the method.
   * @throws GatewayError `identifier-rejected`, `server-busy`
   */
  exchange(method: string, credentials: Credentials): AuthenticationExchange | undefined
  /** The identity of a part of the gateway itself (`$bridge:…`, `$serial:…`); serial devices are subject to the rules, bridges are not. */
  internalIdentity(clientId: string, protocol: string, exempt: boolean): Identity
  /** Binds an identity to its session, taking it over from an earlier connection. The client is held until `resume`. */
  attach(request: AttachRequest): Attachment

  /** The route of a topic given as UTF-8 bytes in [start, end). Undefined: not a valid topic name. */
  routeOf(bytes: Uint8Array, start: number, end: number): Route | undefined
  /** The same for a string. */
  route(topic: string): Route | undefined

  /** All operations up to this position are durable. */
  readonly committed: Position
  awaitCommit(waiter: CommitWaiter): void
  /** Resolves once `position` is durable. Rejects with `server-busy` when the broker stops first. */
  whenCommitted(position: Position): Promise<void>
  /**
   * `publish` and `whenCommitted` in one, for adapters that are not made of hot paths.
   * @throws GatewayError `topic-invalid`, `not-authorized`, `quota-exceeded`, `store-full`, `store-failed`, `server-busy`; `reason` is the code
   */
  publishDurably(client: Client, message: Message): Promise<void>

  watchClients(watcher: ClientWatcher): void
  /** Whether anybody subscribes to a topic. */
  isHeard(topic: string): boolean
  /** Publishes what the gateway tells about itself, QoS 0: not counted, and retained in memory alone. */
  announce(message: Message): void

  /** Too many bytes are uncommitted: sockets of publishers are not read, CoAP answers 5.03, MQTT-SN "congestion". */
  readonly congested: boolean
  addPressureListener(listener: PressureListener): void
  removePressureListener(listener: PressureListener): void

  /** The retained message of a topic. */
  retained(topic: string): Message | undefined
  /** Retained messages that match a filter, at most `max`. */
  retainedMatching(filter: string, max: number): Message[]

  records(owner: string): Records

  /** Running time in ms: monotonic, goes on over restarts (and over the time between where the clock was believed on both sides). */
  runningMs(): number
  /** Stamps a message with the time of now, or re-stamps one that was taken before the clock was set. */
  timeOf(message: Message): { timeMs: number; quality: Message['timeQuality'] }

  clients(): ClientInfo[]
  /** Why clients of a listener were detached, counted by reason since the start. */
  ended(listener: string): Readonly<Record<string, number>>
  subscriptions(): SubscriptionInfo[]
  /** Shared groups. */
  groups(): GroupInfo[]
  status(): BrokerStatus
  /** Ends a client's connection, and its session too if asked. False: no such client. */
  kick(clientId: string, endSession?: boolean): boolean
}
