import type {
  Attachment,
  AttachRequest,
  Broker,
  Client,
  CommitWaiter,
  Entry,
  PressureListener,
  Route,
  SubscribeRequest,
} from '#broker/ports.ts'
import { Message, Entry as QueueEntry } from '#broker/ports.ts'

/** A broker that keeps what it gets and does what the test says: commits, congestion, refusals, deliveries. */
export class FakeBroker {
  readonly published: Message[] = []
  readonly attached: AttachRequest[] = []
  readonly subscriptions: SubscribeRequest[] = []
  readonly acknowledged: number[] = []
  /** Reason code for a message, 0 to take it. */
  refuse: (message: Message) => number = () => 0
  /** Commits by itself at once. */
  prompt = true
  congested = false
  position = 0
  committed = 0
  detached = 0
  request: AttachRequest | undefined
  readonly #waiters: CommitWaiter[] = []
  readonly #watchers = new Set<() => void>()
  readonly #listeners = new Set<PressureListener>()
  #seq = 0

  /** As the adapter sees it. */
  get port(): Broker {
    return this as unknown as Broker
  }

  get pressureListeners(): number {
    return this.#listeners.size
  }

  /** Topics and payloads, without `$state`. */
  get values(): [string, string][] {
    return this.published
      .filter(message => !message.topic.endsWith('/$state'))
      .map(message => [message.topic, Buffer.from(message.payload).toString()])
  }

  get states(): Record<string, unknown>[] {
    return this.published
      .filter(message => message.topic.endsWith('/$state'))
      .map(message => JSON.parse(Buffer.from(message.payload).toString()))
  }

  /** Resolves at the publish with which `holds` is true. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return
    await new Promise<void>(resolve => {
      const watcher = () => {
        if (!holds()) return
        this.#watchers.delete(watcher)
        resolve()
      }
      this.#watchers.add(watcher)
    })
  }

  internalIdentity(clientId: string, protocol: string) {
    return { clientId, protocol, username: undefined, address: undefined, anonymous: false, internal: true }
  }

  attach(request: AttachRequest): Attachment {
    this.request = request
    this.attached.push(request)
    const broker = this
    const client = {
      id: request.identity.clientId,
      identity: request.identity,
      get attached() {
        return broker.request === request
      },
      publish: (_route: Route, message: Message) => broker.#publish(message),
      subscribe: (requests: readonly SubscribeRequest[]) => {
        broker.subscriptions.push(...requests)
        return { codes: requests.map(each => each.qos), position: 0 }
      },
      resume: () => {},
      acknowledge: (packetId: number) => {
        broker.acknowledged.push(packetId)
        return true
      },
      detach: () => {
        broker.detached++
        if (broker.request === request) broker.request = undefined
      },
    }
    return { client: client as unknown as Client, sessionPresent: false, position: 0 }
  }

  route(topic: string): Route | undefined {
    if (/[\0+#]/.test(topic)) return undefined
    return { topic, topicBytes: Buffer.from(topic), empty: false, plain: true }
  }

  awaitCommit(waiter: CommitWaiter): void {
    this.#waiters.push(waiter)
  }

  /** What must survive a restart; give it to the next broker. */
  kept = new Map<string, Map<string, Uint8Array>>()

  records(owner: string) {
    const map = this.kept.get(owner) ?? new Map<string, Uint8Array>()
    this.kept.set(owner, map)
    return {
      get: (key: string) => map.get(key),
      entries: () => map.entries(),
      put: (key: string, value: Uint8Array) => {
        map.set(key, value)
        return 0
      },
      delete: (key: string) => {
        map.delete(key)
        return 0
      },
      clear: () => 0,
    }
  }

  retained(topic: string): Message | undefined {
    const found = this.published.findLast(message => message.topic === topic && message.retain)
    return found !== undefined && found.payload.length > 0 ? found : undefined
  }

  addPressureListener(listener: PressureListener): void {
    this.#listeners.add(listener)
  }

  removePressureListener(listener: PressureListener): void {
    this.#listeners.delete(listener)
  }

  runningMs(): number {
    return 4711
  }

  commit(): void {
    this.committed = this.position
    for (const waiter of this.#waiters.splice(0)) waiter.committed(this.committed)
  }

  relieve(): void {
    this.congested = false
    for (const listener of this.#listeners) listener.pressure(false)
  }

  /** Somebody publishes to the device. */
  deliver(topic: string, payload: string, properties?: Message['properties']): Entry {
    const message = Message.from({ topic, payload: Buffer.from(payload), qos: 1, properties })
    const entry = new QueueEntry(this.#seq++, message, 1, false, undefined)
    this.request?.sink.deliver(entry)
    return entry
  }

  kick(): void {
    const sink = this.request?.sink
    this.request = undefined
    sink?.close('kicked')
  }

  #publish(message: Message): number {
    const code = this.refuse(message)
    if (code !== 0) return -code
    this.published.push(message)
    this.position++
    if (this.prompt) this.committed = this.position
    for (const watcher of this.#watchers) watcher()
    return this.position
  }
}
