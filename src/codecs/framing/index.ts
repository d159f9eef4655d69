/** Framings of serial lines and parsers of what they carry. Pure: bytes in, frames and values out. */
export { type CsvOptions, CsvParser } from './csv.ts'
export type { Deframer, DeframerCounters, FrameHandler } from './deframer.ts'
export { type Field, type Fields, type LineParser, recogniseNumber } from './fields.ts'
export { JsonParser } from './json.ts'
export { DELIMITER_BYTES_MAX, LineDeframer, type LineOptions } from './lines.ts'
export { PATTERN_LENGTH_MAX, RegexParser } from './regex.ts'
export { decodeText, encodeText, LINE_ENCODINGS, type LineEncoding } from './text.ts'
