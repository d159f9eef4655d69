import type { Clock } from '#base/clock.ts'
import type { GatewayError } from '#base/errors.ts'
import { MqttEngine } from './engine.ts'
import type { EngineEvents, EngineOptions } from './options.ts'
import type { OpenStream, Stream, Target } from './stream.ts'

/** What a connection tells its owner: as the engine does, without the bytes, and when the stream has room again. */
export interface ConnectionEvents extends Omit<EngineEvents, 'write'> {
  /** All that was written has been taken by the kernel; called after each turn in which something was written. */
  drained(): void
}

/**
 * An engine on a stream: what is written during one turn of the event loop leaves in one write. It lives for one
 * connection; the owner makes another one afterwards.
 */
export class MqttConnection {
  readonly engine: MqttEngine
  readonly #events: ConnectionEvents
  readonly #clock: Clock
  readonly #stream: Stream
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #over = false

  /** Begins to connect. `options.connectTimeoutMs` begins when the stream is open; `target.openTimeoutMs` bounds the time before. */
  constructor(target: Target, options: EngineOptions, events: ConnectionEvents, open: OpenStream, clock: Clock) {
    this.#clock = clock
    this.#events = events
    this.engine = new MqttEngine(options, this.#engineEvents(events), clock)
    this.#stream = open(
      target,
      {
        opened: () => this.engine.start(),
        data: chunk => this.engine.receive(chunk),
        drained: () => {
          if (!this.#over) events.drained()
        },
        closed: error => this.engine.streamClosed(error),
      },
      clock,
    )
  }

  /** Bytes that were sent and that the kernel has not taken yet. */
  get pendingBytes(): number {
    return this.#gatheredBytes + this.#stream.pendingBytes
  }

  /** Address and port of the server, once connected. */
  get peer(): string | undefined {
    return this.#stream.peer
  }

  /** Sends DISCONNECT and closes; `closed` is called without an error. */
  end(reason?: number): void {
    this.engine.disconnect(reason)
  }

  #engineEvents(events: ConnectionEvents): EngineEvents {
    return {
      write: bytes => this.#gather(bytes),
      connected: terms => events.connected(terms),
      acknowledged: answer => events.acknowledged(answer),
      received: packetId => events.received(packetId),
      completed: packetId => events.completed(packetId),
      message: packet => events.message(packet),
      released: packetId => events.released(packetId),
      closed: error => this.#close(error),
    }
  }

  #gather(bytes: Uint8Array): void {
    if (this.#gathered.length === 0) this.#clock.defer(this.#flush)
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
  }

  readonly #flush = (): void => {
    const gathered = this.#gathered
    if (gathered.length === 0) return
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#stream.write(gathered.length === 1 ? gathered[0] : Buffer.concat(gathered))
    if (!this.#over && this.#stream.pendingBytes === 0) this.#events.drained()
  }

  #close(error: GatewayError | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#flush()
    this.#stream.end()
    this.#events.closed(error)
  }
}
