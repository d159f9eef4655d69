/** Framings of serial lines and parsers of what they carry. Pure: bytes in, frames and values out. */
export { type CsvOptions, CsvParser } from './csv.ts'
export { type Deframer, type DeframerCounters, type FrameHandler, newCounters } from './deframer.ts'
export { FIELDS_MAX, type Field, type Fields, type LineParser, recogniseNumber, textField } from './fields.ts'
export { JSON_DEPTH_MAX, JsonParser } from './json.ts'
export { DELIMITER_BYTES_MAX, LINE_BYTES_MAX, LineDeframer, type LineOptions } from './lines.ts'
export { PATTERN_LENGTH_MAX, RegexParser } from './regex.ts'
export { decodeText, encodeText, LINE_ENCODINGS, type LineEncoding } from './text.ts'
