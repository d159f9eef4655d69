/** A gateway that is not there, for tests of the admin interface. */

import type { BanStatus, BridgeStatus, GatewayControl, UserStatus } from '#admin/ports.ts'
import type { GatewayError } from '#base/errors.ts'
import type { Broker, BrokerStatus, Client, ClientInfo, DropReason, GroupInfo } from '#broker/ports.ts'
import { Message, type SubscriptionInfo } from '#broker/ports.ts'

export const NOW_MS = Date.parse('2026-03-01T12:00:00Z')

const REASONS: DropReason[] = ['queue-full', 'expired', 'too-old', 'too-large', 'refused-by-recipient', 'not-authorized']

export function clientInfo(clientId: string, more: Partial<ClientInfo> = {}): ClientInfo {
  return {
    clientId,
    connected: true,
    protocol: 'mqtt 5',
    listener: 'local',
    peer: '127.0.0.1:50000',
    username: undefined,
    connectedAtMs: NOW_MS - 60_000,
    keepAliveSeconds: 60,
    durable: false,
    sessionExpiryMs: 0,
    subscriptions: 1,
    queued: 0,
    queuedBytes: 0,
    inFlight: 0,
    dropped: 0,
    messagesIn: 0,
    messagesOut: 0,
    ...more,
  }
}

export class FakeBroker {
  infos: ClientInfo[] = []
  subs: SubscriptionInfo[] = []
  shared: GroupInfo[] = []
  messages: Message[] = []
  kicked: [id: string, endSession: boolean | undefined][] = []
  published: Message[] = []
  attachments: string[] = []
  detached = 0
  /** What `publishDurably` waits for. */
  commit: Promise<void> = Promise.resolve()
  refusal: GatewayError | undefined

  clients(): ClientInfo[] {
    return [...this.infos]
  }

  subscriptions(): SubscriptionInfo[] {
    return [...this.subs]
  }

  groups(): GroupInfo[] {
    return [...this.shared]
  }

  kick(clientId: string, endSession?: boolean): boolean {
    this.kicked.push([clientId, endSession])
    return true
  }

  retained(topic: string): Message | undefined {
    return this.messages.find(message => message.topic === topic)
  }

  retainedMatching(_filter: string, max: number): Message[] {
    return this.messages.slice(0, max)
  }

  timeOf(message: Message) {
    return { timeMs: message.timeMs, quality: message.timeQuality }
  }

  runningMs(): number {
    return 1_000
  }

  route(topic: string) {
    return topic === '' || /[+#]/.test(topic) ? undefined : { topic, topicBytes: Buffer.from(topic), empty: false }
  }

  internalIdentity(clientId: string, protocol: string, exempt: boolean) {
    return { clientId, protocol, username: undefined, address: undefined, anonymous: false, internal: exempt }
  }

  attach({ identity }: { identity: { clientId: string } }) {
    this.attachments.push(identity.clientId)
    let attached = true
    const client = {
      get attached() {
        return attached
      },
      resume: () => {},
      detach: () => {
        attached = false
        this.detached++
      },
    }
    return { client: client as unknown as Client, sessionPresent: false, position: 0 }
  }

  async publishDurably(_client: Client, message: Message): Promise<void> {
    await this.commit
    if (this.refusal !== undefined) throw this.refusal
    this.published.push(message)
  }

  status(): BrokerStatus {
    const counters = { operations: 9, entries: 8, elided: 7, commits: 6, emptyBatches: 5, failures: 4, bytes: 3, pagesRead: 2 }
    return {
      clients: 2,
      sessions: 3,
      subscriptions: 4,
      retained: this.messages.length,
      queued: 5,
      queuedBytes: 600,
      store: { condition: 'ok', reason: '', usedBytes: 4096, uncommittedBytes: 0, counters },
      counters: {
        received: [1, 2, 3],
        sent: [4, 5, 6],
        unrouted: 7,
        refused: 8,
        dropped: Object.fromEntries(REASONS.map((reason, index) => [reason, index])) as Record<DropReason, number>,
      },
    }
  }
}

export const bridge: BridgeStatus = {
  name: 'cloud',
  kind: 'mqtt',
  url: 'mqtts://broker.example:8883',
  state: 'waiting',
  sinceMs: NOW_MS - 5_000,
  reason: 'broker.example:8883 refuses the connection',
  hint: 'look at the port',
  nextAttemptMs: 1_500,
  queued: 12,
  queuedBytes: 3_400,
  inFlight: 1,
  sent: 100,
  received: 7,
  connects: 3,
  failures: 2,
  dropped: { 'queue-full': 4 },
  deadLetters: 1,
}

export interface FakeControl extends GatewayControl {
  fake: FakeBroker
  state: { ready: boolean; healthy: boolean; problems: string[]; paused: string[] }
  userList: UserStatus[]
  banList: BanStatus[]
  /** What was asked of users and bans. */
  asked: unknown[][]
}

export function fakeControl(): FakeControl {
  const fake = new FakeBroker()
  const state: FakeControl['state'] = { ready: true, healthy: true, problems: [], paused: [] }
  const setPaused = (name: string, paused: boolean) => {
    if (name !== bridge.name) return false
    state.paused = paused ? [name] : []
    return true
  }
  const userList: UserStatus[] = [{ username: 'ann', source: 'store', scram: true, createdAtMs: NOW_MS - 1_000 }]
  const banList: BanStatus[] = [
    { kind: 'address', value: '192.0.2.0/24', by: 'operator', reason: 'noisy', createdAtMs: NOW_MS, remainingMs: 60_000 },
    { kind: 'client_id', value: 'dev', by: 'flapping', reason: '', createdAtMs: NOW_MS, remainingMs: undefined },
  ]
  const asked: unknown[][] = []
  return {
    fake,
    state,
    userList,
    banList,
    asked,
    users: {
      list: () => [...userList],
      add: async (...words) => void asked.push(['add', ...words]),
      changePassword: async (...words) => void asked.push(['passwd', ...words]),
      remove: async (...words) => void asked.push(['rm', ...words]),
    },
    bans: {
      list: () => [...banList],
      async add(kind, value, reason, forMs) {
        asked.push(['ban', kind, value, reason, forMs])
        return { kind, value, reason, by: 'operator', createdAtMs: NOW_MS, remainingMs: forMs }
      },
      remove: async (...words) => void asked.push(['unban', ...words]),
    },
    broker: fake as unknown as Broker,
    info: {
      version: '1.2.3',
      commit: 'abc1234',
      node: '24.0.0',
      sqlite: '3.50.0',
      gatewayId: 'gw-test',
      startedAtMs: NOW_MS - 3_600_000,
      dataDir: '/var/lib/tidegate',
      configFile: undefined,
      device: { model: 'Test Board', memoryBytes: 4096 },
    },
    now: () => NOW_MS,
    clockSynchronised: () => true,
    ready: () => state.ready,
    health: () => ({ healthy: state.healthy, problems: state.problems }),
    listeners: () => [
      {
        name: 'local',
        protocol: 'mqtt',
        transport: 'tcp',
        bind: '127.0.0.1:1883',
        connections: 2,
        counters: { accepted: 5, 'refused-full': 1 },
      },
      { name: 'coap', protocol: 'coap', transport: 'udp', bind: '127.0.0.1:5683', connections: undefined, counters: { received: 9 } },
    ],
    bridges: () => [{ ...bridge, state: state.paused.includes(bridge.name) ? 'paused' : bridge.state }],
    pauseBridge: name => setPaused(name, true),
    resumeBridge: name => setPaused(name, false),
    metrics: () => [{ name: 'tidegate_extra', type: 'gauge', help: 'Extra.', samples: [{ labels: { a: 'x"y\n' }, value: 1 }] }],
  }
}

export function messageAt(topic: string, text: string, more: Partial<Message> = {}): Message {
  return Object.assign(Message.from({ topic, payload: Buffer.from(text), qos: 1, retain: true, timeMs: NOW_MS - 1_000 }), more)
}
