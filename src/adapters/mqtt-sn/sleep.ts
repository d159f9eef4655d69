/** DISCONNECT and PINGREQ: how nodes leave, sleep and wake (`MQTT-SN 1.2 §6.11, §6.12, §6.14`). */
import type { Identity } from '#broker/ports.ts'
import type { DisconnectPacket, PingreqPacket } from '#codecs/mqtt-sn/index.ts'
import type { SnContext } from './context.ts'
import type { Node } from './node.ts'
import type { Nodes } from './nodes.ts'
import type { Peer } from './peer.ts'

/** Places that have just said good-bye and may not have heard ours; the oldest is forgotten. */
const FAREWELLS_MAX = 1024
/** Address changes that access is asked about at a time; a node beyond asks again. */
const MOVES_MAX = 1024

export class Sleep {
  readonly #context: SnContext
  readonly #nodes: Nodes
  readonly #farewells = new Set<string>()
  readonly #moving = new Set<string>()

  constructor(context: SnContext, nodes: Nodes) {
    this.#context = context
    this.#nodes = nodes
  }

  disconnect(node: Node, peer: Peer, packet: DisconnectPacket): void {
    const seconds = packet.durationSeconds ?? 0
    const answer = { type: 'disconnect', durationSeconds: undefined } as const
    if (seconds > 0) {
      node.sleepSeconds = seconds
      this.#nodes.sleep(node)
      return node.answer(node.save(), answer)
    }
    this.#remember(peer)
    const position = this.#nodes.leave(node, true, 'disconnected')
    this.#context.commits.after(position, () => this.#context.send(peer, answer))
  }

  /** A DISCONNECT of nobody: answered only to one that has just left, so that two gateways cannot answer each other for ever. */
  farewell(peer: Peer): boolean {
    if (!this.#farewells.has(peer.key)) return false
    this.#context.send(peer, { type: 'disconnect', durationSeconds: undefined })
    return true
  }

  /** False: nobody of this name, or at this place, may ping. */
  ping(peer: Peer, { clientId }: PingreqPacket): boolean {
    const node = clientId === '' ? this.#nodes.at(peer) : this.#nodes.get(clientId)
    if (node === undefined) return false
    if (node.peer?.key === peer.key) this.#pinged(node)
    // A node that is awake all the time says CONNECT when its address has changed.
    else if (node.state === 'active') return false
    else this.#move(node, peer)
    return true
  }

  #pinged(node: Node): void {
    node.heard()
    if (node.state === 'active') return node.send({ type: 'pingresp' })
    if (node.state === 'awake') return
    node.setState('awake')
    node.downlink.wake()
  }

  /** A sleeping node that comes from elsewhere is let in by what would let in its CONNECT from there. */
  #move(node: Node, peer: Peer): void {
    if (this.#moving.has(node.clientId) || this.#moving.size >= MOVES_MAX) return
    const moved = () => {
      if (!node.client.attached || node.state === 'active') return
      if (node.state === 'awake') this.#nodes.sleep(node)
      this.#nodes.move(node, peer)
      this.#pinged(node)
    }
    const refused = (error: unknown) => {
      this.#context.counters.refused++
      this.#context.logger.info('a node was refused at its new address', { client: node.clientId, peer: peer.key, error })
      this.#context.send(peer, { type: 'disconnect', durationSeconds: undefined })
    }
    let outcome: Identity | Promise<Identity>
    try {
      outcome = this.#context.admit(node.clientId, peer)
    } catch (error) {
      return refused(error)
    }
    if (!(outcome instanceof Promise)) return moved()
    this.#moving.add(node.clientId)
    outcome.then(moved, refused).finally(() => this.#moving.delete(node.clientId))
  }

  #remember(peer: Peer): void {
    if (this.#farewells.size >= FAREWELLS_MAX) this.#farewells.delete(this.#farewells.values().next().value!)
    this.#farewells.add(peer.key)
  }
}
