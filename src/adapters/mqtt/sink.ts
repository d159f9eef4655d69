/** Where the broker's deliveries become packets. */
import type { Client, CloseReason, Entry, Message, PublishRun, Sink } from '#broker/ports.ts'
import { REASON_CODES } from '#codecs/mqtt/index.ts'
import type { EndReason, MqttConnection } from './connection.ts'
import { type Family, type Frame, frameOf, ownFrame } from './frames.ts'
import { RUN_FORMAT_3, RUN_FORMAT_5 } from './run.ts'

const PUBLISH = 0x30
const PUBREL = 0x62
const DUP = 0x08

const CLOSE: Record<CloseReason, [EndReason, number]> = {
  'taken-over': ['taken-over', REASON_CODES.sessionTakenOver],
  kicked: ['kicked', REASON_CODES.administrativeAction],
  'shutting-down': ['shutting-down', REASON_CODES.serverShuttingDown],
  'session-ended': ['session-ended', REASON_CODES.administrativeAction],
  'quota-exceeded': ['quota-exceeded', REASON_CODES.quotaExceeded],
  'not-authorized': ['not-authorized', REASON_CODES.notAuthorized],
}

export class MqttSink implements Sink {
  readonly #connection: MqttConnection
  readonly #family: Family
  readonly #runFormat: string
  readonly #bounded: boolean
  client: Client | undefined

  constructor(connection: MqttConnection) {
    this.#connection = connection
    this.#family = connection.version === 5 ? 5 : 3
    this.#runFormat = connection.version === 5 ? RUN_FORMAT_5 : RUN_FORMAT_3
    this.#bounded = connection.packetBytesMax !== Number.POSITIVE_INFINITY
  }

  get congested(): boolean {
    return this.#connection.output.congested
  }

  sendRun(run: PublishRun): boolean {
    // A client that limits its packets gets them one by one: each must be looked at.
    if (run.format !== this.#runFormat || this.#bounded) return false
    this.#connection.output.put(run.bytes, run.start, run.end)
    return true
  }

  send(message: Message, retain: boolean, identifiers: readonly number[] | undefined): void {
    const { output } = this.#connection
    if (this.#family === 5 && (identifiers !== undefined || message.expiresAtMs !== 0)) {
      const frame = ownFrame(message, undefined, retain, { identifiers, expirySeconds: this.#expirySeconds(message) })
      if (frame.length <= this.#connection.packetBytesMax) output.put(frame, 0, frame.length)
      return
    }
    const frame = frameOf(message, this.#family, false)
    if (!this.#fits(frame)) return
    const at = output.put(frame.bytes, frame.start, frame.end)
    output.buffer[at] = retain ? PUBLISH | 1 : PUBLISH
  }

  deliver(entry: Entry): void {
    const { message, retain, qos } = entry
    const { output } = this.#connection
    if (this.#family === 5 && (entry.identifiers !== undefined || message.expiresAtMs !== 0)) {
      const frame = ownFrame(message, entry, retain, { identifiers: entry.identifiers, expirySeconds: this.#expirySeconds(message) })
      if (frame.length <= this.#connection.packetBytesMax) output.put(frame, 0, frame.length)
      else this.#skip(entry)
      return
    }
    const frame = frameOf(message, this.#family, true)
    if (this.#bounded && !this.#fits(frame)) return this.#skip(entry)
    const at = output.put(frame.bytes, frame.start, frame.end)
    const { buffer } = output
    const idAt = at + frame.idAt
    const { packetId } = entry
    buffer[at] = PUBLISH | (qos << 1) | (retain ? 1 : 0) | (entry.dup ? DUP : 0)
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

  #expirySeconds(message: Message): number | undefined {
    if (message.expiresAtMs === 0) return undefined
    return Math.max(1, Math.ceil((message.expiresAtMs - this.#connection.broker.runningMs()) / 1000))
  }

  /** What is larger than the client takes is dropped for it [MQTT-3.1.2-24]. */
  #fits(frame: Frame): boolean {
    return frame.end - frame.start <= this.#connection.packetBytesMax
  }

  /** Out of the queue, but not from within its delivery. */
  #skip(entry: Entry): void {
    const { client } = this
    this.#connection.listener.clock.defer(() => client?.discard(entry.packetId, 'too-large'))
  }
}
