/** Where the broker's deliveries become packets. */
import type { Client, CloseReason, Entry, Message, PublishRun, Sink } from '#broker/ports.ts'
import { REASON_CODES } from '#codecs/mqtt/index.ts'
import { ALIAS_GROWTH_BYTES, putAliased } from './aliased-frame.ts'
import type { MqttConnection } from './connection.ts'
import type { EndReason } from './end-reason.ts'
import { type Family, type Frame, frameOf, ownFrame } from './frames.ts'
import { RUN_FORMAT_3, RUN_FORMAT_5 } from './run.ts'
import { OutgoingAliases } from './topic-aliases.ts'

const PUBLISH = 0x30
const PUBREL = 0x62
const DUP = 0x08

const CLOSE: Record<CloseReason, [EndReason, number]> = {
  'taken-over': ['taken-over', REASON_CODES.sessionTakenOver],
  kicked: ['kicked', REASON_CODES.administrativeAction],
  banned: ['banned', REASON_CODES.administrativeAction],
  'shutting-down': ['shutting-down', REASON_CODES.serverShuttingDown],
  'session-ended': ['session-ended', REASON_CODES.administrativeAction],
  'quota-exceeded': ['quota-exceeded', REASON_CODES.quotaExceeded],
  'not-authorized': ['not-authorized', REASON_CODES.notAuthorized],
}

export class MqttSink implements Sink {
  readonly #connection: MqttConnection
  readonly #family: Family
  readonly #runFormat: string
  /** Undefined for a client that allows no aliases, or to whom none are given. */
  readonly #aliases: OutgoingAliases | undefined
  /** Each packet must be looked at: the client limits their size, or has aliases. */
  readonly #careful: boolean
  client: Client | undefined

  /** `topicAliasMaximum`: the client's (`MQTT 5 §3.1.2.11.5`). */
  constructor(connection: MqttConnection, topicAliasMaximum: number) {
    this.#connection = connection
    this.#family = connection.version === 5 ? 5 : 3
    this.#runFormat = connection.version === 5 ? RUN_FORMAT_5 : RUN_FORMAT_3
    const aliases = Math.min(topicAliasMaximum, connection.limits.topicAliasMax)
    this.#aliases = aliases > 0 ? new OutgoingAliases(aliases) : undefined
    this.#careful = this.#aliases !== undefined || connection.packetBytesMax !== Number.POSITIVE_INFINITY
  }

  get congested(): boolean {
    return this.#connection.output.congested
  }

  sendRun(run: PublishRun): boolean {
    if (run.format !== this.#runFormat || this.#careful) return false
    this.#connection.output.put(run.bytes, run.start, run.end)
    return true
  }

  send(message: Message, retain: boolean, identifiers: readonly number[] | undefined): void {
    if (this.#family === 5 && (identifiers !== undefined || message.expiresAtMs !== 0)) {
      if (!this.#putOwn(message, undefined, retain, identifiers)) this.client?.lost('too-large')
      return
    }
    const frame = frameOf(message, this.#family, false)
    const header = retain ? PUBLISH | 1 : PUBLISH
    if (this.#careful) {
      if (!this.#putCarefully(message, frame, header, 0)) this.client?.lost('too-large')
      return
    }
    const { output } = this.#connection
    const at = output.put(frame.bytes, frame.start, frame.end)
    output.buffer[at] = header
  }

  deliver(entry: Entry): void {
    const { message, retain, qos, packetId } = entry
    if (this.#family === 5 && (entry.identifiers !== undefined || message.expiresAtMs !== 0)) {
      if (!this.#putOwn(message, entry, retain, entry.identifiers)) this.#skip(entry)
      return
    }
    const frame = frameOf(message, this.#family, true)
    const header = PUBLISH | (qos << 1) | (retain ? 1 : 0) | (entry.dup ? DUP : 0)
    if (this.#careful) {
      if (!this.#putCarefully(message, frame, header, packetId)) this.#skip(entry)
      return
    }
    const { output } = this.#connection
    this.#patch(output.put(frame.bytes, frame.start, frame.end), frame, header, packetId)
  }

  #patch(at: number, frame: Frame, header: number, packetId: number): void {
    const { buffer } = this.#connection.output
    buffer[at] = header
    if (frame.idAt === 0) return
    const idAt = at + frame.idAt
    buffer[idAt] = packetId >>> 8
    buffer[idAt + 1] = packetId
  }

  release(packetId: number): void {
    this.#connection.output.putAcknowledgement(PUBREL, packetId)
  }

  close(reason: CloseReason): void {
    const [endReason, code] = CLOSE[reason]
    this.#connection.end(endReason, code)
  }

  /** A shared frame to a client that has aliases or limits its packets. False: it is too large [MQTT-3.1.2-24]. */
  #putCarefully(message: Message, frame: Frame, header: number, packetId: number): boolean {
    const { output, packetBytesMax } = this.#connection
    const length = frame.end - frame.start
    if (length > packetBytesMax) return false
    const alias = this.#aliases === undefined || length + ALIAS_GROWTH_BYTES > packetBytesMax ? 0 : this.#aliases.take(message.topic)
    if (alias !== 0) putAliased(output, frame, Math.abs(alias), alias < 0, header, packetId)
    else this.#patch(output.put(frame.bytes, frame.start, frame.end), frame, header, packetId)
    return true
  }

  /** A frame for this recipient alone. False: it is too large. */
  #putOwn(message: Message, entry: Entry | undefined, retain: boolean, identifiers: readonly number[] | undefined): boolean {
    const { output, packetBytesMax } = this.#connection
    const own = { identifiers, expirySeconds: this.#expirySeconds(message), alias: 0 }
    let frame: Uint8Array | undefined
    if (this.#careful) {
      // An alias is set only by a packet that leaves.
      frame = ownFrame(message, entry, retain, own)
      if (frame.length > packetBytesMax) return false
      if (this.#aliases !== undefined && frame.length + ALIAS_GROWTH_BYTES <= packetBytesMax) own.alias = this.#aliases.take(message.topic)
    }
    if (frame === undefined || own.alias !== 0) frame = ownFrame(message, entry, retain, own)
    output.put(frame, 0, frame.length)
    return true
  }

  /** What is left of its Message Expiry Interval [MQTT-3.3.2-6]. */
  #expirySeconds(message: Message): number | undefined {
    if (message.expiresAtMs === 0) return undefined
    return Math.max(0, Math.ceil((message.expiresAtMs - this.#connection.broker.runningMs()) / 1000))
  }

  /** Out of the queue, but not from within its delivery. */
  #skip(entry: Entry): void {
    const { client } = this
    this.#connection.listener.clock.defer(() => client?.discard(entry.packetId, 'too-large'))
  }
}
