/** Which packet goes where. */
import type { SnPacket } from '#codecs/mqtt-sn/index.ts'
import type { SnContext } from './context.ts'
import type { Discovery } from './discovery.ts'
import { Entrance } from './entrance.ts'
import { LoosePublish } from './loose-publish.ts'
import type { Node } from './node.ts'
import type { Nodes } from './nodes.ts'
import type { Peer } from './peer.ts'
import { publish, pubrel } from './publish.ts'
import { Sleep } from './sleep.ts'
import { subscribe, unsubscribe } from './subscribe.ts'
import { register } from './topics.ts'
import { updateWillMessage, updateWillTopic } from './will.ts'

export class Dispatch {
  readonly #context: SnContext
  readonly #nodes: Nodes
  readonly #discovery: Discovery
  readonly #entrance: Entrance
  readonly #sleep: Sleep
  readonly #loose: LoosePublish

  constructor(context: SnContext, nodes: Nodes, discovery: Discovery) {
    this.#context = context
    this.#nodes = nodes
    this.#discovery = discovery
    this.#entrance = new Entrance(context, nodes)
    this.#sleep = new Sleep(context, nodes)
    this.#loose = new LoosePublish(context, nodes)
  }

  take(peer: Peer, packet: SnPacket): void {
    switch (packet.type) {
      case 'searchgw':
        return this.#discovery.answer(peer, packet)
      case 'connect':
        return this.#entrance.connect(peer, packet)
      case 'willtopic':
        return this.#known(peer, this.#entrance.willTopic(peer, packet))
      case 'willmsg':
        return this.#known(peer, this.#entrance.willMessage(peer, packet))
      case 'pingreq':
        return this.#known(peer, this.#sleep.ping(peer, packet))
      case 'publish':
        if (packet.qos < 0) return this.#loose.take(peer, packet)
    }
    const node = this.#nodes.at(peer)
    if (node === undefined) return this.#unknown(peer, packet)
    node.heard()
    if (!this.#handle(node, peer, packet)) this.#context.counters.unexpected++
  }

  /** What has to be looked at every second. */
  supervise(): void {
    this.#entrance.supervise()
    this.#loose.supervise()
  }

  close(): void {
    this.#entrance.close()
    this.#loose.close()
  }

  /** A packet of a connected node. False: not one that nodes send. */
  #handle(node: Node, peer: Peer, packet: SnPacket): boolean {
    switch (packet.type) {
      case 'publish':
        publish(node, packet)
        return true
      case 'register':
        register(node, packet)
        return true
      case 'subscribe':
        subscribe(node, packet)
        return true
      case 'unsubscribe':
        unsubscribe(node, packet)
        return true
      case 'disconnect':
        this.#sleep.disconnect(node, peer, packet)
        return true
      case 'willtopicupd':
        updateWillTopic(node, packet)
        return true
      case 'willmsgupd':
        updateWillMessage(node, packet)
        return true
      default:
        return handleAnswer(node, packet)
    }
  }

  #known(peer: Peer, known: boolean): void {
    if (known) return
    const node = this.#nodes.at(peer)
    if (node === undefined) return this.#dismiss(peer)
    // A part of a handshake that is over.
    node.heard()
    this.#context.counters.unexpected++
  }

  /** Only what a client sends is answered: another gateway must not be drawn into a conversation. */
  #unknown(peer: Peer, packet: SnPacket): void {
    if (this.#entrance.has(peer)) return
    if (packet.type === 'disconnect') {
      if (!this.#sleep.farewell(peer)) this.#context.counters.unknownSender++
    } else if (CLIENT_PACKETS.has(packet.type)) this.#dismiss(peer)
    else this.#context.counters.unexpected++
  }

  /** It believes that it is connected: now it knows better, and connects. */
  #dismiss(peer: Peer): void {
    this.#context.counters.unknownSender++
    this.#context.send(peer, { type: 'disconnect', durationSeconds: undefined })
  }
}

const CLIENT_PACKETS: ReadonlySet<SnPacket['type']> = new Set([
  'publish',
  'register',
  'subscribe',
  'unsubscribe',
  'willtopicupd',
  'willmsgupd',
])

/** The node's part in what the gateway has begun. */
function handleAnswer(node: Node, packet: SnPacket): boolean {
  const { downlink } = node
  switch (packet.type) {
    case 'regack':
      downlink.regack(packet)
      return true
    case 'puback':
      downlink.puback(packet)
      return true
    case 'pubrec':
      downlink.pubrec(packet.msgId)
      return true
    case 'pubcomp':
      downlink.pubcomp(packet.msgId)
      return true
    case 'pubrel':
      pubrel(node, packet.msgId)
      return true
    default:
      return false
  }
}
