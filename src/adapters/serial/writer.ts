import { describeError } from '#base/errors.ts'
import type { Client, CloseReason, Entry, Message, PublishRun, Sink } from '#broker/ports.ts'

export interface WriteCounters {
  /** Writes that the device has, as far as can be told. */
  sent: number
  /** Writes that were dropped: the port is not open or does not take more, the device refuses, or the payload is unfit. */
  failed: number
}

export interface WriterOptions {
  /** `serial/{name}/`. */
  base: string
  /** Topics below `base` that are for the device. */
  filters: readonly string[]
  /** Carries out a message; `topic` is what follows `base`. Rejects or throws with the reason. */
  command(topic: string, payload: Uint8Array): Promise<void>
  failed(topic: string, reason: string): void
  /** Somebody wants to know what became of a message (`MQTT 5 §4.10`). */
  respond(request: Message, error: string | undefined): void
  closed(reason: CloseReason): void
}

/**
 * Messages to the device. A write is acknowledged when the device has it as far as can be told, and also when it failed: a
 * command that comes hours late does harm.
 */
export class DeviceWriter implements Sink {
  readonly counters: WriteCounters = { sent: 0, failed: 0 }
  readonly congested = false
  readonly #options: WriterOptions
  #client: Client | undefined

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** Subscribes for a client that was just attached. Retained messages do not count: they are not commands of now. */
  attach(client: Client): void {
    const { base } = this.#options
    this.#client = client
    const filters = this.#options.filters.map(filter => base + filter)
    if (filters.length === 0) return
    const { codes } = client.subscribe(filters.map(filter => ({ filter, qos: 1, retainHandling: 2 })))
    for (const [index, code] of codes.entries())
      if (code >= 0x80) this.#options.failed(filters[index]!, `subscribing was refused with ${code}`)
  }

  send(message: Message, retain: boolean): void {
    if (!retain) void this.#write(message)
  }

  sendRun(_run: PublishRun): boolean {
    return false
  }

  deliver(entry: Entry): void {
    const client = this.#client
    void this.#write(entry.message).then(() => client?.acknowledge(entry.packetId))
  }

  release(packetId: number): void {
    this.#client?.complete(packetId)
  }

  close(reason: CloseReason): void {
    this.#client = undefined
    this.#options.closed(reason)
  }

  async #write(message: Message): Promise<void> {
    const { base, command, failed, respond } = this.#options
    let error: string | undefined
    try {
      await command(message.topic.slice(base.length), message.payload)
      this.counters.sent++
    } catch (thrown) {
      error = describeError(thrown)
      this.counters.failed++
      failed(message.topic, error)
    }
    if (message.properties?.responseTopic !== undefined) respond(message, error)
  }
}
