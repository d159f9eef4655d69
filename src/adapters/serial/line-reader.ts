import { describeError, isGatewayError } from '#base/errors.ts'
import {
  CsvParser,
  type Deframer,
  type DeframerCounters,
  decodeText,
  encodeText,
  JsonParser,
  LineDeframer,
  type LineParser,
  RegexParser,
} from '#codecs/framing/index.ts'
import type { SerialDeviceConfig } from './config-keys.ts'
import type { Points, Reading } from './points.ts'

/** What became of lines, beyond what the framing counts. */
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

/** The name of the reading that is a whole line. */
export const LINE_POINT = 'line'

/** From bytes to readings: framing, encoding, parser and points of one device. Holds the start of a line between chunks, nothing else. */
export class LineReader {
  readonly counters: LineCounters = { lines: 0, unmatched: 0, malformed: 0, invalid: 0 }
  readonly #deframer: Deframer
  readonly #parser: LineParser | undefined
  readonly #points: Points
  readonly #config: SerialDeviceConfig
  readonly #onReading: (reading: Reading) => void
  readonly #onMalformed: (reason: string) => void

  /** @throws GatewayError `config-invalid` */
  constructor(config: SerialDeviceConfig, points: Points, onReading: (reading: Reading) => void, onMalformed: (reason: string) => void) {
    this.#config = config
    this.#points = points
    this.#onReading = onReading
    this.#onMalformed = onMalformed
    this.#parser = parserOf(config)
    this.#deframer = new LineDeframer(
      {
        delimiter: encodeText(config.delimiter, config.encoding),
        lengthMax: config.max_length,
        idleMs: config.idle_flush,
        skipFirst: config.skip_first,
      },
      frame => this.#take(frame),
    )
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
      const line = decodeText(frame, this.#config.encoding)
      const fields = this.#parser?.parse(line)
      const whole = this.#parser === undefined || this.#config.line
      if (fields === undefined && this.#parser !== undefined) this.counters.unmatched++
      if (fields !== undefined || whole) this.counters.lines++
      if (whole) this.#onReading({ point: LINE_POINT, text: line, value: line, unit: undefined, good: true })
      if (fields === undefined) return
      for (const reading of this.#points.read(fields)) {
        if (!reading.good) this.counters.invalid++
        this.#onReading(reading)
      }
    } catch (error) {
      if (!isGatewayError(error, 'decode-malformed')) throw error
      this.counters.malformed++
      this.#onMalformed(describeError(error))
    }
  }
}

function parserOf(config: SerialDeviceConfig): LineParser | undefined {
  switch (config.parse) {
    case 'raw-line':
      return undefined
    case 'regex':
      return new RegexParser(config.pattern ?? '')
    case 'csv':
      return new CsvParser(config)
    case 'json':
      return new JsonParser()
  }
}
