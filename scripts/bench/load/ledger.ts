/** The account of one run: every message sent, acknowledged and delivered, and what went wrong with it. */
import type { MessageLoad } from '../job.ts'
import { DUPLICATE, LATE, Sequences } from './sequences.ts'

export class Ledger {
  /** Messages that each publisher has sent: its next sequence number. */
  readonly sentBy: Float64Array
  /** Deliveries of each publisher's messages, to all its subscribers together. */
  readonly deliveredOf: Float64Array
  /** How many subscribers each publisher has. */
  readonly fanOf: Float64Array
  sent = 0
  acknowledged = 0
  delivered = 0
  duplicated = 0
  reordered = 0
  /** Messages that nobody sent, or that went to the wrong subscriber, and acknowledgements of nothing. */
  foreign = 0
  /** `alarm` is called at this many acknowledgements, in the midst of whatever goes on. */
  alarmAt = 0
  alarm: (() => void) | undefined
  readonly #publishers: number
  readonly #subscribers: number
  readonly #pairs: boolean
  readonly #deliveries: Sequences
  readonly #acknowledgements: Sequences

  constructor(load: Pick<MessageLoad, 'publishers' | 'subscribers' | 'topology'>) {
    this.#publishers = load.publishers
    this.#subscribers = load.subscribers
    this.#pairs = load.topology === 'pairs'
    this.sentBy = new Float64Array(load.publishers)
    this.deliveredOf = new Float64Array(load.publishers)
    this.fanOf = new Float64Array(load.publishers)
    this.#deliveries = new Sequences(load.publishers * load.subscribers)
    this.#acknowledgements = new Sequences(load.publishers)
    for (let publisher = 0; publisher < load.publishers; publisher++) {
      for (let subscriber = 0; subscriber < load.subscribers; subscriber++) {
        if (this.expects(subscriber, publisher)) this.fanOf[publisher]!++
      }
    }
  }

  /** Whether this subscriber is to get this publisher's messages. */
  expects(subscriber: number, publisher: number): boolean {
    return !this.#pairs || subscriber === publisher
  }

  /** Takes a new sequence number of `publisher`. */
  send(publisher: number): number {
    this.sent++
    return this.sentBy[publisher]!++
  }

  /** A message has arrived. Returns whether it is the first of its kind. */
  deliver(subscriber: number, publisher: number, sequence: number): boolean {
    if (publisher >= this.#publishers || sequence >= this.sentBy[publisher]! || !this.expects(subscriber, publisher)) {
      this.foreign++
      return false
    }
    const verdict = this.#deliveries.mark(subscriber * this.#publishers + publisher, sequence)
    if (verdict === DUPLICATE) {
      this.duplicated++
      return false
    }
    if (verdict === LATE) this.reordered++
    this.delivered++
    this.deliveredOf[publisher]!++
    return true
  }

  /** The server has taken responsibility for a message: PUBACK or PUBCOMP. */
  acknowledge(publisher: number, sequence: number): void {
    if (sequence < 0 || this.#acknowledgements.mark(publisher, sequence) === DUPLICATE) this.foreign++
    else if (++this.acknowledged === this.alarmAt) this.alarm?.()
  }

  /** Deliveries that are due for all that was sent. */
  expected(): number {
    let sum = 0
    for (let publisher = 0; publisher < this.#publishers; publisher++) sum += this.sentBy[publisher]! * this.fanOf[publisher]!
    return sum
  }

  /** Of the acknowledged messages: the deliveries that are due, and those that have come. */
  kept(): { expected: number; delivered: number } {
    let expected = 0
    let delivered = 0
    for (let publisher = 0; publisher < this.#publishers; publisher++) {
      for (let sequence = 0; sequence < this.#acknowledgements.next(publisher); sequence++) {
        if (!this.#acknowledgements.has(publisher, sequence)) continue
        for (let subscriber = 0; subscriber < this.#subscribers; subscriber++) {
          if (!this.expects(subscriber, publisher)) continue
          expected++
          if (this.#deliveries.has(subscriber * this.#publishers + publisher, sequence)) delivered++
        }
      }
    }
    return { expected, delivered }
  }

  /** Gives up on what is still under way, as far as the windows go: a lost message of QoS 0 would hold them for ever. */
  forgive(): void {
    for (let publisher = 0; publisher < this.#publishers; publisher++) {
      this.deliveredOf[publisher] = this.sentBy[publisher]! * this.fanOf[publisher]!
    }
  }

  /** Rises whenever anything happens. */
  progress(): number {
    return this.sent + this.acknowledged + this.delivered + this.duplicated
  }
}
