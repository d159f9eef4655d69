import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import {
  type Access,
  type Attachment,
  type AttachRequest,
  type Broker,
  type Client,
  type ClientInfo,
  type CommitWaiter,
  type Credentials,
  Entry,
  type Identity,
  type Message,
  type Qos,
  type Route,
  type SubscribeRequest,
} from '#broker/ports.ts'

/** A broker of a few lines: exact enough for one adapter, and its commits happen when the test says so. */
export class FakeBroker implements Broker {
  readonly published: Message[] = []
  readonly attached = new Map<string, FakeClient>()
  readonly admitted: Credentials[] = []
  readonly retainedMessages = new Map<string, Message>()
  readonly discarded: string[] = []
  congested = false
  committed = 0
  position = 0
  /** False: commits wait for `commit()`. */
  autoCommit = true
  /** Set: publishes are refused with this reason code. */
  refusal = 0
  denied = new Set<string>()
  passwords = new Map<string, string>()
  /** Decisions take until `decide()` is called. */
  slowAdmission = false
  #decisions: (() => void)[] = []
  #waiters = new Set<CommitWaiter>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly access: Pick<Access, 'maySubscribe' | 'mayReceive'> = {
    maySubscribe: (_identity, filter) => !this.denied.has(filter),
    mayReceive: (_identity, topic) => !this.denied.has(topic),
  }

  admit(credentials: Credentials): Identity | Promise<Identity> {
    this.admitted.push(credentials)
    if (credentials.clientId.startsWith('$')) throw new GatewayError('identifier-rejected', 'names with $ are not for devices')
    const { username, password } = credentials
    const wrong = username !== undefined && this.passwords.get(username) !== Buffer.from(password ?? []).toString()
    const decide = (): Identity => {
      if (wrong) throw new GatewayError('bad-credentials', 'wrong password')
      const { clientId, protocol, address } = credentials
      return { clientId, protocol, username, address, anonymous: username === undefined, internal: false }
    }
    if (!this.slowAdmission) return decide()
    return new Promise((resolve, reject) => {
      this.#decisions.push(() => {
        try {
          resolve(decide())
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  async decide(): Promise<void> {
    for (const decide of this.#decisions.splice(0)) decide()
    await new Promise(resolve => setImmediate(resolve))
  }

  internalIdentity(clientId: string, protocol: string): Identity {
    return { clientId, protocol, username: undefined, address: undefined, anonymous: false, internal: true }
  }

  attach(request: AttachRequest): Attachment {
    const id = request.identity.clientId
    this.attached.get(id)?.takenOver()
    const client = new FakeClient(this, request)
    this.attached.set(id, client)
    return { client, sessionPresent: false, position: 0 }
  }

  routeOf(bytes: Uint8Array, start: number, end: number): Route | undefined {
    return this.route(Buffer.from(bytes.subarray(start, end)).toString())
  }

  route(topic: string): Route | undefined {
    if (topic === '' || /[+#\u0000]/.test(topic)) return undefined
    return { topic, topicBytes: Buffer.from(topic), empty: false, plain: true }
  }

  awaitCommit(waiter: CommitWaiter): void {
    this.#waiters.add(waiter)
  }

  /** Makes all that was published durable. */
  commit(): void {
    this.committed = this.position
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.committed(this.committed)
  }

  publish(message: Message): number {
    if (this.refusal !== 0) return -this.refusal
    if (this.denied.has(message.topic)) return -0x87
    this.published.push(message)
    if (message.retain && message.payload.length === 0) this.retainedMessages.delete(message.topic)
    else if (message.retain) this.retainedMessages.set(message.topic, message)
    for (const client of this.attached.values()) client.route(message)
    if (message.qos === 0) return 0
    this.position++
    if (this.autoCommit) this.committed = this.position
    return this.position
  }

  retained(topic: string): Message | undefined {
    return this.retainedMessages.get(topic)
  }

  retainedMatching(filter: string, max: number): Message[] {
    return [...this.retainedMessages.values()].filter(message => topicMatches(filter, message.topic)).slice(0, max)
  }

  runningMs(): number {
    return this.#clock.monotonic()
  }

  groups(): [] {
    return []
  }

  ended(): Record<string, number> {
    return {}
  }

  clients(): ClientInfo[] {
    return []
  }

  whenCommitted = never
  publishDurably = never
  addPressureListener = never
  removePressureListener = never
  records = never
  timeOf = never
  subscriptions = never
  status = never
  kick = never
  exchange = never
  announce = never
  isHeard = never
  watchClients = never
}

export class FakeClient implements Client {
  readonly id: string
  readonly identity: Identity
  readonly request: AttachRequest
  readonly subscribed = new Map<string, SubscribeRequest>()
  readonly inFlight = new Map<number, Entry>()
  readonly acknowledged: string[] = []
  readonly inbound = new Set<number>()
  attached = true
  held = 1
  #queue: (() => void)[] = []
  #seq = 1
  readonly #broker: FakeBroker

  constructor(broker: FakeBroker, request: AttachRequest) {
    this.#broker = broker
    this.id = request.identity.clientId
    this.identity = request.identity
    this.request = request
  }

  publish(_route: Route, message: Message, packetId = 0): number {
    // As the real one: QoS 2 has a packet id, and one that is known is not routed again.
    if (message.qos === 2) {
      if (packetId === 0) throw new Error('QoS 2 without a packet id')
      if (this.inbound.has(packetId)) return 0
      this.inbound.add(packetId)
    }
    return this.#broker.publish(message)
  }

  lost(): void {}

  awaited(): undefined {}

  forgetInbound(): number {
    return 0
  }

  release(packetId: number): number {
    return this.inbound.delete(packetId) ? 0 : -0x92
  }

  subscribe(requests: readonly SubscribeRequest[]): { codes: number[]; position: number } {
    const codes = requests.map(request => {
      if (this.#broker.denied.has(request.filter)) return 0x87
      this.subscribed.set(request.filter, request)
      if (request.retainHandling === 0) {
        for (const message of this.#broker.retainedMatching(request.filter, 1000)) this.#deliver(request, message, true)
      }
      return request.qos
    })
    return { codes, position: 0 }
  }

  unsubscribe(filters: readonly string[]): { codes: number[]; position: number } {
    return { codes: filters.map(filter => (this.subscribed.delete(filter) ? 0 : 0x11)), position: 0 }
  }

  /** Called by the broker: queues what this client subscribed to. */
  route(message: Message): void {
    for (const request of this.subscribed.values()) if (topicMatches(request.filter, message.topic)) this.#deliver(request, message, false)
  }

  acknowledge(packetId: number): boolean {
    const entry = this.inFlight.get(packetId)
    if (entry === undefined) return false
    this.inFlight.delete(packetId)
    this.acknowledged.push(Buffer.from(entry.message.payload).toString())
    this.#pump()
    return true
  }

  discard(packetId: number, reason: string): boolean {
    const entry = this.inFlight.get(packetId)
    this.inFlight.delete(packetId)
    if (entry !== undefined) this.#broker.discarded.push(reason)
    return entry !== undefined
  }

  hold(): void {
    this.held++
  }

  park(): void {}

  unpark(): void {}

  setWill(): number {
    return 0
  }

  setState(): void {}

  resume(): void {
    this.held--
    this.#pump()
  }

  detach(): void {
    this.attached = false
    if (this.#broker.attached.get(this.id) === this) this.#broker.attached.delete(this.id)
  }

  takenOver(): void {
    this.attached = false
    this.request.sink.close('taken-over')
  }

  get queued(): number {
    return this.#queue.length + this.inFlight.size
  }

  #deliver(request: SubscribeRequest, message: Message, retain: boolean): void {
    const qos = Math.min(request.qos, message.qos) as Qos
    const identifiers = request.identifier === undefined ? undefined : [request.identifier]
    this.#queue.push(() => {
      if (qos === 0) {
        this.request.sink.send(message, retain, identifiers)
        return
      }
      const entry = new Entry(this.#seq++, message, qos, retain, identifiers)
      this.inFlight.set(entry.packetId, entry)
      this.request.sink.deliver(entry)
    })
    this.#pump()
  }

  #pump(): void {
    while (this.held === 0 && this.attached && this.inFlight.size < this.request.limits.inFlightMax) {
      const next = this.#queue.shift()
      if (next === undefined) return
      next()
    }
  }

  publishRun = never
  received = never
  complete = never
  wake = never
  setInFlightMax = never
}

export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true
    if (i >= levels.length || (wanted[i] !== '+' && wanted[i] !== levels[i])) return false
  }
  return wanted.length === levels.length
}

function never(): never {
  throw new Error('the CoAP adapter does not use this')
}
