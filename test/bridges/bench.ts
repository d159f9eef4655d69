import { createAccess } from '#access/index.ts'
import { createMqttBridge, type MqttBridge, type MqttBridgeConfig } from '#bridges/mqtt/index.ts'
import { createBroker, type GatewayBroker } from '#broker/broker.ts'
import { type Client, Message, type MessageInit, type Sink } from '#broker/ports.ts'
import type { OpenStream, Stream } from '#clients/mqtt/index.ts'
import type { PublishPacket } from '#codecs/mqtt/index.ts'
import { ScriptedServer, takeAll } from '../clients/mqtt/scripted-server.ts'
import { MemoryDisk, MemoryStore } from '../support/memory-store.ts'
import { RecordingLogger } from '../support/recording-logger.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { turns } from './turns.ts'

type Out = Partial<MqttBridgeConfig['out'][number]> & { from: string }
type In = Partial<MqttBridgeConfig['in'][number]> & { from: string }
export type Settings = Omit<Partial<MqttBridgeConfig>, 'out' | 'in' | 'spool' | 'pace'> & {
  out?: Out[]
  in?: In[]
  spool?: Partial<MqttBridgeConfig['spool']>
  pace?: Partial<MqttBridgeConfig['pace']>
}

/** A configuration with the defaults of the schema. */
export function settings(given: Settings = {}): MqttBridgeConfig {
  return {
    url: { scheme: 'mqtt', host: 'broker.example', port: 1883 },
    version: '5',
    alpn: [],
    keep_alive: 60_000,
    clean_start: false,
    session_expiry: 30 * 86_400_000,
    connect_timeout: 20_000,
    max_packet: 16 << 20,
    ...given,
    out: (given.out ?? [{ from: 'sensors/#' }]).map(route => ({ to: '${topic}', qos: 1, envelope: 'none', ...route })),
    in: (given.in ?? []).map(route => ({ to: '${topic}', qos: 1, ...route })),
    spool: { max_bytes: 1 << 30, max_age: 30 * 86_400_000, when_full: 'drop-oldest', order: 'fifo', qos0: true, ...given.spool },
    pace: { messages_per_second: 0, burst: 100, ...given.pace },
  }
}

/** The real broker on a memory store, one bridge, and a scripted upstream, all on a virtual clock. */
export class BridgeBench {
  readonly clock = new VirtualClock(7)
  readonly disk = new MemoryDisk()
  readonly logger = new RecordingLogger()
  readonly upstream = new ScriptedServer()
  /** What the upstream took, each message once. */
  readonly taken: PublishPacket[] = []
  store!: MemoryStore
  broker!: GatewayBroker
  bridge!: MqttBridge
  /** A local device. */
  device!: Client
  /** What the local device got. */
  readonly got: Message[] = []
  #life = 0

  static async start(config: Settings = {}): Promise<BridgeBench> {
    const bench = new BridgeBench()
    bench.upstream.onPacket = takeAll(bench.taken)
    await bench.boot(config)
    return bench
  }

  async boot(config: Settings = {}): Promise<void> {
    const { clock, disk, logger } = this
    this.store = new MemoryStore({ clock, disk, runningMs: () => this.broker.runningMs() })
    this.broker = await createBroker({ store: this.store, access: createAccess('loopback'), clock, logger })
    this.bridge = createMqttBridge('cloud', settings(config), { broker: this.broker, clock, logger, gatewayId: 'gw-1' }, this.#opening())
    await this.bridge.start()
    this.device = this.attachDevice('device')
    await turns(clock)
  }

  /** Streams that die with this life of the gateway: after a crash the old bridge hears and says nothing. */
  #opening(): OpenStream {
    const life = ++this.#life
    const dead: Stream = { write: () => {}, pendingBytes: 0, peer: undefined, end: () => {}, destroy: () => {} }
    return (target, events, clock) => {
      if (life !== this.#life) return dead
      const alive = (run: () => void) => {
        if (life === this.#life) run()
      }
      return this.upstream.open(
        target,
        {
          opened: () => alive(() => events.opened()),
          data: chunk => alive(() => events.data(chunk)),
          drained: () => alive(() => events.drained()),
          closed: error => alive(() => events.closed(error)),
        },
        clock,
      )
    }
  }

  /** A power cut: what is not committed is gone, and so is the connection. */
  async crash(config: Settings = {}): Promise<void> {
    this.store.crash()
    await this.boot(config)
  }

  attachDevice(clientId: string, cleanStart = true): Client {
    const sink: Sink = {
      congested: false,
      send: message => this.got.push(message),
      sendRun: () => false,
      deliver: entry => {
        this.got.push(entry.message)
        this.clock.defer(() => (entry.qos === 1 ? client.acknowledge(entry.packetId) : client.received(entry.packetId)))
      },
      release: packetId => void client.complete(packetId),
      close: () => {},
    }
    const { client } = this.broker.attach({
      identity: this.broker.internalIdentity(clientId, 'mqtt', true),
      sink,
      protocol: 'mqtt 5',
      listener: 'local',
      peer: undefined,
      cleanStart,
      sessionExpiryMs: cleanStart ? 0 : 3_600_000,
      limits: {
        queue: { messagesMax: 100_000, bytesMax: 64 << 20, ageMaxMs: 0, whenFull: 'drop-oldest', qos0: false },
        inFlightMax: 100,
        topicLevelsMax: 128,
      },
    })
    client.resume()
    return client
  }

  /** Publishes locally. */
  publish(topic: string, payload: string, more: Partial<MessageInit> = {}): number {
    const route = this.broker.route(topic)
    if (route === undefined) throw new Error(`${topic} is no topic`)
    return this.device.publish(route, Message.from({ topic, payload: Buffer.from(payload), qos: 1, ...more }))
  }

  /** Payloads that the upstream took. */
  get texts(): string[] {
    return this.taken.map(packet => Buffer.from(packet.payload).toString())
  }

  get gotTexts(): string[] {
    return this.got.map(message => `${message.topic} ${Buffer.from(message.payload).toString()}`)
  }

  turns(): Promise<void> {
    return turns(this.clock)
  }
}
