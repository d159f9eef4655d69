/**
 * The client side of MQTT-SN 1.2: one request at a time, retransmitted until it is answered; answers to what the gateway
 * sends are given by itself. Knows no socket.
 */
import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import {
  decodePacket,
  encodePacket,
  markDup,
  PROTOCOL_ID,
  type PublishPacket,
  RETURN_CODE,
  type SnPacket,
  type SnPacketType,
  type SnQos,
  shortNameId,
  type TopicReference,
  type TopicSelection,
} from '#codecs/mqtt-sn/index.ts'

export interface SnWill {
  topic: string
  message: Uint8Array
  qos: 0 | 1 | 2
  retain: boolean
}

export interface SnMessage {
  /** The name, or `predefined:ID` for an id whose name only the gateway knows. */
  topic: string
  payload: Uint8Array
  qos: SnQos
  retain: boolean
  dup: boolean
}

export interface SnClientOptions {
  clientId: string
  cleanSession: boolean
  keepAliveSeconds: number
  will?: SnWill | undefined
  clock: Clock
  /** Sends one datagram to the gateway. */
  send(bytes: Uint8Array): void
  onMessage(message: SnMessage): void
  /** The gateway does not know the client any more, or has ended its connection. */
  onDisconnect(): void
  /** T_retry and N_retry (`§6.13`); 5 s and 4 unless told. */
  retryIntervalMs?: number
  retries?: number
}

interface Pending {
  readonly packet: SnPacket
  readonly bytes: Uint8Array
  readonly answers: (packet: SnPacket) => boolean
  readonly resolve: (packet: SnPacket) => void
  readonly reject: (error: GatewayError) => void
  left: number
}

export class SnClient {
  readonly #options: SnClientOptions
  readonly #names = new Map<number, string>()
  readonly #ids = new Map<string, number>()
  /** QoS 2 messages that have come and are not released: their repetition is no new message. */
  readonly #unreleased = new Set<number>()
  readonly #queue: Pending[] = []
  #timer: Timer | undefined
  #keepAlive: Timer | undefined
  #msgId = 0
  #connected = false
  #asleep = false

  constructor(options: SnClientOptions) {
    this.#options = options
  }

  get connected(): boolean {
    return this.#connected
  }

  /** CONNECT and, with a will, its handshake. @throws GatewayError `refused`, `timeout` */
  async connect(): Promise<void> {
    const { clientId, cleanSession, keepAliveSeconds, will } = this.#options
    const packet: SnPacket = {
      type: 'connect',
      will: will !== undefined,
      cleanSession,
      protocolId: PROTOCOL_ID,
      durationSeconds: keepAliveSeconds,
      clientId,
    }
    if (cleanSession) this.#forget()
    const answer = await this.#request(packet, ({ type }) => type === 'connack')
    requireAccepted('CONNECT', answer)
    this.#connected = true
    this.#asleep = false
    this.#armKeepAlive()
  }

  /** The id of a topic name, registered if need be. @throws GatewayError `refused`, `timeout` */
  async register(topicName: string): Promise<number> {
    const known = this.#ids.get(topicName)
    if (known !== undefined) return known
    const msgId = this.#nextMsgId()
    const answer = await this.#request({ type: 'register', topicId: 0, msgId, topicName }, isAnswer('regack', msgId))
    requireAccepted('REGISTER', answer)
    if (answer.type === 'regack') this.#learn(answer.topicId, topicName)
    return this.#ids.get(topicName)!
  }

  /** Publishes; at QoS 1 and 2 resolves when the gateway has the message. @throws GatewayError `refused`, `timeout` */
  async publish(topic: TopicReference, payload: Uint8Array, qos: SnQos, retain = false): Promise<void> {
    const msgId = qos > 0 ? this.#nextMsgId() : 0
    const packet: PublishPacket = { type: 'publish', dup: false, qos, retain, topic, msgId, payload }
    if (qos <= 0) return this.#options.send(encodePacket(packet))
    const answer = await this.#request(packet, received => isAnswer('puback', msgId)(received) || isAnswer('pubrec', msgId)(received))
    if (answer.type !== 'pubrec') return requireAccepted('PUBLISH', answer)
    await this.#request({ type: 'pubrel', msgId }, isAnswer('pubcomp', msgId))
  }

  /** Returns the granted QoS. @throws GatewayError `refused`, `timeout` */
  async subscribe(topic: TopicSelection, qos: 0 | 1 | 2): Promise<SnQos> {
    const msgId = this.#nextMsgId()
    const answer = await this.#request({ type: 'subscribe', dup: false, qos, msgId, topic }, isAnswer('suback', msgId))
    requireAccepted('SUBSCRIBE', answer)
    if (answer.type !== 'suback') return 0
    if (topic.kind === 'name' && answer.topicId !== 0) this.#learn(answer.topicId, topic.name)
    return answer.qos
  }

  /** Sleeps: the gateway keeps what comes until `wake`. @throws GatewayError `timeout` */
  async sleep(durationSeconds: number): Promise<void> {
    this.#asleep = true
    await this.#request({ type: 'disconnect', durationSeconds }, ({ type }) => type === 'disconnect')
  }

  /** Gets the messages that have waited; resolves when the gateway has no more. @throws GatewayError `refused`, `timeout` */
  async wake(): Promise<void> {
    const answer = await this.#request(
      { type: 'pingreq', clientId: this.#options.clientId },
      ({ type }) => type === 'pingresp' || type === 'disconnect',
    )
    if (answer.type !== 'disconnect') return
    this.#connected = false
    throw new GatewayError('refused', 'the gateway does not know this client', { hint: 'connect again' })
  }

  /** Says good-bye. @throws GatewayError `timeout` */
  async disconnect(): Promise<void> {
    await this.#request({ type: 'disconnect', durationSeconds: undefined }, ({ type }) => type === 'disconnect')
    this.#connected = false
    this.#options.clock.clearTimer(this.#keepAlive)
  }

  /** Nothing is sent any more; what is under way fails. */
  close(): void {
    this.#options.clock.clearTimer(this.#keepAlive)
    this.#options.clock.clearTimer(this.#timer)
    const error = new GatewayError('connection-lost', 'the client is closed')
    for (const pending of this.#queue.splice(0)) pending.reject(error)
  }

  /** Takes a datagram from the gateway; what is no packet is ignored. */
  receive(bytes: Uint8Array): void {
    let packet: SnPacket
    try {
      packet = decodePacket(bytes)
    } catch {
      return
    }
    const [current] = this.#queue
    if (current?.answers(packet)) {
      this.#queue.shift()
      this.#options.clock.clearTimer(this.#timer)
      current.resolve(packet)
      return this.#sendNext()
    }
    this.#take(packet)
  }

  #take(packet: SnPacket): void {
    switch (packet.type) {
      case 'willtopicreq': {
        const { will } = this.#options
        const { topic = '', qos = 0, retain = false } = will ?? {}
        return this.#send({ type: 'willtopic', topic, qos, retain })
      }
      case 'willmsgreq':
        return this.#send({ type: 'willmsg', payload: this.#options.will?.message ?? new Uint8Array(0) })
      case 'register':
        this.#learn(packet.topicId, packet.topicName)
        return this.#send({ type: 'regack', topicId: packet.topicId, msgId: packet.msgId, returnCode: RETURN_CODE.accepted })
      case 'publish':
        return this.#takePublish(packet)
      case 'pubrel':
        this.#unreleased.delete(packet.msgId)
        return this.#send({ type: 'pubcomp', msgId: packet.msgId })
      case 'disconnect':
        this.#connected = false
        return this.#options.onDisconnect()
    }
    this.#patience()
  }

  /** While messages come before the PINGRESP nothing is lost: attempts count from the last of them. */
  #patience(): void {
    const [current] = this.#queue
    if (current === undefined) return
    current.left = this.#options.retries ?? RETRIES
    this.#armRetry(current)
  }

  #takePublish({ topic, payload, qos, retain, dup, msgId }: PublishPacket): void {
    this.#patience()
    const name = this.#nameOf(topic)
    const topicId = topic.kind === 'short' ? shortNameId(topic.name) : topic.id
    if (name === undefined) return this.#send({ type: 'puback', topicId, msgId, returnCode: RETURN_CODE.invalidTopicId })
    if (qos !== 2 || !this.#unreleased.has(msgId))
      this.#options.onMessage({ topic: name, payload: Uint8Array.from(payload), qos, retain, dup })
    if (qos === 1) this.#send({ type: 'puback', topicId, msgId, returnCode: RETURN_CODE.accepted })
    if (qos !== 2) return
    this.#unreleased.add(msgId)
    this.#send({ type: 'pubrec', msgId })
  }

  #nameOf(topic: TopicReference): string | undefined {
    if (topic.kind === 'short') return topic.name
    return topic.kind === 'predefined' ? `predefined:${topic.id}` : this.#names.get(topic.id)
  }

  #learn(topicId: number, name: string): void {
    this.#names.set(topicId, name)
    this.#ids.set(name, topicId)
  }

  #forget(): void {
    this.#names.clear()
    this.#ids.clear()
    this.#unreleased.clear()
  }

  #nextMsgId(): number {
    this.#msgId = (this.#msgId % 0xffff) + 1
    return this.#msgId
  }

  #send(packet: SnPacket): void {
    this.#options.send(encodePacket(packet))
  }

  #request(packet: SnPacket, answers: (packet: SnPacket) => boolean): Promise<SnPacket> {
    return new Promise((resolve, reject) => {
      const pending = { packet, bytes: encodePacket(packet), answers, resolve, reject, left: this.#options.retries ?? RETRIES }
      if (this.#queue.push(pending) === 1) this.#sendNext()
    })
  }

  #sendNext(): void {
    const [next] = this.#queue
    if (next === undefined) return this.#armKeepAlive()
    this.#armRetry(next)
    this.#options.send(Uint8Array.from(next.bytes))
  }

  #armRetry(pending: Pending): void {
    const { clock, retryIntervalMs = RETRY_INTERVAL_MS } = this.#options
    clock.clearTimer(this.#timer)
    this.#timer = clock.setTimer(retryIntervalMs, () => {
      if (pending.left-- <= 0) {
        this.#queue.shift()
        this.#connected = false
        pending.reject(new GatewayError('timeout', `the gateway does not answer ${pending.packet.type.toUpperCase()}`, { retryable: true }))
        return this.#sendNext()
      }
      if (pending.packet.type === 'publish' || pending.packet.type === 'subscribe') markDup(pending.bytes)
      this.#options.send(Uint8Array.from(pending.bytes))
      this.#armRetry(pending)
    })
  }

  /** A PINGREQ before the keep-alive is over, if nothing else was said. */
  #armKeepAlive(): void {
    const { clock, keepAliveSeconds } = this.#options
    clock.clearTimer(this.#keepAlive)
    if (keepAliveSeconds === 0 || !this.#connected || this.#asleep) return
    this.#keepAlive = clock.setTimer(keepAliveSeconds * 900, () => {
      this.#request({ type: 'pingreq', clientId: '' }, ({ type }) => type === 'pingresp').catch(() => this.#options.onDisconnect())
    })
  }
}

const RETRY_INTERVAL_MS = 5000
const RETRIES = 4

function isAnswer(type: SnPacketType, msgId: number): (packet: SnPacket) => boolean {
  return packet => packet.type === type && 'msgId' in packet && packet.msgId === msgId
}

const MEANINGS: Readonly<Record<number, string>> = {
  [RETURN_CODE.congestion]: 'congestion: it is busy, try again later',
  [RETURN_CODE.invalidTopicId]: 'it does not know the topic id',
  [RETURN_CODE.notSupported]: 'not supported, or not allowed',
}

function requireAccepted(what: string, answer: SnPacket): void {
  const returnCode = 'returnCode' in answer ? answer.returnCode : RETURN_CODE.accepted
  if (returnCode === RETURN_CODE.accepted) return
  const meaning = MEANINGS[returnCode] ?? `return code ${returnCode}`
  throw new GatewayError('refused', `the gateway refuses the ${what}: ${meaning}`, {
    reason: returnCode,
    retryable: returnCode === RETURN_CODE.congestion,
  })
}
