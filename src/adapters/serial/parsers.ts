import {
  binarySize,
  CsvParser,
  decodeBinary,
  type Field,
  type Fields,
  isBinaryType,
  JsonParser,
  LabelParser,
  type LineParser,
  NmeaParser,
  ObisParser,
  PairParser,
  RegexParser,
} from '#codecs/framing/index.ts'
import type { PointConfig, SpeechConfig } from './config-keys.ts'

export type Parse = Exclude<SpeechConfig['parse'], 'auto'>

/** How a device's frames are parsed, where it was left to the framing. */
export function parseOf({ parse, framing }: Pick<SpeechConfig, 'parse' | 'framing'>): Parse {
  if (parse !== 'auto') return parse
  switch (framing) {
    case 'nmea':
      return 'nmea'
    case 'dsmr':
      return 'obis'
    case 've-direct':
      return 'labels'
    case 'lines':
    case 'raw':
      return 'raw-line'
    default:
      return 'binary'
  }
}

/**
 * The parser of a device's text; undefined where its frames are no text or are published as they are.
 * @throws GatewayError `config-invalid`
 */
export function textParserOf(config: SpeechConfig): LineParser | undefined {
  switch (parseOf(config)) {
    case 'regex':
      return new RegexParser(config.pattern ?? '')
    case 'csv':
      return new CsvParser(config)
    case 'json':
      return new JsonParser()
    case 'nmea':
      return new NmeaParser()
    case 'obis':
      return new ObisParser()
    case 'labels':
      return new LabelParser()
    case 'pairs':
      return new PairParser()
    default:
      return undefined
  }
}

/** The binary type of a point: `auto` and the words for text mean a register's or byte pair's usual one. */
export function binaryTypeOf(point: PointConfig) {
  return isBinaryType(point.type) ? point.type : 'uint16'
}

/** Bytes that a point has in a frame or in registers. */
export function sizeOfPoint(point: PointConfig): number {
  return binarySize(binaryTypeOf(point), point.length)
}

/** A field from the bytes of a point; undefined where they hold no value (a float that is no number). */
export function binaryField(point: PointConfig, order: SpeechConfig['byte_order'], bytes: Uint8Array): Field | undefined {
  const value = decodeBinary(binaryTypeOf(point), point.byte_order ?? order, bytes)
  if (value === undefined) return undefined
  return { text: String(value), value: typeof value === 'bigint' ? Number(value) : value }
}

/** Takes binary frames apart by the places of the points. */
export class BinaryParser {
  readonly #points: readonly (readonly [name: string, point: PointConfig, at: number, size: number])[]
  readonly #order: SpeechConfig['byte_order']

  constructor(config: SpeechConfig) {
    this.#order = config.byte_order
    this.#points = Object.entries(config.points).flatMap(([name, point]) =>
      point.at === undefined ? [] : [[name, point, point.at, sizeOfPoint(point)] as const],
    )
  }

  /** Fields by the names of the points; a point that lies beyond the frame is left out. */
  parse(frame: Uint8Array): Fields {
    const fields = new Map<string, Field>()
    for (const [name, point, at, size] of this.#points) {
      if (at + size > frame.length) continue
      const field = binaryField(point, this.#order, frame.subarray(at, at + size))
      fields.set(name, field ?? { text: '', value: null })
    }
    return fields
  }
}
