import type { Packet, PacketType } from '#codecs/mqtt/index.ts'
import { within } from '../support/eventually.ts'
import { MqttWire } from '../support/mqtt-wire.ts'

const PATIENCE_MS = 20_000

/** One connection whose packets a test sends and awaits one by one. */
export class Conversation {
  readonly sessionPresent: boolean
  readonly #wire: MqttWire
  readonly #inbox: Inbox

  /** Resolves with the CONNACK. */
  static async begin(port: number, clientId: string, cleanStart: boolean): Promise<Conversation> {
    const inbox = new Inbox()
    const wire = new MqttWire(port, { clientId, cleanStart }, { packet: packet => inbox.put(packet), closed: () => inbox.end() })
    const connack = await inbox.take('connack')
    if (connack.reasonCode !== 0) throw new Error(`CONNACK ${connack.reasonCode}`)
    return new Conversation(wire, inbox, connack.sessionPresent)
  }

  private constructor(wire: MqttWire, inbox: Inbox, sessionPresent: boolean) {
    this.#wire = wire
    this.#inbox = inbox
    this.sessionPresent = sessionPresent
  }

  send(...packets: Packet[]): void {
    this.#wire.send(...packets)
  }

  /** The next packet, which must be of this type. */
  expect<T extends PacketType>(type: T): Promise<Extract<Packet, { type: T }>> {
    return this.#inbox.take(type)
  }

  /** Asks for a PINGRESP: what the gateway had to send before has come by then. */
  async ping(): Promise<void> {
    this.send({ type: 'pingreq' })
    await this.expect('pingresp')
  }

  async subscribe(filter: string, qos: 0 | 1 | 2): Promise<void> {
    this.send({
      type: 'subscribe',
      packetId: 1,
      subscriptions: [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    })
    await this.expect('suback')
  }

  publish(topic: string, payload: string, options: { qos: 0 | 1 | 2; packetId: number; retain?: boolean; dup?: boolean }): void {
    const { qos, packetId, retain = false, dup = false } = options
    this.send({ type: 'publish', topic, payload: Buffer.from(payload), qos, retain, dup, ...(qos > 0 && { packetId }) })
  }

  cut(): void {
    this.#wire.cut()
  }
}

class Inbox {
  readonly #packets: Packet[] = []
  #waiting: (() => void) | undefined
  #over = false

  put(packet: Packet): void {
    this.#packets.push(packet)
    this.#waiting?.()
  }

  end(): void {
    this.#over = true
    this.#waiting?.()
  }

  async take<T extends PacketType>(type: T): Promise<Extract<Packet, { type: T }>> {
    if (this.#packets.length === 0 && !this.#over) {
      await within(PATIENCE_MS, type.toUpperCase(), new Promise<void>(resolve => (this.#waiting = resolve)))
    }
    const packet = this.#packets.shift()
    if (packet?.type !== type) throw new Error(`${type.toUpperCase()} expected, but ${JSON.stringify(packet) ?? 'the connection ended'}`)
    return packet as Extract<Packet, { type: T }>
  }
}
