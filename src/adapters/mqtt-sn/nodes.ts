/** The connected nodes of a listener: by client id and by place. Others are in the store alone. */
import { isGatewayError } from '#base/errors.ts'
import type { Attachment, CloseReason, Identity, Position } from '#broker/ports.ts'
import type { ConnectPacket } from '#codecs/mqtt-sn/index.ts'
import type { SnContext } from './context.ts'
import { Node, type NodeInit, type NodeOwner, nodeRecords, topicRecords } from './node.ts'
import { brokerWill, decodeRecord, encodeRecord, type NodeRecord, type StoredWill } from './node-record.ts'
import { type Peer, showPeer } from './peer.ts'
import { TopicTable } from './topic-table.ts'

/** `MQTT-SN 1.2 §7.2`: how much longer than its timer a node may be silent, for timers up to a minute and for longer ones. */
const TOLERANCE_SHORT = 1.5
const TOLERANCE_LONG = 1.1

export class Nodes implements NodeOwner {
  readonly #context: SnContext
  readonly #byId = new Map<string, Node>()
  readonly #byPlace = new Map<string, Node>()
  #closed = false

  constructor(context: SnContext) {
    this.#context = context
  }

  get size(): number {
    return this.#byId.size
  }

  all(): IterableIterator<Node> {
    return this.#byId.values()
  }

  get(clientId: string): Node | undefined {
    return this.#byId.get(clientId)
  }

  at(peer: Peer): Node | undefined {
    return this.#byPlace.get(peer.key)
  }

  /** The will that is kept for a node from earlier connections. */
  keptWill(clientId: string): StoredWill | undefined {
    const node = this.#byId.get(clientId)
    if (node !== undefined) return node.cleanSession ? undefined : node.will
    return decodeRecord(nodeRecords(this.#context.broker).get(clientId))?.will
  }

  /**
   * A node has connected (`§6.2, §6.3`). What it was before ends without its will: it is here. Returns it and what must be
   * durable before the CONNACK.
   * @throws GatewayError as `Broker.attach`
   */
  enter(peer: Peer, packet: ConnectPacket, identity: Identity, will: StoredWill | undefined): { node: Node; position: Position } {
    const { broker } = this.#context
    const { clientId, cleanSession, durationSeconds: keepAliveSeconds } = packet
    const before = this.#byId.get(clientId)
    if (before !== undefined) {
      const moved = before.peer?.key !== peer.key
      if (moved) before.send({ type: 'disconnect', durationSeconds: undefined })
      this.leave(before, true, moved ? 'taken-over' : 'reconnected')
    }
    this.#displace(peer)
    const connection = (decodeRecord(nodeRecords(broker).get(clientId))?.connection ?? 0) + 1
    if (cleanSession) topicRecords(broker, clientId).clear()
    const init = { clientId, peer, cleanSession, keepAliveSeconds, sleepSeconds: 0, connection, will }
    const { node, attachment } = this.#attach(init, identity, cleanSession)
    if (!attachment.sessionPresent) node.topics.clear()
    return { node, position: Math.max(attachment.position, node.save()) }
  }

  /** Brings back a node that was connected when the gateway stopped. */
  restore(clientId: string, record: NodeRecord, identity: Identity): void {
    if (this.#byId.has(clientId)) return
    const { listener: _listener, state, ...rest } = record
    const { node, attachment } = this.#attach({ clientId, ...rest }, identity, false)
    if (!attachment.sessionPresent) {
      this.#remove(node)
      attachment.client.detach(true, 0)
      return this.#forget(clientId)
    }
    if (state === 'asleep') this.sleep(node)
    node.save()
    attachment.client.resume()
  }

  /** Nothing is delivered from now on; what comes waits in the node's queue. */
  sleep(node: Node): void {
    node.downlink.pause()
    node.client.park()
    node.setState('asleep')
  }

  /** The node has moved to another place, and access has let it. */
  move(node: Node, peer: Peer): void {
    if (node.peer?.key === peer.key) return
    this.#displace(peer)
    if (node.peer !== undefined) this.#byPlace.delete(node.peer.key)
    this.#context.logger.info('a node has come from another address', { client: node.clientId, peer: showPeer(peer) })
    node.peer = peer
    node.lastPeer = peer
    this.#byPlace.set(peer.key, node)
    node.save()
  }

  /** Ends a node's connection. `normal` false: its will goes out. Returns what must be durable before it is told. */
  leave(node: Node, normal: boolean, reason: string): Position {
    const { client, cleanSession } = node
    this.#remove(node)
    client.detach(normal, cleanSession ? 0 : undefined, reason)
    return this.#keep(node)
  }

  /** Looks which nodes were silent for too long (`§6.11, §6.14`). */
  supervise(): void {
    const nowMs = this.#context.clock.monotonic()
    for (const node of this.#byId.values()) {
      const seconds = node.state === 'active' ? node.keepAliveSeconds : node.sleepSeconds
      if (seconds > 0 && nowMs - node.lastHeardMs > seconds * 1000 * (seconds > 60 ? TOLERANCE_LONG : TOLERANCE_SHORT))
        this.#lose(node, 'keep-alive-timeout')
    }
  }

  /** The gateway stops. Nodes are told nothing: they go on when it is back. */
  close(): void {
    this.#closed = true
    for (const node of this.#byId.values()) node.downlink.stop()
  }

  closed(node: Node, reason: CloseReason): void {
    if (this.#closed || reason === 'shutting-down') return
    this.#remove(node)
    node.send({ type: 'disconnect', durationSeconds: undefined })
    this.#keep(node)
  }

  silent(node: Node): void {
    if (node.state === 'awake') this.sleep(node)
    else this.#lose(node, 'no-answer')
  }

  delivered(node: Node): void {
    this.sleep(node)
    node.send({ type: 'pingresp' })
  }

  #lose(node: Node, reason: string): void {
    this.#context.counters.lost++
    this.#context.logger.info('a node is lost', { client: node.clientId, state: node.state, reason })
    this.leave(node, false, reason)
  }

  /** Somebody else's packets come from where a node was. One that sleeps may have got another address: it is waited for. */
  #displace(peer: Peer): void {
    const occupant = this.#byPlace.get(peer.key)
    if (occupant === undefined) return
    if (occupant.state === 'active') return this.#lose(occupant, 'replaced')
    this.#byPlace.delete(peer.key)
    occupant.peer = undefined
    occupant.save()
  }

  #remove(node: Node): void {
    node.downlink.stop()
    if (this.#byId.get(node.clientId) === node) this.#byId.delete(node.clientId)
    if (node.peer !== undefined && this.#byPlace.get(node.peer.key) === node) this.#byPlace.delete(node.peer.key)
  }

  /** What stays of a node that is no longer connected. */
  #keep(node: Node): Position {
    if (!node.durable) return 0
    if (!node.cleanSession) return node.save('away')
    const { broker } = this.#context
    return Math.max(topicRecords(broker, node.clientId).clear(), nodeRecords(broker).delete(node.clientId))
  }

  #forget(clientId: string): void {
    topicRecords(this.#context.broker, clientId).clear()
    nodeRecords(this.#context.broker).delete(clientId)
  }

  #attach(init: Omit<NodeInit, 'topics' | 'durable'>, identity: Identity, cleanStart: boolean): { node: Node; attachment: Attachment } {
    try {
      return this.#attachAs(init, identity, cleanStart, this.#context.sessionExpiryMs > 0)
    } catch (error) {
      // The disk takes nothing: a node that asked for nothing that lasts is served from memory.
      if (!cleanStart || !(isGatewayError(error, 'store-full') || isGatewayError(error, 'store-failed'))) throw error
      return this.#attachAs(init, identity, cleanStart, false)
    }
  }

  #attachAs(init: Omit<NodeInit, 'topics' | 'durable'>, identity: Identity, cleanStart: boolean, durable: boolean) {
    const { broker, config, limits, listener, mountpoint, predefined, sessionExpiryMs } = this.#context
    const { clientId, peer, will, keepAliveSeconds } = init
    const records = durable ? topicRecords(broker, clientId) : undefined
    const topics = new TopicTable(records, predefined.of(clientId), config.topic_ids)
    const node = new Node(this.#context, this, { ...init, topics, durable })
    const attachment = broker.attach({
      identity,
      sink: node.downlink,
      protocol: 'mqtt-sn',
      listener,
      peer: showPeer(peer),
      cleanStart,
      // Clean sessions too: a node that sleeps finds what waited for it after a restart of the gateway.
      sessionExpiryMs: durable ? sessionExpiryMs : 0,
      limits,
      will: brokerWill(will, name => mountpoint.topic(name)),
      keepAliveSeconds,
    })
    node.bind(attachment.client)
    this.#byId.set(clientId, node)
    if (node.peer !== undefined) this.#byPlace.set(peer.key, node)
    return { node, attachment }
  }

  /** Forgets records of nodes whose session is no longer there. */
  collect(): void {
    const { broker, listener } = this.#context
    const sessions = new Set(broker.clients().map(client => client.clientId))
    for (const [clientId, bytes] of nodeRecords(broker).entries()) {
      if (sessions.has(clientId) || decodeRecord(bytes)?.listener !== listener) continue
      this.#forget(clientId)
    }
  }

  /** What the store has of nodes that were connected by this listener when the gateway stopped. */
  stored(): [clientId: string, record: NodeRecord][] {
    const { broker, listener } = this.#context
    const found: [string, NodeRecord][] = []
    for (const [clientId, bytes] of nodeRecords(broker).entries()) {
      const record = decodeRecord(bytes)
      if (record === undefined) nodeRecords(broker).delete(clientId)
      else if (record.listener === listener && record.state !== 'away') found.push([clientId, record])
    }
    return found
  }

  /** A node that may no longer come in, or not now: what is kept waits for its CONNECT. */
  refuseStored(clientId: string, record: NodeRecord): void {
    nodeRecords(this.#context.broker).put(clientId, encodeRecord({ ...record, state: 'away' }))
  }
}
