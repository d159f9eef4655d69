/** The broker: puts its rooms together and is what adapters, bridges and the admin interface talk to. */
import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import { SWEEP_INTERVAL_MS } from '#base/limits.ts'
import type { Logger } from '#base/logger.ts'
import type { Access, Credentials, Identity } from './access-port.ts'
import { AttachedClient, type ClientHost } from './attached-client.ts'
import { clientInfo, newCounters, statusOf } from './census.ts'
import { Commits } from './commits.ts'
import { Distribution } from './distribution.ts'
import type { Message, Qos } from './message.ts'
import type {
  Attachment,
  AttachRequest,
  Broker,
  BrokerStatus,
  Client,
  ClientInfo,
  CommitWaiter,
  DropReason,
  PressureListener,
  PublishRun,
  Records,
  Route,
  SubscribeRequest,
  SubscriptionInfo,
  Will,
} from './ports.ts'
import { RecordTable } from './record-table.ts'
import { RetainedMessages } from './retained.ts'
import { type CompiledRoute, RouteTable } from './route-table.ts'
import { RunningClock } from './running-clock.ts'
import type { Session, SessionHost } from './session.ts'
import { SessionTable } from './session-table.ts'
import type { Position, Store, StoreCondition, StoredState, StoreFault } from './store-port.ts'
import { Subscriptions } from './subscriptions.ts'
import { TopicTree } from './topic-tree.ts'
import { Wills } from './wills.ts'

export interface BrokerOptions {
  store: Store
  access: Access
  clock: Clock
  logger: Logger
  /** What the store does when its byte budget or the disk is spent. */
  storeWhenFull?: 'reject' | 'drop-oldest'
}

/** Creates the broker and loads its state. The returned broker takes clients at once. */
export async function createBroker(options: BrokerOptions): Promise<GatewayBroker> {
  const state = await options.store.load()
  return new GatewayBroker(options, state)
}

export class GatewayBroker implements Broker, SessionHost, ClientHost {
  readonly store: Store
  readonly access: Access
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #running: RunningClock
  readonly #tree = new TopicTree()
  readonly #routes = new RouteTable(this.#tree)
  readonly #retained = new RetainedMessages()
  readonly #sessions: SessionTable
  readonly #subscriptions: Subscriptions
  readonly #records: RecordTable
  readonly #commits: Commits
  readonly #wills: Wills
  readonly #distribution: Distribution
  readonly #clients = new Map<string, AttachedClient>()
  readonly #counters = newCounters()
  readonly #storeWhenFull: 'reject' | 'drop-oldest'
  /** Database files that were found damaged at the start. */
  readonly faults: readonly StoreFault[]
  #conditionReason = ''
  #sweepTimer: Timer | undefined
  #stopping = false

  constructor(options: BrokerOptions, state: StoredState) {
    this.store = options.store
    this.access = options.access
    this.#clock = options.clock
    this.#logger = options.logger
    this.#storeWhenFull = options.storeWhenFull ?? 'reject'
    this.#running = new RunningClock(options.clock)
    this.#running.resume(state.clock)
    this.faults = state.faults
    this.#commits = new Commits(this.store)
    this.#sessions = new SessionTable(this, this.#tree)
    this.#subscriptions = new Subscriptions(this.#sessions, this.#retained, this.access, this.#running)
    this.#distribution = new Distribution(this.store, this.#running, this.#retained, this.#sessions, this.#counters)
    this.#wills = new Wills(options.clock, this.store, (clientId, will) => this.#publishWill(clientId, will))
    for (const message of state.retained) this.#retained.set(message)
    this.#sessions.restore(state)
    this.#wills.restore(state.records.get('will'))
    this.#records = new RecordTable(this.store, state.records)
    this.store.onCommitted = position => this.#commits.advance(position)
    this.store.onCondition = (condition, reason) => this.#storeCondition(condition, reason)
    this.#scheduleSweep()
  }

  admit(credentials: Credentials): Identity | Promise<Identity> {
    if (this.#stopping) throw new GatewayError('server-busy', 'the gateway is stopping', { reason: 0x8b, retryable: true })
    if (credentials.clientId.startsWith('$')) {
      throw new GatewayError('identifier-rejected', 'client ids that begin with $ are the gateway’s own', { reason: 0x85 })
    }
    return this.access.authenticate(credentials)
  }

  internalIdentity(clientId: string, protocol: string, exempt: boolean): Identity {
    return { clientId, protocol, username: undefined, address: undefined, anonymous: false, internal: exempt }
  }

  attach(request: AttachRequest): Attachment {
    const durable = request.sessionExpiryMs > 0
    if (durable && this.store.condition !== 'ok' && !request.identity.internal) {
      throw new GatewayError('store-full', `a session that lasts needs the disk: ${this.#conditionReason}`, {
        reason: 0x97,
        retryable: true,
      })
    }
    const { clientId } = request.identity
    this.#takeOver(clientId, request)
    let session = this.#sessions.get(clientId)
    if (session !== undefined && request.cleanStart) {
      this.#endSession(session)
      session = undefined
    }
    const sessionPresent = session !== undefined
    if (session === undefined) session = this.#sessions.create(request.identity, request.limits, durable)
    else this.#tree.epoch++ // its routes were compiled with the limits it had before
    session.attach(request, this.#clock.now())
    this.#wills.connected(clientId, request.will)
    const client = new AttachedClient(this, session, request.identity)
    this.#clients.set(clientId, client)
    return { client, sessionPresent, position: this.#sessions.save(session) }
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
    if (outcome < 0) throw this.#refusal(-outcome, message)
    await this.whenCommitted(outcome)
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

  timeOf(message: Message): { timeMs: number; quality: Message['timeQuality'] } {
    return this.#running.timeOf(message)
  }

  clients(): ClientInfo[] {
    return Array.from(this.#sessions.all(), clientInfo)
  }

  subscriptions(): SubscriptionInfo[] {
    return Array.from(this.#tree.all(), ({ session, filter, qos }) => ({ clientId: session.id, filter, qos }))
  }

  status(): BrokerStatus {
    return statusOf(this.store, this.#conditionReason, this.#sessions, this.#tree.count, this.#retained.count, this.#counters)
  }

  kick(clientId: string, endSession = false): boolean {
    const client = this.#clients.get(clientId)
    const session = this.#sessions.get(clientId)
    if (session === undefined || session.identity.internal) return false
    if (client !== undefined) {
      const sink = session.sink
      this.detach(client, false, undefined)
      sink?.close('kicked')
    }
    if (endSession && this.#sessions.get(clientId) === session) this.#endSession(session)
    return true
  }

  /** From now on nobody is admitted, and who leaves does so because the gateway stops: wills stay in the store. */
  prepareStop(): void {
    this.#stopping = true
    this.#clock.clearTimer(this.#sweepTimer)
    this.#wills.stop()
  }

  /** Ends every attachment; sessions and wills stay in the store. Afterwards nobody is admitted. */
  stop(): void {
    this.prepareStop()
    for (const client of [...this.#clients.values()]) {
      const sink = client.session.sink
      this.detach(client, false, undefined)
      sink?.close('shutting-down')
    }
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

  subscribe(session: Session, requests: readonly SubscribeRequest[]): { codes: number[]; position: Position } {
    return this.#subscriptions.add(session, requests)
  }

  unsubscribe(session: Session, filters: readonly string[]): { codes: number[]; position: Position } {
    return this.#subscriptions.remove(session, filters)
  }

  detach(client: AttachedClient, normal: boolean, sessionExpiryMs: number | undefined): void {
    const { session } = client
    client.attached = false
    this.#clients.delete(session.id)
    if (sessionExpiryMs !== undefined && session.durable) session.expiryMs = sessionExpiryMs
    const ends = !session.durable || session.expiryMs === 0
    session.detach()
    if (!this.#stopping) this.#dischargeWill(session, normal, ends)
    if (ends) this.#endSession(session)
    else this.#sessions.save(session)
  }

  countDrop(reason: DropReason, messages: number): void {
    this.#counters.dropped[reason] += messages
  }

  countSent(qos: Qos, messages: number): void {
    this.#counters.sent[qos] += messages
  }

  countRefused(_reasonCode: number): void {
    this.#counters.refused++
  }

  #takeOver(clientId: string, request: AttachRequest): void {
    const before = this.#clients.get(clientId)
    if (before === undefined) return
    const { session } = before
    const sink = session.sink
    const willWaits = (session.will?.delayMs ?? 0) > 0 && session.durable && !request.cleanStart
    this.detach(before, willWaits, undefined)
    sink?.close('taken-over')
  }

  #dischargeWill(session: Session, normal: boolean, sessionGone: boolean): void {
    const { will } = session
    session.will = undefined
    if (will === undefined) return
    if (normal) this.#wills.revoke(session.id)
    else this.#wills.lost(session.id, will, sessionGone)
  }

  #publishWill(clientId: string, will: Will): void {
    const { message, expiryMs } = will
    const route = this.#routes.find(Buffer.from(message.topic), 0, Buffer.byteLength(message.topic))
    if (route === undefined) return
    message.publisher = clientId
    if (expiryMs !== undefined) message.expiresAtMs = this.#running.now() + expiryMs
    this.#distribution.deliver(route, message, undefined)
  }

  #endSession(session: Session): void {
    this.#sessions.end(session)
    this.#wills.sessionEnded(session.id)
  }

  #expired(message: Message): boolean {
    return message.expiresAtMs !== 0 && message.expiresAtMs <= this.#running.now()
  }

  #refusal(code: number, message: Message): GatewayError {
    if (code === 0x87) return new GatewayError('not-authorized', `publishing on "${message.topic}" is not allowed`, { reason: code })
    if (code === 0x90) return new GatewayError('topic-invalid', `"${message.topic}" has too many levels`, { reason: code })
    if (code === 0x8e) return new GatewayError('server-busy', 'the client is no longer attached', { reason: code, retryable: true })
    const { condition } = this.store
    if (condition === 'ok')
      return new GatewayError('quota-exceeded', 'a queue of its recipients is full', { reason: code, retryable: true })
    const kind = condition === 'full' ? 'store-full' : 'store-failed'
    return new GatewayError(kind, `the message cannot be stored: ${this.#conditionReason}`, { reason: code, retryable: true })
  }

  #storeCondition(condition: StoreCondition, reason: string): void {
    this.#conditionReason = condition === 'ok' ? '' : reason
    if (condition === 'ok') this.#logger.info('the store takes writes again')
    else this.#logger.error('the store refuses what needs the disk until this is mended', { condition, reason })
    if (condition !== 'ok') this.#commits.storeFailed()
  }

  #scheduleSweep(): void {
    this.#sweepTimer = this.#clock.setTimer(SWEEP_INTERVAL_MS, () => {
      this.#sweep()
      this.#scheduleSweep()
    })
  }

  #sweep(): void {
    const now = this.#running.now()
    for (const session of this.#sessions.all()) {
      if (session.detachedAtMs !== undefined && now - session.detachedAtMs >= session.expiryMs) this.#endSession(session)
      else session.sweep()
    }
    if (this.#storeWhenFull === 'drop-oldest' && this.store.condition === 'full') this.#relieve()
  }

  /** The longest queue gives up its oldest, a sweep at a time, until the store has room again. */
  #relieve(): void {
    let longest: Session | undefined
    for (const session of this.#sessions.all()) {
      if (session.durable && session.queue.bytes > (longest?.queue.bytes ?? 0)) longest = session
    }
    longest?.relieve(Math.max(longest.queue.bytes / 8, 65_536))
  }
}
