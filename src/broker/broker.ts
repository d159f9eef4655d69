/** The broker: puts its rooms together and is what adapters, bridges and the admin interface talk to. */
import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import type { Access, AccessHost, AuthenticationExchange, Credentials, ExpelReason, Identity } from './access-port.ts'
import type { AttachedClient, ClientHost } from './attached-client.ts'
import { Attachments } from './attachments.ts'
import { clientInfo, newCounters, statusOf, subscriptionsOf } from './census.ts'
import { Commits } from './commits.ts'
import { DELAYED_TERMS, DelayedMessages, type DelayedTerms } from './delayed.ts'
import { Distribution } from './distribution.ts'
import type { Endings } from './endings.ts'
import type { Message, Qos } from './message.ts'
import { mayCome, mayPublishWill, NOT_AUTHORIZED, publishRefusal } from './permission.ts'
import type {
  Attachment,
  AttachRequest,
  Broker,
  BrokerStatus,
  Client,
  ClientInfo,
  ClientWatcher,
  CommitWaiter,
  DropReason,
  GroupInfo,
  PressureListener,
  PublishRun,
  Records,
  Route,
  SubscribeRequest,
  SubscriptionInfo,
  TopicRewriter,
  Will,
} from './ports.ts'
import { Presence } from './presence.ts'
import { QueueNumbers } from './queue-numbers.ts'
import { RecordTable } from './record-table.ts'
import { RetainedMessages } from './retained.ts'
import { RetainedReadings } from './retained-reading.ts'
import { RETAINED_TERMS, type RetainedTerms, Retention } from './retention.ts'
import { type CompiledRoute, RouteTable } from './route-table.ts'
import { RunningClock } from './running-clock.ts'
import type { Session, SessionHost } from './session.ts'
import { SessionTable } from './session-table.ts'
import { SHARED_TERMS, type SharedTerms } from './sharing.ts'
import type { Position, Store, StoreCondition, StoredState, StoreFault } from './store-port.ts'
import type { Placed } from './subscription.ts'
import { SubscriptionIndex } from './subscription-index.ts'
import { Subscriptions } from './subscriptions.ts'
import { TopicRewriting } from './topic-rewriting.ts'
import { TopicTree } from './topic-tree.ts'
import { Upkeep } from './upkeep.ts'
import { Wills } from './wills.ts'

export interface BrokerOptions {
  store: Store
  access: Access
  clock: Clock
  logger: Logger
  /** What the store does when its byte budget or the disk is spent. */
  storeWhenFull?: 'reject' | 'drop-oldest'
  /** What holds for a shared group, by its name. */
  sharedTerms?: (group: string) => SharedTerms
  retained?: RetainedTerms
  delayed?: DelayedTerms
  rewriter?: TopicRewriter | undefined
  /** What each client is subscribed to as it connects. */
  autoSubscriptions?: ((identity: Identity, protocol: string) => readonly SubscribeRequest[]) | undefined
}

/** Creates the broker and loads its state. The returned broker takes clients at once. */
export async function createBroker(options: BrokerOptions): Promise<GatewayBroker> {
  const state = await options.store.load()
  return new GatewayBroker(options, state)
}

export class GatewayBroker implements Broker, AccessHost, SessionHost, ClientHost {
  readonly store: Store
  readonly access: Access
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #running: RunningClock
  readonly #tree = new TopicTree<Placed>()
  readonly #routes: RouteTable
  readonly #retained = new RetainedMessages()
  readonly #retention: Retention
  readonly #readings: RetainedReadings
  readonly #index: SubscriptionIndex
  readonly #sessions: SessionTable
  readonly #subscriptions: Subscriptions
  readonly #records: RecordTable
  readonly #commits: Commits
  readonly #wills: Wills
  readonly #delayed: DelayedMessages
  readonly #distribution: Distribution
  readonly #counters = newCounters()
  /** Database files that were found damaged at the start. */
  readonly faults: readonly StoreFault[]
  #conditionReason = ''
  readonly rewriting: TopicRewriting | undefined
  readonly #presence = new Presence()
  readonly #attachments: Attachments
  readonly #upkeep: Upkeep

  constructor(options: BrokerOptions, state: StoredState) {
    this.store = options.store
    this.access = options.access
    this.#routes = new RouteTable(this.#tree, this.access)
    this.#clock = options.clock
    this.#logger = options.logger
    this.#running = new RunningClock(options.clock)
    this.#running.resume(state.clock)
    this.faults = state.faults
    this.#commits = new Commits(this.store)
    const { rewriter } = options
    this.rewriting = rewriter && new TopicRewriting(rewriter, topic => this.route(topic) as CompiledRoute | undefined)
    const terms = options.retained ?? RETAINED_TERMS
    this.#retention = new Retention(this.store, this.#running, this.#retained, terms, this.#counters, options.logger)
    this.#readings = new RetainedReadings(this.store, this.#retained, options.clock, this.#running, terms.readPerSecond, this.access)
    const numbers = new QueueNumbers()
    this.#index = new SubscriptionIndex(this, this.#tree, numbers, options.sharedTerms ?? (() => SHARED_TERMS))
    this.#sessions = new SessionTable(this, this.#index, numbers)
    this.#subscriptions = new Subscriptions(this.#sessions, this.#index, this.#readings, this.access)
    const later = options.delayed ?? DELAYED_TERMS
    this.#delayed = new DelayedMessages(options.clock, this.#running, this.store, later, message =>
      this.#distribution.forward(this.route(message.topic) as CompiledRoute, message, undefined),
    )
    this.#distribution = new Distribution(this.store, this.#running, this.#retention, this.#sessions, this.#counters, this.#delayed)
    this.#wills = new Wills(options.clock, this.store, (clientId, will) => this.#publishWill(clientId, will))
    this.#retention.restore(state.retained)
    this.#sessions.restore(state)
    this.#readings.restore(this.#sessions.all(), state)
    this.#wills.restore(state.records.get('will'))
    this.#delayed.restore(state.records.get('delayed'))
    this.#records = new RecordTable(this.store, state.records)
    this.store.onCommitted = position => this.#commits.advance(position)
    this.store.onDamaged = (queue, entries, bytes) => this.#sessions.damaged(queue, entries, bytes)
    this.store.onCondition = (condition, reason) => this.#storeCondition(condition, reason)
    this.#attachments = new Attachments({
      store: this.store,
      access: this.access,
      clock: options.clock,
      host: this,
      sessions: this.#sessions,
      subscriptions: this.#subscriptions,
      readings: this.#readings,
      wills: this.#wills,
      presence: this.#presence,
      routesChanged: () => this.#tree.epoch++,
      conditionReason: () => this.#conditionReason,
      autoSubscriptions: options.autoSubscriptions,
    })
    const relief = options.storeWhenFull === 'drop-oldest'
    this.#upkeep = new Upkeep(options.clock, this.#running, this.store, this.#sessions, this.#index, this.#retention, relief, session =>
      this.#attachments.endSession(session),
    )
    this.#upkeep.start()
  }

  admit(credentials: Credentials): Identity | Promise<Identity> {
    mayCome(credentials, this.#attachments.stopping)
    return this.access.authenticate(credentials)
  }

  exchange(method: string, credentials: Credentials): AuthenticationExchange | undefined {
    mayCome(credentials, this.#attachments.stopping)
    return this.access.exchange?.(method, credentials)
  }

  internalIdentity(clientId: string, protocol: string, exempt: boolean): Identity {
    return { clientId, protocol, username: undefined, address: undefined, anonymous: false, internal: exempt }
  }

  attach(request: AttachRequest): Attachment {
    return this.#attachments.attach(request)
  }

  routeOf(bytes: Uint8Array, start: number, end: number): Route | undefined {
    return this.#routes.find(bytes, start, end)
  }

  route(topic: string): Route | undefined {
    const bytes = Buffer.from(topic)
    return this.#routes.find(bytes, 0, bytes.length)
  }

  get committed(): Position {
    return this.store.committed
  }

  awaitCommit(waiter: CommitWaiter): void {
    this.#commits.await(waiter)
  }

  whenCommitted(position: Position): Promise<void> {
    return this.#commits.when(position)
  }

  async publishDurably(client: Client, message: Message): Promise<void> {
    const route = this.route(message.topic)
    if (route === undefined) throw new GatewayError('topic-invalid', `"${message.topic}" is not a valid topic name`, { reason: 0x90 })
    const outcome = client.publish(route, message)
    if (outcome < 0) throw publishRefusal(-outcome, message, this.store.condition, this.#conditionReason)
    await this.whenCommitted(outcome)
  }

  watchClients(watcher: ClientWatcher): void {
    this.#presence.watch(watcher)
  }

  isHeard(topic: string): boolean {
    return this.#tree.match(topic).length > 0
  }

  announce(message: Message): void {
    this.#distribution.announce(this.#routes.passing(message.topic), message)
  }

  get congested(): boolean {
    return this.#commits.congested
  }

  addPressureListener(listener: PressureListener): void {
    this.#commits.listen(listener)
  }

  removePressureListener(listener: PressureListener): void {
    this.#commits.unlisten(listener)
  }

  retained(topic: string): Message | undefined {
    const message = this.#retained.get(topic)
    return message !== undefined && this.#expired(message) ? undefined : message
  }

  retainedMatching(filter: string, max: number): Message[] {
    return this.#retained.matching(filter, max).filter(message => !this.#expired(message))
  }

  records(owner: string): Records {
    return this.#records.of(owner)
  }

  runningMs(): number {
    return this.#running.now()
  }

  random(): number {
    return this.#clock.random()
  }

  timeOf(message: Message): { timeMs: number; quality: Message['timeQuality'] } {
    return this.#running.timeOf(message)
  }

  clients(): ClientInfo[] {
    return Array.from(this.#sessions.all(), session => ({ ...clientInfo(session), ended: this.#attachments.endings.ofClient(session.id) }))
  }

  ended(listener: string): Endings {
    return this.#attachments.endings.ofListener(listener)
  }

  subscriptions(): SubscriptionInfo[] {
    return subscriptionsOf(this.#sessions)
  }

  groups(): GroupInfo[] {
    return Array.from(this.#index.groups(), group => group.info())
  }

  status(): BrokerStatus {
    return statusOf(this.store, this.#conditionReason, this.#sessions, this.#index, this.#retention.count, this.#counters)
  }

  kick(clientId: string, endSession = false, reason: ExpelReason = 'kicked'): boolean {
    return this.#attachments.kick(clientId, endSession, reason)
  }

  reviewSubscriptions(): number {
    return this.#subscriptions.reviewAll()
  }

  expel(reason: ExpelReason, isMeant: (identity: Identity) => boolean): number {
    return this.#attachments.expel(reason, isMeant)
  }

  /** From now on nobody is admitted, and who leaves does so because the gateway stops: wills stay in the store. */
  prepareStop(): void {
    this.#attachments.stopping = true
    this.#upkeep.stop()
    this.#wills.stop()
    this.#delayed.stop()
  }

  /** Ends every attachment; sessions and wills stay in the store. Afterwards nobody is admitted. */
  stop(): void {
    this.prepareStop()
    this.#attachments.stop()
  }

  /** The store is closed: whoever still waits is told that nothing will come. */
  abandon(): void {
    this.#commits.abandon()
  }

  // What sessions and attached clients ask of the broker.

  current(route: CompiledRoute): CompiledRoute {
    return route.epoch === this.#tree.epoch ? route : this.#routes.compile(route)
  }

  distribute(route: CompiledRoute, message: Message, from: Session, packetId: number): number {
    const position = this.#distribution.message(route, message, from, packetId)
    this.#commits.check()
    return position
  }

  distributeRun(route: CompiledRoute, run: PublishRun, from: Session): void {
    this.#distribution.run(route, run, from)
    this.#commits.check()
  }

  releaseInbound(session: Session, packetId: number): number {
    if (!session.inbound?.delete(packetId)) return -0x92
    return this.#sessions.forgetInbound(session, packetId)
  }

  forgetInbound(session: Session): number {
    return this.#sessions.forgetAllInbound(session)
  }

  subscribe(session: Session, requests: readonly SubscribeRequest[]): { codes: number[]; position: Position } {
    const wanted = this.#rewritten(session)?.requests(requests, session.identity) ?? requests
    const outcome = this.#subscriptions.add(session, wanted)
    this.#presence.subscribed(session, wanted, outcome.codes)
    return outcome
  }

  unsubscribe(session: Session, filters: readonly string[]): { codes: number[]; position: Position } {
    const meant = this.#rewritten(session)?.filters(filters, session.identity) ?? filters
    const outcome = this.#subscriptions.remove(session, meant)
    this.#presence.unsubscribed(session, meant, outcome.codes)
    return outcome
  }

  detach(client: AttachedClient, normal: boolean, sessionExpiryMs: number | undefined, reason: string): void {
    this.#attachments.detach(client, normal, sessionExpiryMs, reason)
  }

  setWill(client: AttachedClient, will: Will | undefined): number {
    return this.#attachments.setWill(client, will)
  }

  countDrop(reason: DropReason, messages: number): void {
    this.#counters.dropped[reason] += messages
  }

  countSent(qos: Qos, messages: number): void {
    this.#counters.sent[qos] += messages
  }

  countRefused(reasonCode: number): void {
    this.#counters.refused++
    if (reasonCode === NOT_AUTHORIZED) this.#counters.dropped['not-authorized']++
  }

  denied(client: AttachedClient): void {
    this.#attachments.denied(client)
  }

  /** The gateway's own parts say what they mean. */
  #rewritten(session: Session): TopicRewriting | undefined {
    return session.id.startsWith('$') ? undefined : this.rewriting
  }

  #publishWill(clientId: string, will: Will): void {
    const { message, expiryMs } = will
    const route = this.route(message.topic) as CompiledRoute | undefined
    if (route === undefined) return
    if (will.identity !== undefined && !mayPublishWill(this.access, will.identity, will)) return this.countRefused(NOT_AUTHORIZED)
    message.publisher = clientId
    if (expiryMs !== undefined) message.expiresAtMs = this.#running.now() + expiryMs
    this.#distribution.deliver(route, message, undefined)
  }

  #expired(message: Message): boolean {
    return message.expiresAtMs !== 0 && message.expiresAtMs <= this.#running.now()
  }

  #storeCondition(condition: StoreCondition, reason: string): void {
    this.#conditionReason = condition === 'ok' ? '' : reason
    if (condition === 'ok') this.#logger.info('the store takes writes again')
    else this.#logger.error('the store refuses what needs the disk until this is mended', { condition, reason })
    if (condition !== 'ok') this.#commits.storeFailed()
  }
}
