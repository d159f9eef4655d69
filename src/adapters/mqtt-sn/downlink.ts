/**
 * Messages on their way to a node: one at a time. A topic whose id the node does not know is registered before its first
 * PUBLISH (`MQTT-SN 1.2 §6.5`); what comes meanwhile waits in the broker's queue.
 */
import type { CloseReason, DropReason, Entry, Message, Sink } from '#broker/ports.ts'
import {
  encodePacket,
  markDup,
  type PublishPacket,
  RETURN_CODE,
  type TopicAnswerPacket,
  type TopicReference,
} from '#codecs/mqtt-sn/index.ts'
import type { Node, NodeOwner } from './node.ts'
import { Retransmission } from './retransmission.ts'
import type { TopicId } from './topic-table.ts'

/**
 * Rounds of N_retry attempts after which a message is given up, by a node that is otherwise there: one that is active and
 * was heard of meanwhile, or one that has woken as often. Silence alone never costs a message.
 */
const ROUNDS_ACTIVE_MAX = 3
const ROUNDS_AWAKE_MAX = 10
/** Messages that may come while a node is awake and are still sent to it before it sleeps again. */
const AWAKE_EXTRA_MAX = 64

/** What waits for the registration of its topic. */
type Waiting = { message: Message; retain: boolean } | { entry: Entry }

interface Registering {
  readonly topic: TopicId
  readonly msgId: number
  readonly waiting: Waiting
}

export class Downlink implements Sink {
  readonly #node: Node
  readonly #owner: NodeOwner
  /** The topic that is being registered, and what comes after it. */
  #registering: Registering | undefined
  /** The QoS 1 or 2 message in flight; `phase` is what is awaited. */
  #exchange: { entry: Entry | undefined; packetId: number; phase: 'puback' | 'pubrec' | 'pubcomp' } | undefined
  readonly #registration: Retransmission
  readonly #delivery: Retransmission
  #msgId = 0
  /** The entry that failed last, and how often. */
  #failure = { packetId: 0, times: 0 }
  /** Deliveries that are left until an awake node must sleep again. */
  #awakeBudget = 0
  #looking = false
  #ended = false

  constructor(node: Node, owner: NodeOwner) {
    this.#node = node
    this.#owner = owner
    this.#registration = new Retransmission(node.context, () => this.#exhausted(this.#registration))
    this.#delivery = new Retransmission(node.context, () => this.#exhausted(this.#delivery))
  }

  get congested(): boolean {
    return this.#registering !== undefined || this.#node.state === 'asleep' || (this.#node.state === 'awake' && this.#awakeBudget <= 0)
  }

  sendRun(): boolean {
    return false
  }

  send(message: Message, retain: boolean): void {
    this.#delivering()
    const topic = this.#reference(message)
    if (topic === undefined) this.#register(message, { message, retain })
    else this.#sendQos0(message, retain, topic)
  }

  deliver(entry: Entry): void {
    this.#delivering()
    const topic = this.#reference(entry.message)
    if (topic === undefined) this.#register(entry.message, { entry })
    else this.#sendEntry(entry, topic)
  }

  release(packetId: number): void {
    this.#exchange = { entry: undefined, packetId, phase: 'pubcomp' }
    const bytes = encodePacket({ type: 'pubrel', msgId: packetId })
    this.#delivery.start(() => this.#transmit(bytes))
  }

  paged(): void {
    this.#lookLater()
  }

  close(reason: CloseReason): void {
    this.stop()
    this.#owner.closed(this.#node, reason)
  }

  /** Ends timers; what was under way is the broker's to send again. */
  stop(): void {
    this.#ended = true
    this.pause()
  }

  /** The node sleeps: nothing is under way any more. */
  pause(): void {
    this.#registering = undefined
    this.#exchange = undefined
    this.#registration.stop()
    this.#delivery.stop()
  }

  /** The node has woken and gets what waits for it; `Node.state` is `awake`. */
  wake(): void {
    const { client } = this.#node
    this.#awakeBudget = client.queued + AWAKE_EXTRA_MAX
    client.unpark()
    this.#look()
  }

  puback(packet: TopicAnswerPacket): void {
    const exchange = this.#exchange
    const node = this.#node
    if (exchange?.packetId !== packet.msgId || exchange.phase === 'pubcomp') {
      // Also the answer to a QoS 0 message whose id the node does not know (`§5.4.13`).
      if (packet.returnCode === RETURN_CODE.invalidTopicId) this.#doubt(packet.topicId)
      return
    }
    switch (packet.returnCode) {
      case RETURN_CODE.accepted:
        if (exchange.phase !== 'puback') return
        this.#finishExchange()
        node.client.acknowledge(packet.msgId)
        return this.#look()
      case RETURN_CODE.congestion:
        return this.#delivery.extend()
      case RETURN_CODE.invalidTopicId:
        return this.#unknownTopic(exchange.entry!, packet.topicId)
      default:
        this.#giveUp(packet.msgId)
    }
  }

  pubrec(msgId: number): void {
    const exchange = this.#exchange
    if (exchange?.packetId === msgId && exchange.phase === 'pubrec') {
      // PUBREL follows by `release` once that is on disk.
      this.#finishExchange()
      this.#node.client.received(msgId)
    } else if (!this.#node.client.received(msgId)) this.#node.send({ type: 'pubrel', msgId })
  }

  pubcomp(msgId: number): void {
    if (this.#exchange?.packetId !== msgId || this.#exchange.phase !== 'pubcomp') return
    this.#finishExchange()
    this.#node.client.complete(msgId)
    this.#look()
  }

  regack(packet: TopicAnswerPacket): void {
    const registering = this.#registering
    if (registering === undefined || registering.msgId !== packet.msgId || registering.topic.id !== packet.topicId) return
    if (packet.returnCode === RETURN_CODE.congestion) return this.#registration.extend()
    this.#registration.stop()
    if (packet.returnCode !== RETURN_CODE.accepted) return this.#registrationRefused(registering.waiting)
    this.#node.topics.confirm(registering.topic, this.#node.connection)
    // Not between a request of the node and its answer: many cannot do with a PUBLISH there.
    this.#node.whenAnswered(() => {
      if (this.#registering === registering) this.#registered(registering)
    })
  }

  #registered({ topic, waiting }: Registering): void {
    this.#registering = undefined
    const reference: TopicReference = { kind: 'normal', id: topic.id }
    if ('entry' in waiting) this.#sendEntry(waiting.entry, reference)
    else this.#sendQos0(waiting.message, waiting.retain, reference)
    this.#wakeClient()
  }

  #registrationRefused(waiting: Waiting): void {
    this.#registering = undefined
    if ('entry' in waiting) return this.#giveUp(waiting.entry.packetId)
    this.#undeliverable('refused-by-recipient')
    this.#wakeClient()
  }

  /** How the topic is named to this node; undefined: its id must be registered first. */
  #reference(message: Message): TopicReference | undefined {
    const { topics, predefined, connection, context } = this.#node
    const name = context.mountpoint.strip(message.topic)
    const topic = topics.byName(name)
    if (topic?.known === connection) return { kind: 'normal', id: topic.id }
    const id = predefined.idOf(name)
    if (id !== undefined) return { kind: 'predefined', id }
    return Buffer.byteLength(name) === 2 ? { kind: 'short', name } : undefined
  }

  /** The id must be on disk before the node hears of it, or a crash could give it to another topic. */
  #register(message: Message, waiting: Waiting): void {
    const { topics, context } = this.#node
    const { topic, position } = topics.assign(context.mountpoint.strip(message.topic), 0)
    this.#msgId = (this.#msgId % 0xffff) + 1
    const registering = { topic, msgId: this.#msgId, waiting }
    this.#registering = registering
    const bytes = encodePacket({ type: 'register', topicId: topic.id, msgId: this.#msgId, topicName: topic.name })
    if (this.#tooLarge(bytes)) return this.#dropWaiting(registering.waiting)
    context.commits.after(position, () => {
      if (this.#registering !== registering) return
      context.counters.registered++
      this.#registration.start(() => this.#transmit(bytes))
    })
  }

  #dropWaiting(waiting: Waiting): void {
    this.#registering = undefined
    if ('entry' in waiting) this.#discardLater(waiting.entry, 'too-large')
    else this.#undeliverable('too-large')
  }

  #sendQos0(message: Message, retain: boolean, topic: TopicReference): void {
    const bytes = encodePacket({ type: 'publish', dup: false, qos: 0, retain, topic, msgId: 0, payload: message.payload })
    if (this.#tooLarge(bytes)) this.#undeliverable('too-large')
    else this.#transmit(bytes)
    this.#lookLater()
  }

  #sendEntry(entry: Entry, topic: TopicReference): void {
    const { message, packetId, retain, dup } = entry
    const qos = entry.qos as 1 | 2
    const packet: PublishPacket = { type: 'publish', dup, qos, retain, topic, msgId: packetId, payload: message.payload }
    const bytes = encodePacket(packet)
    if (this.#tooLarge(bytes)) return this.#discardLater(entry, 'too-large')
    this.#exchange = { entry, packetId, phase: qos === 1 ? 'puback' : 'pubrec' }
    this.#delivery.start(() => {
      this.#transmit(bytes)
      markDup(bytes)
    })
  }

  /** The node does not know the id after all: it is registered, and the message sent again. */
  #unknownTopic(entry: Entry, topicId: number): void {
    this.#finishExchange()
    const topic = this.#node.topics.byId(topicId)
    if (topic === undefined || !this.#failed(entry.packetId)) return this.#giveUp(entry.packetId)
    this.#node.topics.doubt(topic)
    this.deliver(entry)
  }

  #doubt(topicId: number): void {
    const topic = this.#node.topics.byId(topicId)
    if (topic !== undefined) this.#node.topics.doubt(topic)
  }

  /** Counts a failure of an entry. False: there were too many. */
  #failed(packetId: number, max = ROUNDS_ACTIVE_MAX): boolean {
    this.#failure = { packetId, times: this.#failure.packetId === packetId ? this.#failure.times + 1 : 1 }
    return this.#failure.times < max
  }

  /** The node refuses the message, or never answers it: it leaves the queue, counted. */
  #giveUp(packetId: number): void {
    const { client, clientId, context } = this.#node
    this.pause()
    context.logger.warn('a node does not take a message: it is dropped', { client: clientId })
    client.discard(packetId, 'refused-by-recipient')
    this.#wakeClient()
  }

  #discardLater(entry: Entry, reason: 'too-large'): void {
    const { client, context } = this.#node
    context.clock.defer(() => {
      client.discard(entry.packetId, reason)
      this.#look()
    })
  }

  /** N_retry is reached. */
  #exhausted(retransmission: Retransmission): void {
    const node = this.#node
    const waiting = retransmission === this.#registration ? this.#registering?.waiting : undefined
    const active = node.state === 'active'
    const heard = active && node.lastHeardMs > retransmission.startedMs
    if (waiting !== undefined && 'message' in waiting) {
      this.#registering = undefined
      this.#undeliverable('refused-by-recipient')
      return heard ? this.#wakeClient() : this.#owner.silent(node)
    }
    const packetId = waiting?.entry.packetId ?? this.#exchange?.packetId ?? 0
    if (active && !heard) this.#owner.silent(node)
    else if (!this.#failed(packetId, active ? ROUNDS_ACTIVE_MAX : ROUNDS_AWAKE_MAX)) this.#giveUp(packetId)
    else if (active) retransmission.again()
    else this.#owner.silent(node)
  }

  /** A QoS 0 message is lost. */
  #undeliverable(reason: DropReason): void {
    this.#node.context.counters.undeliverable++
    this.#node.client.lost(reason)
  }

  #finishExchange(): void {
    this.#delivery.stop()
    this.#exchange = undefined
  }

  #wakeClient(): void {
    this.#node.client.wake()
    this.#look()
  }

  #transmit(bytes: Uint8Array): void {
    const { peer, context } = this.#node
    // A copy: the socket may still hold it when DUP is set.
    if (peer !== undefined) context.sendBytes(peer, Uint8Array.from(bytes))
  }

  #tooLarge(bytes: Uint8Array): boolean {
    return bytes.length > this.#node.context.config.max_datagram
  }

  #delivering(): void {
    if (this.#node.state === 'awake') this.#awakeBudget--
  }

  /** After the broker has come to the end of what it is doing. */
  #lookLater(): void {
    if (this.#node.state !== 'awake' || this.#looking) return
    this.#looking = true
    this.#node.context.clock.defer(() => {
      this.#looking = false
      this.#look()
    })
  }

  /** An awake node that has got everything is told so, and sleeps again (`§6.14`). */
  #look(): void {
    if (this.#node.state !== 'awake' || this.#ended) return
    if (this.#registering !== undefined || this.#exchange !== undefined) return
    if (this.#node.client.queued > 0 && this.#awakeBudget > 0) return
    this.#owner.delivered(this.#node)
  }
}
