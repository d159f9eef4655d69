/**
 * Sends messages that are encoded beforehand: its memory holds a batch of the same PUBLISH, of which only the packet identifier,
 * the sequence number, the send time and, where there are many, the topic's digits change.
 */
import type { MessageLoad } from '../job.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import type { Histogram } from './histogram.ts'
import type { Ledger } from './ledger.ts'
import type { Network } from './network.ts'
import { PUBACK, PUBCOMP, PUBREC, type PublishTemplate, publishTemplate } from './packets.ts'

const PACKET_IDS = 0xffff

export interface PublisherOptions extends ConnectionOptions {
  index: number
  load: Pick<MessageLoad, 'qos' | 'payloadBytes' | 'window' | 'endToEndWindow' | 'batch'>
  ledger: Ledger
  retain: boolean
  /** Topics that it takes in turn. */
  topics: number
  /** Messages that it sends in all. */
  most: number
  /** Nobody is there to see the messages arrive: the end-to-end window does not hold. */
  unseen: boolean
  /** Time from the write to PUBACK or PUBCOMP. */
  acknowledgeTimes: Histogram
}

export class Publisher extends Connection {
  readonly #options: PublisherOptions
  readonly #template: PublishTemplate
  /** Room for the replies of a turn, then the batch: both leave in one write. */
  readonly #memory: Buffer
  readonly #view: DataView
  readonly #batchAt: number
  #filled = 0
  #inFlight = 0
  #inFlightSince: Float64Array

  constructor(network: Network, options: PublisherOptions) {
    super(network, options)
    const { load } = options
    this.#options = options
    this.#template = publishTemplate(options.index, load, options.retain)
    this.#batchAt = load.qos === 2 ? load.window * 4 : 0
    const frame = this.#template.bytes
    this.#memory = Buffer.alloc(this.#batchAt + load.batch * frame.length)
    for (let message = 0; message < load.batch; message++) frame.copy(this.#memory, this.#batchAt + message * frame.length)
    this.#view = new DataView(this.#memory.buffer, this.#memory.byteOffset, this.#memory.length)
    this.#inFlightSince = new Float64Array(load.qos > 0 ? load.window + 1 : 0)
  }

  /** Whether the windows, the connection and the total leave room for another message. */
  ready(): boolean {
    const { index, ledger, load, most, unseen } = this.#options
    const sent = ledger.sentBy[index]!
    if (!this.up || this.blocked || sent >= most) return false
    if (load.qos > 0 && this.#inFlight >= load.window) return false
    const fan = ledger.fanOf[index]!
    return unseen || fan === 0 || (sent - load.endToEndWindow) * fan < ledger.deliveredOf[index]!
  }

  /** Adds a message that is to count as sent at `sentAtMs`. Returns false when there is no room for it now. */
  add(sentAtMs: number): boolean {
    const { index, ledger, load } = this.#options
    if (this.#filled >= load.batch || !this.ready()) return false
    const template = this.#template
    const at = this.#batchAt + this.#filled * template.bytes.length
    const sequence = ledger.send(index)
    if (load.qos > 0) {
      this.#view.setUint16(at + template.packetIdAt, (sequence % PACKET_IDS) + 1)
      this.#inFlightSince[sequence % this.#inFlightSince.length] = sentAtMs
      this.#inFlight++
    }
    this.#view.setUint32(at + template.sequenceAt, sequence)
    this.#view.setFloat64(at + template.sentAt, sentAtMs)
    if (this.#options.topics > 1) this.#setTopic(at, sequence % this.#options.topics)
    this.#filled++
    return true
  }

  /** Fills up the batch; returns whether a further one could follow at once. */
  fill(nowMs: number): boolean {
    while (this.add(nowMs));
    if (this.#filled === 0) return false
    this.network.turn.touch(this)
    return this.#filled === this.#options.load.batch && this.ready()
  }

  override packet(header: number, bytes: Uint8Array, view: DataView, start: number, end: number): void {
    const type = header >> 4
    if (type === PUBACK || type === PUBCOMP) this.#acknowledged(view.getUint16(start))
    else if (type === PUBREC) this.reply(0x62, view.getUint16(start))
    else super.packet(header, bytes, view, start, end)
  }

  override flush(): void {
    if (this.blocked) return
    const messages = this.#filled
    if (messages === 0 || this.repliesLength > this.#batchAt) super.flush()
    if (messages === 0 || this.blocked) return
    const from = this.#batchAt - this.repliesLength
    if (this.repliesLength > 0) this.replies.copy(this.#memory, from, 0, this.repliesLength)
    this.#filled = 0
    this.repliesLength = 0
    this.write(this.#memory.subarray(from, this.#batchAt + messages * this.#template.bytes.length))
  }

  #acknowledged(packetId: number): void {
    const { acknowledgeTimes, index, ledger } = this.#options
    const last = ledger.sentBy[index]! - 1
    // The youngest message that can have had this identifier.
    const sequence = last - (((((last % PACKET_IDS) - (packetId - 1)) % PACKET_IDS) + PACKET_IDS) % PACKET_IDS)
    if (this.#inFlight > 0) this.#inFlight--
    ledger.acknowledge(index, sequence)
    if (sequence >= 0) acknowledgeTimes.add(this.network.readAtMs - this.#inFlightSince[sequence % this.#inFlightSince.length]!)
  }

  #setTopic(at: number, topic: number): void {
    const { topicIndexAt, topicIndexDigits } = this.#template
    let left = topic
    for (let digit = topicIndexDigits - 1; digit >= 0; digit--) {
      this.#memory[at + topicIndexAt + digit] = 0x30 + (left % 10)
      left = Math.trunc(left / 10)
    }
  }
}
