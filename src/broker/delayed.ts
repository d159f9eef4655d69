/**
 * Delayed messages: `$delayed/{seconds}/{topic}` is published on `{topic}` when its time has come. Each is a record until
 * then, so that it survives a restart; due times are running time, which no jump of the wall clock moves.
 */
import { type Clock, TIMER_MAX_MS, type Timer } from '#base/clock.ts'
import type { Message } from './message.ts'
import { messageOf, type TakenRecord, takenRecord } from './message-record.ts'
import type { RunningClock } from './running-clock.ts'
import type { Store } from './store-port.ts'
import { isTopicName } from './topic.ts'

const OWNER = 'delayed'
const PREFIX = '$delayed/'
/** Digits of a record's number: keys sort as numbers do. */
const KEY_DIGITS = 12

/** `[delayed]`. */
export interface DelayedTerms {
  /** Messages that wait at most; 0: none is taken. */
  messagesMax: number
  /** Of all together, each as {@link Message.size} says. */
  bytesMax: number
  delayMaxMs: number
}

/** What holds where nothing is configured. */
export const DELAYED_TERMS: DelayedTerms = { messagesMax: 10_000, bytesMax: 16 * 1024 * 1024, delayMaxMs: 4_294_967_000 }

/** What a `$delayed` topic asks for. */
export interface Delay {
  readonly topic: string
  readonly delayMs: number
}

interface DelayedRecord extends TakenRecord {
  dueMs: number
}

interface Waiting {
  readonly number: number
  readonly dueMs: number
  readonly message: Message
}

/** The delay that a topic asks for, undefined if it is none of these topics, `invalid` if it is not well formed. */
export function delayOf(topic: string): Delay | undefined | 'invalid' {
  if (!topic.startsWith(PREFIX)) return undefined
  const [, seconds, rest = ''] = /^(\d{1,10})\/(.*)$/s.exec(topic.slice(PREFIX.length)) ?? []
  if (seconds === undefined || !isTopicName(rest) || rest.startsWith('$')) return 'invalid'
  return { topic: rest, delayMs: Number(seconds) * 1000 }
}

export class DelayedMessages {
  readonly #clock: Clock
  readonly #running: RunningClock
  readonly #store: Store
  readonly #terms: DelayedTerms
  readonly #publish: (message: Message) => void
  /** By due time, then in the order in which they came. */
  readonly #waiting: Waiting[] = []
  #bytes = 0
  #number = 0
  #timer: Timer | undefined
  #stopped = false

  /** `publish` routes a message that has its time already. */
  constructor(clock: Clock, running: RunningClock, store: Store, terms: DelayedTerms, publish: (message: Message) => void) {
    this.#clock = clock
    this.#running = running
    this.#store = store
    this.#terms = terms
    this.#publish = publish
  }

  get count(): number {
    return this.#waiting.length
  }

  restore(records: ReadonlyMap<string, Uint8Array> | undefined): void {
    for (const [key, bytes] of records ?? []) {
      const waiting = decode(key, bytes)
      if (waiting === undefined) this.#store.deleteRecord(OWNER, key)
      else this.#insert(waiting)
    }
    this.#plan()
  }

  /** Whether a message may wait as well: for so long, among so many. */
  takes(delay: Delay, message: Message): boolean {
    const { messagesMax, bytesMax, delayMaxMs } = this.#terms
    return delay.delayMs <= delayMaxMs && this.#waiting.length < messagesMax && this.#bytes + message.size <= bytesMax
  }

  /** Keeps a stamped message until its time has come; its record is in the transaction of the caller's turn. */
  add(delay: Delay, message: Message): void {
    const record: DelayedRecord = { ...takenRecord(message), topic: delay.topic, dueMs: this.#running.now() + delay.delayMs }
    const waiting = { number: this.#number + 1, dueMs: record.dueMs, message: messageOf(record) }
    this.#insert(waiting)
    this.#store.putRecord(OWNER, keyOf(waiting), Buffer.from(JSON.stringify(record)))
    this.#plan()
  }

  stop(): void {
    this.#stopped = true
    this.#clock.clearTimer(this.#timer)
  }

  #insert(waiting: Waiting): void {
    let low = 0
    let high = this.#waiting.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(this.#waiting[middle]!, waiting)) low = middle + 1
      else high = middle
    }
    this.#waiting.splice(low, 0, waiting)
    this.#bytes += waiting.message.size
    this.#number = Math.max(this.#number, waiting.number)
  }

  #plan(): void {
    this.#clock.clearTimer(this.#timer)
    const first = this.#waiting[0]
    if (first === undefined || this.#stopped) return
    const waitMs = Math.min(Math.max(0, first.dueMs - this.#running.now()), TIMER_MAX_MS)
    this.#timer = this.#clock.setTimer(Math.ceil(waitMs), () => this.#release())
  }

  /** What is due is published; its record goes in the same transaction. */
  #release(): void {
    const nowMs = this.#running.now()
    while (this.#waiting.length > 0 && this.#waiting[0]!.dueMs <= nowMs) {
      const waiting = this.#waiting.shift()!
      this.#bytes -= waiting.message.size
      this.#publish(waiting.message)
      this.#store.deleteRecord(OWNER, keyOf(waiting))
    }
    this.#plan()
  }
}

function isBefore(a: Waiting, b: Waiting): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.number < b.number)
}

function keyOf({ number }: Waiting): string {
  return String(number).padStart(KEY_DIGITS, '0')
}

function decode(key: string, bytes: Uint8Array): Waiting | undefined {
  try {
    const record = JSON.parse(Buffer.from(bytes).toString()) as DelayedRecord
    return { number: Number(key), dueMs: record.dueMs, message: messageOf(record) }
  } catch {
    return undefined
  }
}
