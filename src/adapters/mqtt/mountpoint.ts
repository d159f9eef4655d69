/** The mountpoint of a listener: a prefix before every topic of its clients, which they do not see. */
import { type Broker, type CloseReason, Entry, Message, type PublishRun, type Route, type Sink } from '#broker/ports.ts'

/** What stays in front: it is no part of the topic. */
const FILTER_PREFIX = /^\$(?:share\/[^/]*|queue|exclusive)\//
const TOPIC_PREFIX = /^\$delayed\/[^/]*\//
const DOLLAR = 0x24

export class Mountpoint {
  readonly prefix: string
  readonly #bytes: Buffer

  constructor(prefix: string) {
    this.prefix = prefix
    this.#bytes = Buffer.from(prefix)
  }

  /** A client's topic as the broker knows it. An empty one stays empty: it is for the broker to refuse. */
  topic(name: string): string {
    return this.#mount(name, TOPIC_PREFIX)
  }

  /** The same for a filter. */
  filter(filter: string): string {
    return this.#mount(filter, FILTER_PREFIX)
  }

  /** A topic of the broker as its clients know it. */
  strip(topic: string): string {
    return topic.startsWith(this.prefix) ? topic.slice(this.prefix.length) : topic
  }

  /** The route of a topic as it came, in [start, end). Undefined as with `Broker.routeOf`. */
  route(broker: Broker, bytes: Uint8Array, start: number, end: number): Route | undefined {
    if (start === end) return undefined
    if (bytes[start] === DOLLAR) {
      const name = Buffer.from(bytes.subarray(start, end)).toString('utf8')
      // Not the same bytes again: the name was no UTF-8.
      return Buffer.byteLength(name) === end - start ? broker.route(this.topic(name)) : undefined
    }
    const mounted = Buffer.concat([this.#bytes, bytes.subarray(start, end)])
    return broker.routeOf(mounted, 0, mounted.length)
  }

  #mount(text: string, kept: RegExp): string {
    const front = text.startsWith('$') ? (kept.exec(text)?.[0] ?? '') : ''
    return text.length === front.length ? text : front + this.prefix + text.slice(front.length)
  }
}

/** Takes the mountpoint off what is delivered. Frames are shared among the clients of the listener, not with others. */
export class MountedSink implements Sink {
  readonly #sink: Sink
  readonly #mountpoint: Mountpoint
  readonly #stripped: WeakMap<Message, Message>

  constructor(sink: Sink, mountpoint: Mountpoint, stripped: WeakMap<Message, Message>) {
    this.#sink = sink
    this.#mountpoint = mountpoint
    this.#stripped = stripped
  }

  get congested(): boolean {
    return this.#sink.congested
  }

  send(message: Message, retain: boolean, identifiers: readonly number[] | undefined): void {
    this.#sink.send(this.#strip(message), retain, identifiers)
  }

  /** The bytes of a run have the topic in them. */
  sendRun(_run: PublishRun): boolean {
    return false
  }

  deliver(entry: Entry): void {
    const own = new Entry(entry.seq, this.#strip(entry.message), entry.qos, entry.retain, entry.identifiers)
    own.dup = entry.dup
    this.#sink.deliver(own)
  }

  release(packetId: number): void {
    this.#sink.release(packetId)
  }

  paged(): void {
    this.#sink.paged?.()
  }

  close(reason: CloseReason): void {
    this.#sink.close(reason)
  }

  #strip(message: Message): Message {
    const known = this.#stripped.get(message)
    if (known !== undefined) return known
    const { bytes, payloadStart, payloadEnd, qos, retain, properties } = message
    const own = new Message(this.#mountpoint.strip(message.topic), bytes, payloadStart, payloadEnd, qos, retain, properties)
    own.expiresAtMs = message.expiresAtMs
    this.#stripped.set(message, own)
    return own
  }
}
