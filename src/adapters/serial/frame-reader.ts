import { describeError, isGatewayError } from '#base/errors.ts'
import { type Deframer, type DeframerCounters, decodeText, type Fields, type LineParser } from '#codecs/framing/index.ts'
import type { SpeechConfig } from './config-keys.ts'
import { deframerOf } from './framing.ts'
import { BinaryParser, parseOf, textParserOf } from './parsers.ts'
import type { Points, Reading } from './points.ts'

/** What became of lines and frames, beyond what the framing counts. */
export interface LineCounters {
  /** Lines that gave readings, or were published whole. */
  lines: number
  /** Lines that the pattern does not match. */
  unmatched: number
  /** Lines that are broken: bytes outside the encoding, not CSV or JSON as configured. */
  malformed: number
  /** Fields that are not what their point says. */
  invalid: number
}

/** The names of the readings that are a whole line, a whole frame, or bytes as they came. */
export const LINE_POINT = 'line'
const FRAME_POINT = 'frame'
const RAW_POINT = 'raw'

export interface ReaderEvents {
  /** False: there is no place for it. */
  reading(reading: Reading): boolean
  malformed(reason: string): void
}

/** Somebody who waits for the answer to a request: `taken` with the fields that it has, `passed`: it is none. */
export interface AnswerWaiter {
  /** Fields of the answer, `true` for one that is parsed as any frame is, `false` if this is not the answer. */
  judge(text: string): Fields | boolean
}

/** From bytes to readings: framing, encoding, parser and points of one device. Holds the start of a frame between chunks, nothing else. */
export class FrameReader {
  readonly counters: LineCounters = { lines: 0, unmatched: 0, malformed: 0, invalid: 0 }
  /** Set while a request is on its way. */
  waiter: AnswerWaiter | undefined
  readonly #deframer: Deframer
  readonly #parser: LineParser | undefined
  readonly #binary: BinaryParser | undefined
  readonly #points: Points
  readonly #config: SpeechConfig
  readonly #events: ReaderEvents

  /** @throws GatewayError `config-invalid` */
  constructor(config: SpeechConfig, points: Points, events: ReaderEvents) {
    this.#config = config
    this.#points = points
    this.#events = events
    this.#parser = textParserOf(config)
    this.#binary = parseOf(config) === 'binary' && Object.keys(config.points).length > 0 ? new BinaryParser(config) : undefined
    this.#deframer = deframerOf(config, frame => this.#take(frame))
  }

  get idleMs(): number {
    return this.#deframer.idleMs
  }

  get framing(): Readonly<DeframerCounters> {
    return this.#deframer.counters
  }

  push(bytes: Uint8Array): void {
    this.#deframer.push(bytes)
  }

  idle(): void {
    this.#deframer.idle()
  }

  reset(): void {
    this.#deframer.reset()
  }

  #take(frame: Uint8Array): void {
    try {
      if (this.#config.framing === 'raw') this.#whole(RAW_POINT, frame)
      else if (parseOf(this.#config) === 'binary') this.#takeBinary(frame)
      else this.#takeText(frame)
    } catch (error) {
      if (!isGatewayError(error, 'decode-malformed')) throw error
      this.counters.malformed++
      this.#events.malformed(describeError(error))
    }
  }

  #takeBinary(frame: Uint8Array): void {
    this.counters.lines++
    this.waiter?.judge('')
    if (this.#binary === undefined || this.#config.line) this.#whole(FRAME_POINT, frame)
    if (this.#binary !== undefined) this.#publish(this.#binary.parse(frame))
  }

  #takeText(frame: Uint8Array): void {
    const line = decodeText(frame, this.#config.encoding)
    const judged = this.waiter?.judge(line) ?? false
    const fields = typeof judged === 'object' ? judged : this.#parser?.parse(line)
    const whole = (this.#parser === undefined && typeof judged === 'boolean') || this.#config.line
    if (fields === undefined && this.#parser !== undefined) this.counters.unmatched++
    if (fields !== undefined || whole) this.counters.lines++
    if (whole) this.#events.reading({ point: LINE_POINT, text: line, value: line, unit: undefined, good: true })
    if (fields !== undefined) this.#publish(fields)
  }

  #whole(point: string, frame: Uint8Array): void {
    const bytes = frame.slice()
    this.#events.reading({ point, text: '', value: Buffer.from(bytes).toString('hex'), unit: undefined, good: true, bytes })
  }

  #publish(fields: Fields): void {
    for (const reading of this.#points.read(fields)) {
      if (!this.#events.reading(reading) || !reading.good) this.counters.invalid++
    }
  }
}
