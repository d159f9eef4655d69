/** MQTT-SN 1.2 on one listener: datagrams in, datagrams out. Knows no socket. */
import type { Clock, Timer } from '#base/clock.ts'
import { isGatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { type Broker, type ClientLimits, CommitQueue, type Identity } from '#broker/ports.ts'
import { decodePacket, encodeForwarded, encodePacket, type ForwardedPacket } from '#codecs/mqtt-sn/index.ts'
import type { DatagramRemote } from '#listeners/types.ts'
import type { MqttSnConfig } from './config.ts'
import { newCounters, type SnContext, type SnCounters } from './context.ts'
import { Discovery } from './discovery.ts'
import { Dispatch } from './dispatch.ts'
import { Mountpoint } from './mountpoint.ts'
import { Nodes } from './nodes.ts'
import { type Peer, peerOf } from './peer.ts'
import { PredefinedTopics } from './predefined.ts'
import { restoreNodes } from './restore.ts'

/** Where datagrams leave: the listener's socket. */
export interface SnPort {
  send(bytes: Uint8Array, address: string, port: number): void
}

export interface SnEngineOptions {
  broker: Broker
  clock: Clock
  logger: Logger
  port: SnPort
  /** The listener's name. */
  listener: string
  /** Limits of each node, from the listener's zone. */
  limits: ClientLimits
  /** The longest payload that a node may publish, in bytes (`limits.max_packet`). */
  payloadBytesMax: number
  /** How long the session of an absent node is kept. */
  sessionExpiryMs: number
  /** From a CONNECT to the end of its will handshake. */
  connectTimeoutMs: number
  /** Nodes at a time (`max_connections`). */
  clientsMax: number
  anonymous?: 'never' | 'loopback' | 'always' | undefined
  /** Put before every topic. */
  mountpoint?: string | undefined
  config: MqttSnConfig
}

const TICK_MS = 1000
/** How often records of nodes whose sessions have expired are looked for. */
const COLLECT_TICKS = 3600

export class SnEngine {
  readonly counters: SnCounters = newCounters()
  readonly #options: SnEngineOptions
  readonly #nodes: Nodes
  readonly #dispatch: Dispatch
  readonly #discovery: Discovery
  #timer: Timer | undefined
  #ticks = 0
  #closed = false

  /** Nodes that were connected when the gateway stopped are connected again. */
  constructor(options: SnEngineOptions) {
    this.#options = options
    const context = this.#context()
    this.#nodes = new Nodes(context)
    this.#discovery = new Discovery(context, options.port)
    this.#dispatch = new Dispatch(context, this.#nodes, this.#discovery)
    restoreNodes(context, this.#nodes)
    this.#nodes.collect()
    this.#armTick()
  }

  /** Connected nodes, those that sleep included. */
  get clients(): number {
    return this.#nodes.size
  }

  /** Begins to tell that there is a gateway, where that is configured. */
  advertise(): void {
    this.#discovery.start()
  }

  /** Takes a datagram from the listener. Never throws. */
  receive(bytes: Uint8Array, remote: DatagramRemote): void {
    if (this.#closed) return
    try {
      const packet = decodePacket(bytes)
      if (packet.type === 'forwarded') this.#unwrap(packet, remote)
      else this.#dispatch.take(peerOf(remote), packet)
    } catch (error) {
      this.counters.malformed++
      if (!isGatewayError(error)) this.#options.logger.error('a datagram could not be handled', { error, peer: remote.address })
    }
  }

  /** Nodes are told nothing: they go on when the gateway is back. */
  close(): void {
    this.#closed = true
    this.#options.clock.clearTimer(this.#timer)
    this.#discovery.close()
    this.#dispatch.close()
    this.#nodes.close()
  }

  /** Answers go back in an envelope; one within another is not in the specification. */
  #unwrap({ nodeId, message }: ForwardedPacket, remote: DatagramRemote): void {
    const packet = decodePacket(message)
    if (packet.type === 'forwarded') this.counters.malformed++
    else this.#dispatch.take(peerOf(remote, nodeId), packet)
  }

  #armTick(): void {
    this.#timer = this.#options.clock.setTimer(TICK_MS, () => {
      this.#nodes.supervise()
      this.#dispatch.supervise()
      this.#ticks++
      if (this.#ticks % COLLECT_TICKS === 0) this.#nodes.collect()
      this.#armTick()
    })
  }

  #context(): SnContext {
    const { broker, clock, logger, listener, limits, port, config, sessionExpiryMs, connectTimeoutMs, clientsMax } = this.#options
    const sendBytes = (peer: Peer, bytes: Uint8Array, radius = 0) => {
      const datagram = peer.nodeId === undefined ? bytes : encodeForwarded(radius, Buffer.from(peer.nodeId, 'hex'), bytes)
      port.send(datagram, peer.address, peer.port)
    }
    return {
      broker,
      clock,
      logger,
      listener,
      config,
      limits: { ...limits, inFlightMax: 1 },
      sessionExpiryMs,
      payloadBytesMax: this.#options.payloadBytesMax,
      connectTimeoutMs,
      clientsMax,
      mountpoint: new Mountpoint(this.#options.mountpoint),
      predefined: new PredefinedTopics(config),
      commits: new CommitQueue(broker),
      counters: this.counters,
      admit: (clientId, peer) => this.#admit(clientId, peer),
      send: (peer, packet, radius) => sendBytes(peer, encodePacket(packet), radius),
      sendBytes,
    }
  }

  #admit(clientId: string, { address, loopback }: Peer): Identity | Promise<Identity> {
    const { broker, listener, anonymous } = this.#options
    const nameless = { username: undefined, password: undefined }
    return broker.admit({ protocol: 'mqtt-sn', clientId, ...nameless, address, listener, loopback, anonymous })
  }
}
