/** One MQTT 3.1.1 connection with nothing behind it: packets out, packets in. What they mean is the test's affair. */
import { connect, type Socket } from 'node:net'
import { decodePacket, encodePacket, frameLength, type Packet } from '#codecs/mqtt/index.ts'

const VERSION = 4

export interface WireEvents {
  open?(): void
  packet(packet: Packet): void
  /** The connection is over, or never came to be. */
  closed(): void
}

export interface ConnectWish {
  clientId: string
  cleanStart: boolean
}

export class MqttWire {
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)

  /** Connects and sends CONNECT; the CONNACK comes as a packet. */
  constructor(port: number, wish: ConnectWish, events: WireEvents) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket = socket
    socket.on('connect', () => {
      this.send({ type: 'connect', protocolVersion: VERSION, keepAlive: 0, ...wish })
      events.open?.()
    })
    socket.on('data', chunk => this.#receive(chunk as Buffer, events))
    socket.on('error', () => {})
    socket.on('close', () => events.closed())
  }

  /** Packets sent together leave together. */
  send(...packets: Packet[]): void {
    this.sendBytes(Buffer.concat(packets.map(packet => encodePacket(packet, VERSION))))
  }

  /** False: the socket has enough for now; `drained` resolves when it has room again. */
  sendBytes(bytes: Uint8Array): boolean {
    return this.#socket.write(bytes)
  }

  drained(): Promise<void> {
    return new Promise(resolve => this.#socket.once('drain', resolve))
  }

  /** Ends the connection without a DISCONNECT. */
  cut(): void {
    this.#socket.destroy()
  }

  /** Says goodbye. */
  end(): void {
    this.#socket.end(encodePacket({ type: 'disconnect', reasonCode: 0 }, VERSION))
  }

  #receive(chunk: Buffer, events: WireEvents): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let start = 0
    for (;;) {
      const length = frameLength(bytes, start, bytes.length)
      if (length === 0 || start + length > bytes.length) break
      // A test may keep what it is given.
      events.packet(decodePacket(Buffer.from(bytes.subarray(start, start + length)), 0, length, VERSION))
      start += length
    }
    this.#rest = Buffer.from(bytes.subarray(start))
  }
}
