import { MqttWire } from '../support/mqtt-wire.ts'

const RECONNECT_MS = 50

/** What one run of the gateway did with the lines of the serial device. */
export interface SerialRun {
  /** The first line that was sent after the port was open; undefined: it never was. */
  open: number | undefined
  /** The last line that is known to be durable: a publish that the gateway took later was acknowledged. -1: none. */
  durable: number
}

/**
 * Finds out what must not be lost of a device that gets no acknowledgements. It watches the values at QoS 0, which
 * come as soon as the gateway has taken a line. A publish sent after that has a later place in the store's stream,
 * so when it is acknowledged, the line is durable as well.
 */
export class SerialWitness {
  readonly runs: SerialRun[] = []
  readonly faults: string[] = []
  readonly #port: number
  readonly #stateTopic: string
  readonly #sent: () => number
  /** By publish: the run in which it was sent, and the last line seen before. */
  readonly #marks = new Map<string, { run: number; line: number }>()
  #startedMs = 0
  #seen = -1
  #wire: MqttWire | undefined
  #closed = false
  #retry: NodeJS.Timeout | undefined

  /** `sent`: the number of the next line. */
  constructor(options: { port: number; device: string; sent: () => number }) {
    this.#port = options.port
    this.#stateTopic = `serial/${options.device}/$state`
    this.#sent = options.sent
    this.#connect()
  }

  /** The last line that the present run was seen to take; -1: none. */
  get seen(): number {
    return this.#seen
  }

  /** A gateway is about to be started. */
  newRun(): void {
    this.runs.push({ open: undefined, durable: -1 })
    this.#startedMs = Date.now()
    this.#seen = -1
    // What the last one said may still be on its way.
    this.#wire?.cut()
  }

  sending(publish: string): void {
    this.#marks.set(publish, { run: this.runs.length - 1, line: this.#seen })
  }

  acknowledged(publish: string): void {
    const mark = this.#marks.get(publish)
    this.#marks.delete(publish)
    const run = this.runs.at(-1)
    if (mark === undefined || run === undefined || mark.run !== this.runs.length - 1) return
    run.durable = Math.max(run.durable, mark.line)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    this.#wire?.cut()
  }

  #connect(): void {
    this.#wire = new MqttWire(
      this.#port,
      { clientId: 'serial-witness', cleanStart: true },
      {
        packet: packet => {
          if (packet.type === 'connack') {
            const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
            this.#wire?.send({ type: 'subscribe', packetId: 1, subscriptions: [{ filter: 'serial/#', ...options }] })
          } else if (packet.type === 'publish') this.#take(packet.topic, Buffer.from(packet.payload).toString())
        },
        closed: () => {
          if (!this.#closed) this.#retry = setTimeout(() => this.#connect(), RECONNECT_MS)
        },
      },
    )
  }

  #take(topic: string, text: string): void {
    const run = this.runs.at(-1)
    if (run === undefined) return
    if (topic !== this.#stateTopic) {
      const line = Number(text)
      if (this.#seen >= 0 && line !== this.#seen + 1)
        this.faults.push(`line ${line} was taken after ${this.#seen} in run ${this.runs.length}`)
      this.#seen = line
      return
    }
    // What an earlier gateway said is still retained.
    const { state, since } = JSON.parse(text) as { state: string; since?: number }
    if (state === 'online' && since !== undefined && since >= this.#startedMs) run.open ??= this.#sent()
  }
}
