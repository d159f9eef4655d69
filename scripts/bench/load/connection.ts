/** One MQTT 3.1.1 client: opening, reading, and replies that are gathered and written once a turn. */
import { Framing, type PacketSink } from './framing.ts'
import type { Network } from './network.ts'
import { CONNACK, DISCONNECT, encodeConnect, encodeSubscribe, SUBACK } from './packets.ts'
import { openWire, type Wire } from './wire.ts'

/** How long CONNACK and SUBACK may take. */
const OPEN_TIMEOUT_MS = 15_000
const GRANTED_QOS_MAX = 2

export interface ConnectionOptions {
  clientId: string
  cleanSession: boolean
  /** Asked for after each CONNACK; the connection is open when they are granted. */
  filters: readonly string[]
  qos: number
}

export class Connection implements PacketSink {
  /** CONNACK has come, and SUBACK where filters were asked for. */
  up = false
  /** The kernel has not taken all of the last write: its memory must stay as it is, and nothing more is written. */
  protected blocked = false
  protected replies = Buffer.allocUnsafe(64)
  protected repliesLength = 0
  protected readonly network: Network
  readonly #options: ConnectionOptions
  #wire: Wire | undefined
  #framing = new Framing()
  #openedAtMs = 0
  #waiting: { resolve: () => void; reject: (error: Error) => void } | undefined
  #asked = false

  constructor(network: Network, options: ConnectionOptions) {
    this.network = network
    this.#options = options
  }

  /**
   * Connects, and subscribes unless `subscribe` is false (a session that still has its subscriptions).
   * @throws when the server refuses, ends the connection or does not answer
   */
  async open(subscribe = true): Promise<void> {
    const { network } = this
    this.#asked = subscribe && this.#options.filters.length > 0
    this.#framing = new Framing()
    this.#openedAtMs = performance.now()
    this.blocked = false
    this.repliesLength = 0
    const wire: Wire = openWire(network, {
      ready: () => this.#send(encodeConnect(this.#options.clientId, this.#options.cleanSession)),
      bytes: length => this.#read(wire, length),
    })
    const { socket } = wire
    this.#wire = wire
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
    socket.on('error', error => this.#waiting?.reject(error))
    socket.on('close', () => this.#closed(wire))
    const timer = setTimeout(() => this.#waiting?.reject(new Error('no answer to CONNECT or SUBSCRIBE in time')), OPEN_TIMEOUT_MS)
    try {
      await done
    } finally {
      clearTimeout(timer)
      this.#waiting = undefined
    }
  }

  /** Sends DISCONNECT and resolves when the server has closed too, so that it has seen it; gives up after two seconds. */
  async leave(): Promise<void> {
    const wire = this.#take()
    if (wire === undefined) return
    const { socket } = wire
    const closed = new Promise(resolve => socket.once('close', resolve))
    socket.end(wire.frame(DISCONNECT))
    const timer = setTimeout(() => socket.destroy(), 2_000)
    await closed
    clearTimeout(timer)
  }

  /** Sends DISCONNECT and closes at once. */
  drop(): void {
    const wire = this.#take()
    wire?.socket.end(wire.frame(DISCONNECT))
    wire?.socket.destroySoon()
  }

  packet(header: number, bytes: Uint8Array, _view: DataView, start: number, end: number): void {
    if (header >> 4 === CONNACK) {
      if (bytes[start + 1] !== 0) return this.#waiting?.reject(new Error(`CONNACK with return code ${bytes[start + 1]}`))
      if ((bytes[start]! & 1) !== 0) this.network.sessionsPresent++
      if (this.#asked) this.#send(encodeSubscribe(this.#options.filters, this.#options.qos))
      else this.#opened()
    } else if (header >> 4 === SUBACK) {
      if (bytes.subarray(start + 2, end).some(code => code > GRANTED_QOS_MAX)) {
        return this.#waiting?.reject(new Error('the server refused a subscription'))
      }
      this.#opened()
    }
  }

  /** Writes what has gathered. Called once a turn, after {@link Turn.touch}. */
  flush(): void {
    if (this.repliesLength === 0 || this.blocked) return
    const { replies } = this
    const length = this.repliesLength
    this.repliesLength = 0
    this.write(replies.subarray(0, length))
    if (this.blocked) this.replies = Buffer.allocUnsafe(replies.length)
  }

  /** PUBACK, PUBREC, PUBREL or PUBCOMP: four bytes, to be written with the next flush. */
  protected reply(header: number, packetId: number): void {
    if (this.repliesLength + 4 > this.replies.length) {
      const grown = Buffer.allocUnsafe(this.replies.length * 2)
      this.replies.copy(grown, 0, 0, this.repliesLength)
      this.replies = grown
    }
    const { replies } = this
    let at = this.repliesLength
    replies[at++] = header
    replies[at++] = 2
    replies[at++] = packetId >> 8
    replies[at++] = packetId & 0xff
    this.repliesLength = at
    this.network.turn.touch(this)
  }

  protected write(bytes: Uint8Array): void {
    const wire = this.#wire
    if (wire === undefined || !wire.socket.writable) return
    wire.socket.write(wire.frame(bytes), this.#written)
    this.blocked = wire.socket.writableLength > 0
  }

  #send(bytes: Uint8Array): void {
    const wire = this.#wire
    wire?.socket.write(wire.frame(bytes))
  }

  readonly #written = (): void => {
    if (!this.blocked || this.#wire === undefined || this.#wire.socket.writableLength > 0) return
    this.blocked = false
    this.network.turn.touch(this)
  }

  #read(wire: Wire, length: number): void {
    const { network } = this
    if (wire !== this.#wire) return
    network.readAtMs = performance.now()
    this.#framing.push(network.chunk, network.chunkView, length, this)
    network.turn.schedule()
  }

  #opened(): void {
    if (this.up) return
    this.up = true
    this.network.connectTimes.add(performance.now() - this.#openedAtMs)
    this.#waiting?.resolve()
  }

  /** Gives up the socket: what happens to it from now on was asked for. */
  #take(): Wire | undefined {
    const wire = this.#wire
    this.#wire = undefined
    this.up = false
    return wire
  }

  #closed(wire: Wire): void {
    if (wire !== this.#wire) return
    this.#take()
    if (!this.network.leaving) this.network.disconnects++
    this.#waiting?.reject(new Error('the server closed the connection'))
  }
}
