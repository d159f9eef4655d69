/** Framings of serial lines and parsers of what they carry. Pure: bytes in, frames and values out. */
export {
  BINARY_TYPES,
  type BinaryType,
  BYTE_ORDERS,
  type ByteOrder,
  binarySize,
  decodeBinary,
  encodeBinary,
  isBinaryType,
} from './binary-value.ts'
export { BlockDeframer, type BlockOptions, encodeBlock } from './block.ts'
export { CHECKS, type Check } from './checks.ts'
export { type CsvOptions, CsvParser } from './csv.ts'
export { type Deframer, type DeframerCounters, type FrameHandler, newCounters } from './deframer.ts'
export { DsmrDeframer, encodeDsmr, ObisParser } from './dsmr.ts'
export { type Field, type Fields, type LineParser, recogniseNumber } from './fields.ts'
export { JsonParser } from './json.ts'
export { DELIMITER_BYTES_MAX, LineDeframer, type LineOptions } from './lines.ts'
export { encodeNmea, NmeaDeframer, NmeaParser } from './nmea.ts'
export { PairParser } from './pairs.ts'
export { PATTERN_LENGTH_MAX, RegexParser } from './regex.ts'
export { CobsDeframer, encodeCobs, encodeSlip, SlipDeframer } from './slip.ts'
export { decodeText, encodeText, LINE_ENCODINGS, type LineEncoding } from './text.ts'
export { encodeVeDirect, LabelParser, VeDirectDeframer } from './ve-direct.ts'
