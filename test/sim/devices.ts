import type { Packet } from '#codecs/mqtt/index.ts'
import type { MqttHarness, MqttPeer } from '../support/mqtt-harness.ts'

interface Pending {
  text: string
  qos: 1 | 2
  packetId: number
  /** QoS 2: the PUBREC has come. */
  released: boolean
}

/** A publisher that keeps its own state through losses of connection, as a right client does. */
export class SimPublisher {
  readonly id: string
  peer: MqttPeer | undefined
  /** What the gateway has acknowledged, in order of publication. */
  readonly acknowledged = new Set<string>()
  readonly sent: string[] = []
  #harness: MqttHarness
  #pending: Pending[] = []
  #packetId = 0
  #qos: (1 | 2)[] = []

  constructor(harness: MqttHarness, id: string) {
    this.#harness = harness
    this.id = id
  }

  get idle(): boolean {
    return this.#pending.length === 0
  }

  async connect(): Promise<void> {
    this.peer = await this.#harness.connect(this.id, { cleanStart: false })
    this.#forgetIfRefused()
    for (const pending of this.#pending) this.#send(pending, true)
  }

  qosOf(index: number): 1 | 2 {
    return this.#qos[index]
  }

  publish(qos: 1 | 2): void {
    if (this.peer === undefined || this.peer.closed || this.#pending.length >= 20) return
    this.#packetId = (this.#packetId % 65_535) + 1
    const pending: Pending = { text: `${this.id}:${this.sent.length}`, qos, packetId: this.#packetId, released: false }
    this.sent.push(pending.text)
    this.#qos.push(qos)
    this.#pending.push(pending)
    this.#send(pending, false)
  }

  async receive(): Promise<void> {
    for (const packet of (await this.peer?.take()) ?? []) this.#take(packet)
    this.#forgetIfRefused()
  }

  #forgetIfRefused(): void {
    if (this.peer?.closed) this.peer = undefined
  }

  #send(pending: Pending, dup: boolean): void {
    const { text, qos, packetId } = pending
    if (pending.released) this.peer?.send({ type: 'pubrel', packetId, reasonCode: 0 })
    else this.peer?.send({ type: 'publish', topic: `t/${this.id}`, payload: Buffer.from(text), qos, retain: false, dup, packetId })
  }

  #take(packet: Packet): void {
    if (!('packetId' in packet)) return
    const at = this.#pending.findIndex(pending => pending.packetId === packet.packetId)
    if (at === -1) return
    const pending = this.#pending[at]
    if (packet.type === 'pubrec') {
      this.acknowledged.add(pending.text)
      pending.released = true
      this.#send(pending, false)
    } else if (packet.type === 'puback' || packet.type === 'pubcomp') {
      this.acknowledged.add(pending.text)
      this.#pending.splice(at, 1)
    }
  }
}

/** A subscriber with a persistent session. Keeps what it got, and QoS 2 ids until their PUBREL. */
export class SimSubscriber {
  readonly id: string
  readonly qos: 1 | 2
  peer: MqttPeer | undefined
  readonly got: string[] = []
  subscribed = false
  #harness: MqttHarness
  #received = new Set<number>()

  constructor(harness: MqttHarness, id: string, qos: 1 | 2) {
    this.#harness = harness
    this.id = id
    this.qos = qos
  }

  async connect(): Promise<void> {
    const peer = await this.#harness.connect(this.id, { cleanStart: false })
    this.peer = peer.closed ? undefined : peer
  }

  async subscribe(filter = 't/#'): Promise<void> {
    const packets = (await this.peer?.subscribe(filter, this.qos)) ?? []
    for (const packet of packets) this.#take(packet, 1)
  }

  /** Takes what came; each answer is sent with the given probability, else it is as if it were lost with the connection. */
  async receive(answers: number, random: () => number): Promise<number> {
    const packets = (await this.peer?.take()) ?? []
    for (const packet of packets) this.#take(packet, random() < answers ? 1 : 0)
    if (this.peer?.closed) this.peer = undefined
    return packets.length
  }

  #take(packet: Packet, answer: number): void {
    if (packet.type === 'suback') this.subscribed = true
    if (packet.type === 'pubrel') {
      this.#received.delete(packet.packetId)
      if (answer) this.peer?.send({ type: 'pubcomp', packetId: packet.packetId, reasonCode: 0 })
      else this.#drop()
    }
    if (packet.type !== 'publish') return
    const packetId = packet.packetId!
    if (packet.qos === 1) {
      this.got.push(Buffer.from(packet.payload).toString())
      if (answer) this.peer?.send({ type: 'puback', packetId, reasonCode: 0 })
      else this.#drop()
      return
    }
    if (!this.#received.has(packetId)) this.got.push(Buffer.from(packet.payload).toString())
    this.#received.add(packetId)
    if (answer) this.peer?.send({ type: 'pubrec', packetId, reasonCode: 0 })
    else this.#drop()
  }

  #drop(): void {
    this.peer?.vanish()
    this.peer = undefined
  }
}
