import { describeError, GatewayError } from '#base/errors.ts'
import type { Client, CloseReason, Entry, Message, PublishRun, Sink } from '#broker/ports.ts'
import { decodeText, encodeText } from '#codecs/framing/index.ts'
import type { SerialDeviceConfig } from './config-keys.ts'
import type { Points } from './points.ts'

export interface WriteCounters {
  /** Writes that the system has taken for the device. */
  sent: number
  /** Writes that were dropped: the port is not open or does not take more, or the payload is unfit. */
  failed: number
}

export interface WriterOptions {
  /** `serial/{name}/`. */
  base: string
  config: SerialDeviceConfig
  points: Points
  write(bytes: Uint8Array): Promise<void>
  failed(topic: string, reason: string): void
  closed(reason: CloseReason): void
}

/**
 * Messages to the device: what is published on `serial/{name}/write` and `serial/{name}/{point}/set`. A write is
 * acknowledged when the system has it, and also when it failed: a command that comes hours late does harm.
 */
export class DeviceWriter implements Sink {
  readonly counters: WriteCounters = { sent: 0, failed: 0 }
  readonly congested = false
  readonly #options: WriterOptions
  readonly #end: Uint8Array
  #client: Client | undefined

  constructor(options: WriterOptions) {
    const { config } = options
    this.#options = options
    this.#end = encodeText(config.write_end ?? config.delimiter, config.encoding)
  }

  /** Subscribes for a client that was just attached. Retained messages do not count: they are not commands of now. */
  attach(client: Client): void {
    const { base, config } = this.#options
    this.#client = client
    const filters: string[] = []
    if (config.write) filters.push(`${base}write`)
    if (Object.values(config.points).some(point => point.set !== undefined)) filters.push(`${base}+/set`)
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
    try {
      await this.#options.write(this.#lineOf(message))
      this.counters.sent++
    } catch (error) {
      this.counters.failed++
      this.#options.failed(message.topic, describeError(error))
    }
  }

  #lineOf(message: Message): Uint8Array {
    const { base, config, points } = this.#options
    const { payload } = message
    if (payload.length > config.max_length) throw new GatewayError('encode-range', `a write has ${config.max_length} bytes at most`)
    if (message.topic === `${base}write`) return withEnd(payload, this.#end)
    const point = message.topic.slice(base.length, -'/set'.length)
    return withEnd(encodeText(points.writeLine(point, decodeText(payload, 'utf8')), config.encoding), this.#end)
  }
}

/** `line` with its end, unless it brings it already. */
function withEnd(line: Uint8Array, end: Uint8Array): Uint8Array {
  if (end.length === 0 || (line.length >= end.length && Buffer.compare(line.subarray(line.length - end.length), end) === 0)) return line
  return Buffer.concat([line, end])
}
