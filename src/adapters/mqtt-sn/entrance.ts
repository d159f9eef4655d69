/** CONNECT and the will handshake (`MQTT-SN 1.2 §6.2, §6.3`): what is between a stranger and a node. */
import { isGatewayError } from '#base/errors.ts'
import type { Identity, Qos } from '#broker/ports.ts'
import { topicFault } from '#codecs/mqtt/index.ts'
import {
  type ConnectPacket,
  PROTOCOL_ID,
  RETURN_CODE,
  type SnPacket,
  type WillMessagePacket,
  type WillTopicPacket,
} from '#codecs/mqtt-sn/index.ts'
import type { SnContext } from './context.ts'
import type { StoredWill } from './node-record.ts'
import type { Nodes } from './nodes.ts'
import { type Peer, showPeer } from './peer.ts'
import { Retransmission } from './retransmission.ts'

/** Handshakes that are under way at a time; a newcomer beyond gets "congestion". */
const ENTERING_MAX = 1024

/** A client id longer than this is refused; the specification has 23 characters, nodes have more. */
const CLIENT_ID_BYTES_MAX = 256

interface Entering {
  readonly peer: Peer
  readonly packet: ConnectPacket
  readonly startedMs: number
  readonly request: Retransmission
  phase: 'admitting' | 'willtopic' | 'willmsg'
  identity: Identity | undefined
  will: StoredWill | undefined
}

export class Entrance {
  readonly #context: SnContext
  readonly #nodes: Nodes
  readonly #entering = new Map<string, Entering>()

  constructor(context: SnContext, nodes: Nodes) {
    this.#context = context
    this.#nodes = nodes
  }

  connect(peer: Peer, packet: ConnectPacket): void {
    if (this.#repeated(peer, packet)) return
    this.#drop(peer)
    const fault = connectFault(packet)
    if (fault !== undefined) return this.#refuse(peer, packet, RETURN_CODE.notSupported, fault)
    if (this.#nodes.get(packet.clientId) === undefined && this.#nodes.size >= this.#context.clientsMax)
      return this.#refuse(peer, packet, RETURN_CODE.congestion, 'too many nodes')
    if (this.#entering.size >= ENTERING_MAX) return this.#refuse(peer, packet, RETURN_CODE.congestion, 'too many nodes come at once')
    const startedMs = this.#context.clock.monotonic()
    const request = new Retransmission(this.#context, () => this.#abandon(entering))
    const entering: Entering = { peer, packet, startedMs, request, phase: 'admitting', identity: undefined, will: undefined }
    this.#entering.set(peer.key, entering)
    this.#admit(entering)
  }

  /** False: nobody here is asked for a will. */
  willTopic(peer: Peer, packet: WillTopicPacket): boolean {
    const entering = this.#entering.get(peer.key)
    if (entering === undefined || entering.phase === 'admitting') return entering !== undefined
    const { topic, qos, retain } = packet
    if (topic === '') {
      entering.will = undefined
      this.#enter(entering)
    } else if (topicFault(topic) !== undefined || topic.includes('\0') || qos < 0) {
      this.#refuse(peer, entering.packet, RETURN_CODE.notSupported, 'the will’s topic or QoS is not valid')
    } else {
      entering.will = { topic, qos: qos as Qos, retain, payload: NOTHING }
      this.#ask(entering, 'willmsg')
    }
    return true
  }

  /** False: nobody here is asked for a will. */
  willMessage(peer: Peer, packet: WillMessagePacket): boolean {
    const entering = this.#entering.get(peer.key)
    if (entering === undefined) return this.#repeatConnack(peer)
    if (entering.phase === 'willmsg') {
      entering.will = { ...entering.will!, payload: Uint8Array.from(packet.payload) }
      this.#enter(entering)
    } else if (entering.phase === 'willtopic') this.#ask(entering, 'willtopic')
    return true
  }

  /** Whether somebody at this place is on the way in. */
  has(peer: Peer): boolean {
    return this.#entering.has(peer.key)
  }

  /** Who has not finished in time has to begin anew. */
  supervise(): void {
    const beforeMs = this.#context.clock.monotonic() - this.#context.connectTimeoutMs
    for (const entering of this.#entering.values()) if (entering.startedMs < beforeMs) this.#abandon(entering)
  }

  close(): void {
    for (const { request } of this.#entering.values()) request.stop()
    this.#entering.clear()
  }

  /** The same CONNECT again, because its answer has not come: the answer is repeated, nothing begins anew. */
  #repeated(peer: Peer, packet: ConnectPacket): boolean {
    const entering = this.#entering.get(peer.key)
    if (entering !== undefined && isSame(entering.packet, packet)) {
      if (entering.phase !== 'admitting') this.#ask(entering, entering.phase)
      return true
    }
    const node = this.#nodes.at(peer)
    // With a will the handshake runs again: the node waits for WILLTOPICREQ.
    return node?.connect !== undefined && isSame(node.connect, packet) && !packet.will && this.#repeatConnack(peer)
  }

  #repeatConnack(peer: Peer): boolean {
    const node = this.#nodes.at(peer)
    if (node?.connect === undefined) return false
    if (node.connackSent) node.send({ type: 'connack', returnCode: RETURN_CODE.accepted })
    return true
  }

  #admit(entering: Entering): void {
    const { peer, packet } = entering
    let outcome: Identity | Promise<Identity>
    try {
      outcome = this.#context.admit(packet.clientId, peer)
    } catch (error) {
      return this.#refuseFor(entering, error)
    }
    if (!(outcome instanceof Promise)) return this.#admitted(entering, outcome)
    outcome.then(
      identity => this.#admitted(entering, identity),
      (error: unknown) => this.#refuseFor(entering, error),
    )
  }

  #admitted(entering: Entering, identity: Identity): void {
    if (!this.#isCurrent(entering)) return
    const { packet } = entering
    entering.identity = identity
    if (packet.will) return this.#ask(entering, 'willtopic')
    entering.will = packet.cleanSession ? undefined : this.#nodes.keptWill(packet.clientId)
    this.#enter(entering)
  }

  #ask(entering: Entering, phase: 'willtopic' | 'willmsg'): void {
    entering.phase = phase
    const packet: SnPacket = { type: phase === 'willtopic' ? 'willtopicreq' : 'willmsgreq' }
    entering.request.start(() => this.#context.send(entering.peer, packet))
  }

  #enter(entering: Entering): void {
    const { peer, packet, identity, will } = entering
    try {
      const { node, position } = this.#nodes.enter(peer, packet, identity!, will)
      this.#drop(peer)
      node.connect = packet
      this.#context.counters.connected++
      this.#context.logger.debug('a node has connected', { client: packet.clientId, peer: showPeer(peer) })
      node.answer(position, { type: 'connack', returnCode: RETURN_CODE.accepted }, () => {
        node.connackSent = true
        node.client.resume()
      })
    } catch (error) {
      this.#refuseFor(entering, error)
    }
  }

  #refuseFor(entering: Entering, error: unknown): void {
    if (!this.#isCurrent(entering)) return
    this.#refuse(entering.peer, entering.packet, refusalCode(error), error)
  }

  #refuse(peer: Peer, { clientId }: ConnectPacket, returnCode: number, why: unknown): void {
    this.#drop(peer)
    const { counters, logger } = this.#context
    counters.refused++
    if (returnCode === RETURN_CODE.congestion) counters.congested++
    logger.info('a node was refused', { client: clientId, peer: showPeer(peer), error: why })
    this.#context.send(peer, { type: 'connack', returnCode })
  }

  #abandon(entering: Entering): void {
    this.#context.counters.handshakesAbandoned++
    this.#drop(entering.peer)
  }

  #drop(peer: Peer): void {
    this.#entering.get(peer.key)?.request.stop()
    this.#entering.delete(peer.key)
  }

  #isCurrent(entering: Entering): boolean {
    return this.#entering.get(entering.peer.key) === entering
  }
}

const NOTHING = new Uint8Array(0)

function connectFault({ protocolId, clientId }: ConnectPacket): string | undefined {
  if (protocolId !== PROTOCOL_ID) return `protocol id ${protocolId} is not MQTT-SN 1.2`
  if (clientId === '') return 'it has no client id'
  if (Buffer.byteLength(clientId) > CLIENT_ID_BYTES_MAX) return 'its client id is too long'
  return clientId.includes('\0') ? 'its client id holds U+0000' : undefined
}

/** "Congestion" for what may succeed later, "not supported" for what will not. */
export function refusalCode(error: unknown): number {
  const later = isGatewayError(error) ? error.retryable || error.code === 'server-busy' || error.code === 'quota-exceeded' : true
  return later ? RETURN_CODE.congestion : RETURN_CODE.notSupported
}

function isSame(a: ConnectPacket, b: ConnectPacket): boolean {
  return a.clientId === b.clientId && a.will === b.will && a.cleanSession === b.cleanSession && a.durationSeconds === b.durationSeconds
}
