import { createAccess } from '#access/index.ts'
import { type MqttLimits, MqttListener } from '#adapters/mqtt/index.ts'
import { silentLogger } from '#base/logger.ts'
import { type BrokerOptions, createBroker, type GatewayBroker } from '#broker/broker.ts'
import { type ConnectPacket, decodePacket, encodePacket, frameLength, type MqttVersion, type Packet } from '#codecs/mqtt/index.ts'
import type { ByteConnection } from '#listeners/types.ts'
import { MemoryDisk, MemoryStore } from './memory-store.ts'
import { VirtualClock } from './virtual-clock.ts'

export const TEST_LIMITS: MqttLimits = {
  packetBytesMax: 1 << 20,
  receiveMaximum: 32,
  sessionExpiryMs: 7 * 86_400_000,
  connectTimeoutMs: 15_000,
  keepAliveMaxSeconds: 0,
  topicLevelsMax: 128,
  topicAliasMax: 32,
  checkPayloadFormat: false,
  responseTopic: 'response/${client_id}',
  queueMessagesMax: 100_000,
  queueBytesMax: 64 << 20,
  queueQos0: false,
}

/** A broker with the MQTT adapter on a virtual clock, a memory store and connections without sockets. */
export class MqttHarness {
  readonly clock: VirtualClock
  readonly disk: MemoryDisk
  store!: MemoryStore
  broker!: GatewayBroker
  listener!: MqttListener
  /** What a test wants otherwise of the broker; holds from the next boot on. */
  brokerOptions: Partial<BrokerOptions> = {}
  readonly #limits: MqttLimits

  constructor(limits: Partial<MqttLimits> = {}, seed = 1) {
    this.#limits = { ...TEST_LIMITS, ...limits }
    this.clock = new VirtualClock(seed)
    this.disk = new MemoryDisk()
  }

  static async start(limits: Partial<MqttLimits> = {}, seed = 1): Promise<MqttHarness> {
    const harness = new MqttHarness(limits, seed)
    await harness.boot()
    return harness
  }

  async boot(): Promise<void> {
    const { clock, disk } = this
    this.store = new MemoryStore({ clock, disk, runningMs: () => this.broker.runningMs() })
    this.broker = await createBroker({
      store: this.store,
      access: createAccess('loopback'),
      clock,
      logger: silentLogger,
      ...this.brokerOptions,
    })
    this.listener = new MqttListener({
      name: 'test',
      broker: this.broker,
      clock,
      logger: silentLogger,
      limits: this.#limits,
      anonymous: undefined,
    })
  }

  /** Power cut and start: what was not committed is gone, connections too. */
  async crash(): Promise<void> {
    this.store.crash()
    this.clock.forget()
    await this.boot()
  }

  /** Lets the turn end and pending page reads arrive, until nothing moves any more. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      this.clock.settle()
      await Promise.resolve()
      await Promise.resolve()
    }
  }

  peer(options: Partial<PeerOptions> = {}): MqttPeer {
    return new MqttPeer(this, options)
  }

  /** A peer that has connected. */
  async connect(clientId: string, connect: Partial<ConnectPacket> = {}, options: Partial<PeerOptions> = {}): Promise<MqttPeer> {
    const peer = this.peer(options)
    peer.connect(clientId, connect)
    await this.settle()
    return peer
  }
}

export interface PeerOptions {
  loopback: boolean
}

let connections = 0

/** The device's end of a connection. */
export class MqttPeer {
  readonly #harness: MqttHarness
  readonly bytes: TestConnection
  version: MqttVersion = 4
  /** Packets that came, oldest first; `take` removes them. */
  readonly received: Packet[] = []

  constructor(harness: MqttHarness, options: Partial<PeerOptions>) {
    this.#harness = harness
    this.bytes = new TestConnection(options.loopback ?? true)
    harness.listener.accept(this.bytes)
  }

  get closed(): boolean {
    return this.bytes.ended
  }

  connect(clientId: string, connect: Partial<ConnectPacket> = {}): void {
    const packet: ConnectPacket = { type: 'connect', protocolVersion: 4, clientId, cleanStart: true, keepAlive: 0, ...connect }
    this.version = packet.protocolVersion
    this.send(packet)
  }

  send(...packets: Packet[]): void {
    this.sendBytes(Buffer.concat(packets.map(packet => encodePacket(packet, this.version))))
  }

  sendBytes(bytes: Uint8Array): void {
    if (!this.bytes.ended) this.bytes.onData(Buffer.from(bytes))
  }

  /** Sends, lets everything settle, and takes what came. */
  async exchange(...packets: Packet[]): Promise<Packet[]> {
    this.send(...packets)
    return this.take()
  }

  async take(): Promise<Packet[]> {
    await this.#harness.settle()
    this.#decode()
    return this.received.splice(0)
  }

  async subscribe(filter: string, qos: 0 | 1 | 2, packetId = 1): Promise<Packet[]> {
    const subscription = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 as const }
    return this.exchange({ type: 'subscribe', packetId, subscriptions: [subscription] })
  }

  /** The device is gone without a word. */
  vanish(): void {
    this.bytes.vanish()
  }

  #decode(): void {
    let bytes = this.bytes.takeWritten()
    while (bytes.length > 0) {
      const length = frameLength(bytes, 0, bytes.length)
      this.received.push(decodePacket(Buffer.from(bytes.subarray(0, length)), 0, length, this.version))
      bytes = bytes.subarray(length)
    }
  }
}

/** A stream connection without a socket. */
export class TestConnection implements ByteConnection {
  readonly id = ++connections
  readonly transport = 'tcp'
  readonly remote = { address: '127.0.0.1', port: 50_000 }
  readonly local = { address: '127.0.0.1', port: 1883 }
  readonly loopback: boolean
  onData: (chunk: Buffer) => void = () => {}
  onDrain: () => void = () => {}
  onClose: (error?: Error) => void = () => {}
  ended = false
  paused = false
  /** Writes stay pending until `drain`. */
  blocked = false
  pendingBytes = 0
  #written: Uint8Array[] = []

  constructor(loopback: boolean) {
    this.loopback = loopback
  }

  write(bytes: Uint8Array): void {
    if (this.ended) return
    this.#written.push(Uint8Array.from(bytes))
    if (this.blocked) this.pendingBytes += bytes.length
  }

  drain(): void {
    this.blocked = false
    this.pendingBytes = 0
    this.onDrain()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.#finish()
  }

  destroy(): void {
    this.#finish()
  }

  vanish(): void {
    this.#finish()
  }

  takeWritten(): Buffer {
    return Buffer.concat(this.#written.splice(0))
  }

  #finish(): void {
    if (this.ended) return
    this.ended = true
    this.onClose()
  }
}
