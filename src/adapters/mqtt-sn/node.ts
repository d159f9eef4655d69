/** A node: a device that has connected, as a client of the broker. */
import { isLimited, PublishRate } from '#base/publish-rate.ts'
import type { Client, CloseReason, Position } from '#broker/ports.ts'
import type { ConnectPacket, SnPacket } from '#codecs/mqtt-sn/index.ts'
import type { SnContext } from './context.ts'
import { Downlink } from './downlink.ts'
import { encodeRecord, type NodeRecord, type StoredWill } from './node-record.ts'
import type { Peer } from './peer.ts'
import type { NodeTopics } from './predefined.ts'
import type { TopicTable } from './topic-table.ts'

/** `MQTT-SN 1.2 §6.14`. A node that is lost or disconnected is no longer in the table. */
export type NodeState = 'active' | 'asleep' | 'awake'

/** Told by nodes about their end. */
export interface NodeOwner {
  /** The broker has ended the node's attachment. */
  closed(node: Node, reason: CloseReason): void
  /** It does not answer, and was not heard of. */
  silent(node: Node): void
  /** It is awake and has got what waited for it. */
  delivered(node: Node): void
}

/** Requests of one node whose answers wait for the disk; further ones get "congestion", or come again. */
const PENDING_MAX = 64

export interface NodeInit {
  clientId: string
  peer: Peer
  displaced?: boolean
  cleanSession: boolean
  keepAliveSeconds: number
  sleepSeconds: number
  connection: number
  will: StoredWill | undefined
  topics: TopicTable
  /** What became of its session is in the store. */
  durable: boolean
}

export class Node {
  readonly context: SnContext
  readonly clientId: string
  readonly topics: TopicTable
  readonly predefined: NodeTopics
  readonly downlink: Downlink
  readonly cleanSession: boolean
  readonly keepAliveSeconds: number
  readonly connection: number
  readonly durable: boolean
  /** Where it is; undefined: another one has got its place, and it has not come from elsewhere yet. */
  peer: Peer | undefined
  lastPeer: Peer
  state: NodeState = 'active'
  sleepSeconds: number
  will: StoredWill | undefined
  client!: Client
  lastHeardMs: number
  /** The CONNECT that it came with, as long as nothing else has come: the same again is a retransmission. */
  connect: ConnectPacket | undefined
  connackSent = false
  /** Where the rate of publishes is limited. */
  readonly rate: PublishRate | undefined
  readonly #pending = new Set<string>()
  #afterAnswers: (() => void)[] = []

  constructor(context: SnContext, owner: NodeOwner, init: NodeInit) {
    this.context = context
    this.clientId = init.clientId
    this.lastPeer = init.peer
    this.peer = init.displaced === true ? undefined : init.peer
    this.cleanSession = init.cleanSession
    this.keepAliveSeconds = init.keepAliveSeconds
    this.sleepSeconds = init.sleepSeconds
    this.connection = init.connection
    this.will = init.will
    this.topics = init.topics
    this.durable = init.durable
    this.predefined = context.predefined.of(init.clientId)
    this.lastHeardMs = context.clock.monotonic()
    this.rate = rateOf(context)
    this.downlink = new Downlink(this, owner)
  }

  /** Binds it to its attachment; called once, right after `attach`. */
  bind(client: Client): void {
    this.client = client
    client.setState(this.state)
  }

  heard(): void {
    this.lastHeardMs = this.context.clock.monotonic()
    this.connect = undefined
  }

  setState(state: NodeState): void {
    this.state = state
    this.client.setState(state)
  }

  send(packet: SnPacket): void {
    if (this.peer !== undefined) this.context.send(this.peer, packet)
  }

  /** Sends an answer once `position` is durable, if the node is still attached then. */
  answer(position: Position, packet: SnPacket, then?: () => void): void {
    const { client } = this
    this.context.commits.after(position, () => {
      if (!client.attached) return
      this.send(packet)
      then?.()
    })
  }

  /**
   * The same for an answer that the disk may keep waiting, under a key that names the request: the request coming again
   * meanwhile is `isPending`.
   */
  answerRequest(key: string, position: Position, packet: SnPacket, then?: () => void): void {
    this.#pending.add(key)
    this.answer(position, packet, then)
    this.context.commits.after(position, () => this.#answered(key))
  }

  /** Runs `run` when no answer waits any more; at once if none does. */
  whenAnswered(run: () => void): void {
    if (this.#pending.size === 0) run()
    else this.#afterAnswers.push(run)
  }

  isPending(key: string): boolean {
    return this.#pending.has(key)
  }

  /** Too many of its requests wait for the disk. */
  get overloaded(): boolean {
    return this.#pending.size >= PENDING_MAX
  }

  #answered(key: string): void {
    this.#pending.delete(key)
    if (this.#pending.size > 0 || this.#afterAnswers.length === 0) return
    for (const run of this.#afterAnswers.splice(0)) run()
  }

  /** Writes what a restart must know. */
  save(state: NodeRecord['state'] = this.state === 'active' ? 'active' : 'asleep'): Position {
    if (!this.durable) return 0
    const { lastPeer: peer, cleanSession, keepAliveSeconds, sleepSeconds, connection, will } = this
    const { listener, broker } = this.context
    const record: NodeRecord = {
      listener,
      peer,
      displaced: this.peer === undefined,
      state,
      cleanSession,
      keepAliveSeconds,
      sleepSeconds,
      connection,
      will,
    }
    return nodeRecords(broker).put(this.clientId, encodeRecord(record))
  }
}

/** A publisher's allowance; undefined: as fast as it likes. */
export function rateOf({ clock, limits }: SnContext): PublishRate | undefined {
  return isLimited(limits.rate) ? new PublishRate(clock, limits.rate) : undefined
}

export function nodeRecords(broker: SnContext['broker']) {
  return broker.records('mqtt-sn')
}

/** Topic ids have an owner of their own for each node, so that they go with one operation. */
export function topicRecords(broker: SnContext['broker'], clientId: string) {
  return broker.records(`mqtt-sn/${clientId}`)
}
