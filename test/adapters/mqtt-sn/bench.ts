/** A broker with the MQTT-SN adapter on a virtual clock and a memory store, and nodes that are made of packets. */
import { SnEngine } from '#adapters/mqtt-sn/index.ts'
import { GatewayError } from '#base/errors.ts'
import { silentLogger } from '#base/logger.ts'
import { createBroker, type GatewayBroker } from '#broker/broker.ts'
import {
  type Access,
  type Client,
  type ClientLimits,
  type Credentials,
  type Identity,
  Message,
  type Qos,
  type Sink,
} from '#broker/ports.ts'
import { decodePacket, encodeForwarded, encodePacket, type SnPacket, type TopicReference } from '#codecs/mqtt-sn/index.ts'
import type { MqttSnConfig } from '../../../src/adapters/mqtt-sn/config.ts'
import { MemoryDisk, MemoryStore } from '../../support/memory-store.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

export const SN_CONFIG: MqttSnConfig = {
  gateway_id: 7,
  advertise_interval: 900_000,
  predefined: { 1: 'site/one', 2: 'site/two' },
  groups: { meters: { clients: ['meter-*'], predefined: { 1: 'meters/${client_id}/power', 9: 'meters/nine' } } },
  qos_minus_one: true,
  qos_minus_one_topics: ['#'],
  retry_interval: 10_000,
  retries: 3,
  topic_ids: 100,
  max_datagram: 65_507,
}

const LIMITS: ClientLimits = {
  queue: { messagesMax: 10_000, bytesMax: 1 << 24, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false },
  inFlightMax: 32,
  topicLevelsMax: 128,
}

export interface BenchOptions {
  config?: Partial<MqttSnConfig>
  clientsMax?: number
  mountpoint?: string
  limits?: Partial<ClientLimits>
  seed?: number
}

export class SnBench {
  readonly clock: VirtualClock
  readonly disk = new MemoryDisk()
  readonly access = new TestAccess()
  readonly nodes: TestNode[] = []
  /** What the adapter has logged as an error. */
  readonly failures: unknown[] = []
  readonly elsewhere: { bytes: Buffer; address: string; port: number }[] = []
  store!: MemoryStore
  broker!: GatewayBroker
  engine!: SnEngine
  readonly #options: BenchOptions

  private constructor(options: BenchOptions) {
    this.#options = options
    this.clock = new VirtualClock(options.seed ?? 1)
  }

  static async start(options: BenchOptions = {}): Promise<SnBench> {
    const bench = new SnBench(options)
    await bench.boot()
    return bench
  }

  async boot(): Promise<void> {
    const { clock, disk, access } = this
    this.store = new MemoryStore({ clock, disk, runningMs: () => this.broker.runningMs() })
    this.broker = await createBroker({ store: this.store, access, clock, logger: silentLogger })
    this.#source = undefined
    this.openEngine()
    await this.settle()
  }

  openEngine(): void {
    const { config, clientsMax = 100, mountpoint, limits } = this.#options
    this.engine = new SnEngine({
      broker: this.broker,
      clock: this.clock,
      logger: { ...silentLogger, error: (message, fields) => void this.failures.push([message, fields]) },
      port: { send: (bytes, address, port) => this.#sent(Buffer.from(bytes), address, port) },
      listener: 'sn',
      limits: { ...LIMITS, ...limits },
      payloadBytesMax: 50_000,
      sessionExpiryMs: 7 * 86_400_000,
      connectTimeoutMs: 15_000,
      clientsMax,
      mountpoint,
      config: { ...SN_CONFIG, ...config },
    })
  }

  /** Power cut and start: what was not committed is gone. */
  async crash(): Promise<void> {
    this.store.crash()
    this.clock.forget()
    await this.boot()
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      this.clock.settle()
      await Promise.resolve()
      await Promise.resolve()
    }
  }

  /** Lets time pass in steps, so that what it brings can settle. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.advance(Math.min(left, 1000))
      await this.settle()
    }
  }

  node(options: Partial<Place> = {}): TestNode {
    return new TestNode(this, { address: '127.0.0.1', port: 40_000 + this.nodes.length, nodeId: undefined, ...options })
  }

  /** A node that has connected. */
  async connected(clientId: string, connect: Partial<ConnectOptions> = {}, place: Partial<Place> = {}): Promise<TestNode> {
    const node = this.node(place)
    await node.connect(clientId, connect)
    return node
  }

  /** A client of another protocol. */
  other(clientId: string, sink: Partial<Sink> = {}): Client {
    const { client } = this.broker.attach({
      identity: this.broker.internalIdentity(clientId, 'test', true),
      sink: { congested: false, send() {}, sendRun: () => false, deliver() {}, release() {}, close() {}, ...sink },
      protocol: 'test',
      listener: 'test',
      peer: undefined,
      cleanStart: true,
      sessionExpiryMs: 0,
      limits: LIMITS,
    })
    client.resume()
    return client
  }

  /** Publishes from elsewhere. */
  async publish(topic: string, payload: string, qos: Qos = 0, retain = false): Promise<void> {
    this.#source ??= this.other('source')
    if (!this.#source.attached) this.#source = this.other('source')
    this.#packetId = (this.#packetId % 60_000) + 1
    const message = Message.from({ topic, payload: Buffer.from(payload), qos, retain })
    const position = this.#source.publish(this.broker.route(topic)!, message, qos === 2 ? this.#packetId : undefined)
    if (qos === 2 && position >= 0) this.#source.release(this.#packetId)
    await this.settle()
  }

  /** What comes on a filter from now on, as `topic payload`. */
  watch(filter: string): string[] {
    const seen: string[] = []
    const take = ({ topic, payload }: Message) => seen.push(`${topic} ${Buffer.from(payload)}`)
    const client: Client = this.other(`watch-${++this.#watches}`, {
      send: message => void take(message),
      deliver: entry => {
        take(entry.message)
        this.clock.defer(() => client.acknowledge(entry.packetId))
      },
    })
    client.subscribe([{ filter, qos: 1 }])
    return seen
  }

  #source: Client | undefined
  #packetId = 0
  #watches = 0

  #sent(bytes: Buffer, address: string, port: number): void {
    const node = this.nodes.find(each => each.takes(address, port, bytes))
    if (node === undefined) this.elsewhere.push({ bytes, address, port })
  }
}

export interface Place {
  address: string
  port: number
  /** Behind a forwarder: its wireless node id in hex. */
  nodeId: string | undefined
}

export interface ConnectOptions {
  cleanSession: boolean
  will: boolean
  durationSeconds: number
  protocolId: number
}

export class TestNode {
  readonly place: Place
  /** What came, in hex, in the forwarder's envelope if it came so. */
  readonly datagrams: string[] = []
  /** Radius of the envelopes that came. */
  readonly radii: number[] = []
  #inbox: SnPacket[] = []
  /** Takes the datagrams instead of the inbox. */
  onDatagram: ((bytes: Buffer) => void) | undefined
  readonly #bench: SnBench

  constructor(bench: SnBench, place: Place) {
    this.#bench = bench
    this.place = place
    bench.nodes.push(this)
  }

  /** Whether a datagram is for this node; if so it is taken. */
  takes(address: string, port: number, bytes: Buffer): boolean {
    if (address !== this.place.address || port !== this.place.port) return false
    let packet = decodePacket(bytes)
    let inner: Uint8Array = bytes
    if (packet.type === 'forwarded') {
      if (Buffer.from(packet.nodeId).toString('hex') !== this.place.nodeId) return false
      this.radii.push(packet.radius)
      inner = packet.message
      packet = decodePacket(inner)
    } else if (this.place.nodeId !== undefined) return false
    this.datagrams.push(bytes.toString('hex'))
    if (this.onDatagram === undefined) this.#inbox.push(packet)
    else this.onDatagram(Buffer.from(inner))
    return true
  }

  sendBytes(bytes: Uint8Array): void {
    const { nodeId } = this.place
    this.sendDatagram(nodeId === undefined ? bytes : encodeForwarded(0, Buffer.from(nodeId, 'hex'), bytes))
  }

  /** Sends bytes as they are, without the forwarder's envelope. */
  sendDatagram(datagram: Uint8Array): void {
    const { address, port } = this.place
    this.#bench.engine.receive(Buffer.from(datagram), { address, port, loopback: address.startsWith('127.') })
  }

  send(...packets: SnPacket[]): void {
    for (const packet of packets) this.sendBytes(encodePacket(packet))
  }

  /** What has come, once everything has settled. */
  async take(): Promise<SnPacket[]> {
    await this.#bench.settle()
    return this.#inbox.splice(0)
  }

  /** Sends and takes what comes of it. */
  async exchange(...packets: SnPacket[]): Promise<SnPacket[]> {
    this.send(...packets)
    return this.take()
  }

  connectPacket(clientId: string, options: Partial<ConnectOptions> = {}): SnPacket {
    return { type: 'connect', will: false, cleanSession: true, protocolId: 1, durationSeconds: 60, clientId, ...options }
  }

  connect(clientId: string, options: Partial<ConnectOptions> = {}): Promise<SnPacket[]> {
    return this.exchange(this.connectPacket(clientId, options))
  }

  async subscribe(name: string, qos: Qos = 1, msgId = 1): Promise<SnPacket[]> {
    return this.exchange({ type: 'subscribe', dup: false, qos, msgId, topic: { kind: 'name', name } })
  }

  /** Registers a topic and returns its id. */
  async register(topicName: string, msgId = 1): Promise<number> {
    const [answer] = await this.exchange({ type: 'register', topicId: 0, msgId, topicName })
    if (answer?.type !== 'regack' || answer.returnCode !== 0) throw new Error(`REGISTER was answered with ${JSON.stringify(answer)}`)
    return answer.topicId
  }

  publish(topic: TopicReference, payload: string, qos: -1 | 0 | 1 | 2 = 0, msgId = qos > 0 ? 1 : 0, dup = false): Promise<SnPacket[]> {
    return this.exchange({ type: 'publish', dup, qos, retain: false, topic, msgId, payload: Buffer.from(payload) })
  }

  sleep(durationSeconds: number): Promise<SnPacket[]> {
    return this.exchange({ type: 'disconnect', durationSeconds })
  }

  /** Takes what comes and acknowledges it, until nothing more comes; QoS 2 too, and REGISTERs. Returns all that came. */
  async drain(first: SnPacket[] = []): Promise<SnPacket[]> {
    const all: SnPacket[] = []
    for (let came = [...first, ...(await this.take())]; came.length > 0; came = await this.take()) {
      for (const packet of came) {
        all.push(packet)
        const answer = answerTo(packet)
        if (answer !== undefined) this.send(answer)
      }
    }
    return all
  }
}

export function answerTo(packet: SnPacket): SnPacket | undefined {
  switch (packet.type) {
    case 'register':
      return { type: 'regack', topicId: packet.topicId, msgId: packet.msgId, returnCode: 0 }
    case 'publish': {
      if (packet.qos === 2) return { type: 'pubrec', msgId: packet.msgId }
      if (packet.qos !== 1) return undefined
      const topicId = packet.topic.kind === 'short' ? Buffer.from(packet.topic.name).readUInt16BE() : packet.topic.id
      return { type: 'puback', topicId, msgId: packet.msgId, returnCode: 0 }
    }
    case 'pubrel':
      return { type: 'pubcomp', msgId: packet.msgId }
    default:
      return undefined
  }
}

/** Payloads of the PUBLISHes among packets. */
export function payloads(packets: readonly SnPacket[]): string[] {
  return packets.flatMap(packet => (packet.type === 'publish' ? [Buffer.from(packet.payload).toString()] : []))
}

/** Lets everybody in but those that the test names. */
export class TestAccess implements Access {
  generation = 0
  readonly denyAction = 'ignore'
  readonly banned = new Set<string>()
  readonly asked: Credentials[] = []
  readonly forbidden = new Set<string>()
  slow = false
  #waiting: (() => void)[] = []

  authenticate(credentials: Credentials): Identity | Promise<Identity> {
    this.asked.push(credentials)
    const decide = (): Identity => {
      const { clientId, protocol, username, address } = credentials
      if (this.banned.has(clientId) || this.banned.has(address ?? '')) throw new GatewayError('not-authorized', 'banned', { reason: 0x87 })
      return { clientId, protocol, username, address, anonymous: true, internal: false }
    }
    if (!this.slow) return decide()
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(decide())
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  decide(): void {
    for (const run of this.#waiting.splice(0)) run()
  }

  unrestricted(): boolean {
    return this.forbidden.size === 0
  }

  mayPublish(_identity: Identity, topic: string): boolean {
    return !this.forbidden.has(topic)
  }

  maySubscribe(_identity: Identity, filter: string): boolean {
    return !this.forbidden.has(filter)
  }

  mayReceive(_identity: Identity, topic: string): boolean {
    return !this.forbidden.has(topic)
  }

  scramKeys(): undefined {
    return undefined
  }

  async exchangeFailed(): Promise<void> {}
}
