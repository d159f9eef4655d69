import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import type { OpenStream, Stream, StreamEvents, Target } from '#clients/mqtt/index.ts'
import {
  decodePacket,
  encodePacket,
  frameLength,
  type MqttVersion,
  type Packet,
  type PacketType,
  type PublishPacket,
} from '#codecs/mqtt/index.ts'

/** An MQTT server without sockets: a test reads what came, packet by packet, and says what goes back. */
export class ScriptedServer {
  readonly connections: ScriptedConnection[] = []
  /** Answers each packet as it comes. Default: accepts connections, nothing more. */
  onPacket: (packet: Packet, connection: ScriptedConnection) => void = accept
  /** When set, connections cannot be made, for this reason. */
  refuse: GatewayError | undefined = undefined

  readonly open: OpenStream = (target, events, clock) => {
    const connection = new ScriptedConnection(this, target, events, clock)
    this.connections.push(connection)
    return connection
  }

  /** The connection that was made last. */
  get last(): ScriptedConnection {
    const connection = this.connections.at(-1)
    if (connection === undefined) throw new Error('nobody has connected')
    return connection
  }
}

export class ScriptedConnection implements Stream {
  readonly target: Target
  readonly peer = '192.0.2.1:1883'
  /** What the client sent, decoded. */
  readonly packets: Packet[] = []
  /** How many writes that took. */
  writes = 0
  /** Set to make the client believe that its socket is full. */
  pendingBytes = 0
  ended = false
  version: MqttVersion = 5
  readonly #server: ScriptedServer
  readonly #events: StreamEvents
  readonly #clock: Clock
  #rest = new Uint8Array(0)
  #closed = false

  constructor(server: ScriptedServer, target: Target, events: StreamEvents, clock: Clock) {
    this.#server = server
    this.target = target
    this.#events = events
    this.#clock = clock
    clock.defer(() => (server.refuse === undefined ? events.opened() : this.close(server.refuse)))
  }

  // What the client does.

  write(bytes: Uint8Array): void {
    this.writes++
    this.#rest = Buffer.concat([this.#rest, bytes])
    for (let length = this.#next(); length > 0; length = this.#next()) {
      const packet = decodePacket(this.#rest, 0, length, this.version)
      this.#rest = this.#rest.slice(length)
      if (packet.type === 'connect') this.version = packet.protocolVersion
      this.packets.push(packet)
      this.#clock.defer(() => this.#server.onPacket(packet, this))
    }
  }

  end(): void {
    this.ended = true
    this.#clock.defer(() => this.close())
  }

  destroy(): void {
    this.end()
  }

  // What a test does.

  send(...packets: Packet[]): void {
    this.sendBytes(Buffer.concat(packets.map(packet => encodePacket(packet, this.version))))
  }

  sendBytes(bytes: Uint8Array): void {
    if (!this.#closed && !this.ended) this.#events.data(bytes)
  }

  drain(): void {
    this.pendingBytes = 0
    this.#events.drained()
  }

  /** Breaks the connection. */
  close(error?: GatewayError): void {
    if (this.#closed) return
    this.#closed = true
    this.#events.closed(error)
  }

  reset(): void {
    this.close(new GatewayError('connection-lost', '192.0.2.1:1883 broke the connection off', { retryable: true }))
  }

  /** All packets of one type that came. */
  all<T extends PacketType>(type: T): Extract<Packet, { type: T }>[] {
    return this.packets.filter((packet): packet is Extract<Packet, { type: T }> => packet.type === type)
  }

  #next(): number {
    const length = frameLength(this.#rest, 0, this.#rest.length)
    return length > this.#rest.length ? 0 : length
  }
}

/** Answers as a server does that has no sessions and takes everything. */
export function accept(packet: Packet, connection: ScriptedConnection): void {
  if (packet.type === 'connect') connection.send({ type: 'connack', sessionPresent: false, reasonCode: 0 })
}

/** Answers as a server does that remembers sessions and takes everything; `taken` gets each message once. */
export function takeAll(taken: PublishPacket[]): (packet: Packet, connection: ScriptedConnection) => void {
  const received = new Set<number>()
  let known = false
  return (packet, connection) => {
    if (packet.type === 'connect') {
      const sessionPresent = known && !packet.cleanStart
      if (!sessionPresent) received.clear()
      known = !packet.cleanStart || (packet.properties?.sessionExpiryInterval ?? 0) > 0
      connection.send({ type: 'connack', sessionPresent, reasonCode: 0 })
    } else if (packet.type === 'publish') {
      const packetId = packet.packetId ?? 0
      if (packet.qos < 2 || !received.has(packetId)) taken.push(packet)
      if (packet.qos === 1) connection.send({ type: 'puback', packetId, reasonCode: 0 })
      if (packet.qos === 2) {
        received.add(packetId)
        connection.send({ type: 'pubrec', packetId, reasonCode: 0 })
      }
    } else if (packet.type === 'pubrel') {
      const reasonCode = received.delete(packet.packetId) ? 0 : 0x92
      connection.send({ type: 'pubcomp', packetId: packet.packetId, reasonCode })
    } else if (packet.type === 'subscribe') {
      connection.send({ type: 'suback', packetId: packet.packetId, reasonCodes: packet.subscriptions.map(({ qos }) => qos) })
    } else if (packet.type === 'unsubscribe') {
      connection.send({
        type: 'unsuback',
        packetId: packet.packetId,
        reasonCodes: connection.version === 5 ? packet.filters.map(() => 0) : [],
      })
    } else if (packet.type === 'pingreq') connection.send({ type: 'pingresp' })
  }
}
