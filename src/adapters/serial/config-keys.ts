/** The keys of `[serial.NAME]`. */
import {
  boolean,
  type CheckFault,
  duration,
  enumeration,
  type InferKeys,
  integer,
  list,
  map,
  number,
  path,
  size,
  string,
  table,
} from '#base/schema.ts'
import { LINE_ENCODINGS, PATTERN_LENGTH_MAX } from '#codecs/framing/index.ts'

/** Levels below `serial/{name}/` that have a meaning of their own, so that no point can have their name. */
export const RESERVED_POINTS: readonly string[] = ['line', 'raw', 'write']

/** A point fills one level of a topic. */
const POINT_NAME = /^(?!\$)[^\0-\x1f\x7f+#/]{1,128}$/

/** Where the value of a write stands in `set`. */
export const VALUE_PLACE = `\${value}`

const pointKeys = {
  from: string({
    description: 'The field it comes from: a named group, a column, or a path such as `air.temp`. As the point itself unless told.',
    maxLength: 256,
  }),
  type: enumeration(['auto', 'number', 'integer', 'text', 'boolean'], {
    description: 'What the value is. `auto` passes a text as it came and takes a number for a number; `integer` rounds.',
    default: 'auto',
  }),
  scale: number({ description: 'What a number is multiplied with.', default: 1 }),
  offset: number({ description: 'What is added after that.', default: 0 }),
  unit: string({ description: 'The unit, for people and for `format = "json"`.', maxLength: 32 }),
  set: string({
    description: `The line that is sent for a message on \`serial/{name}/{point}/set\`; \`${VALUE_PLACE}\` is its payload, scaled back.`,
    example: `SET TEMP ${VALUE_PLACE}`,
    maxLength: 1024,
  }),
} as const

export type PointConfig = InferKeys<typeof pointKeys>

const pointSchema = table(pointKeys, { description: 'One value of a device.', check: checkPoint })

export const deviceKeys = {
  port: path({
    description: 'The port, best by its identity, which survives another USB socket.',
    required: true,
    example: '/dev/serial/by-id/usb-FTDI_…',
  }),
  baud: integer({ description: 'Speed of the line.', default: 9600, min: 50, max: 12_000_000, unit: 'baud' }),
  data_bits: integer({ description: 'Bits of a character.', default: 8, min: 5, max: 8 }),
  parity: enumeration(['none', 'even', 'odd'], { description: 'Parity bit of a character.', default: 'none' }),
  stop_bits: integer({ description: 'Stop bits of a character.', default: 1, min: 1, max: 2 }),
  rts_cts: boolean({
    description: 'Flow control by the RTS and CTS wires. While the gateway cannot take more, the device is held.',
    default: false,
  }),
  framing: enumeration(['lines'], {
    description: 'How the stream is taken apart.',
    default: 'lines',
    planned: ['fixed', 'length-prefix', 'slip', 'cobs', 'nmea', 'modbus-rtu', 'modbus-ascii', 'script', 'raw'],
  }),
  delimiter: string({
    description: 'What ends a line. Where it is a newline alone, a carriage return before it belongs to it.',
    default: '\n',
    pattern: /^[\s\S]{1,16}$/,
    patternText: '1 to 16 characters, control characters included',
  }),
  max_length: size({ description: 'Longer lines are dropped and counted.', default: '4KiB', min: '1B', max: '1MiB' }),
  idle_flush: duration({
    description: 'A line counts as ended after this much silence; `0s`: only by its delimiter.',
    default: '0s',
    max: '60s',
  }),
  skip_first: boolean({
    description:
      'Drop what comes before the first delimiter after the port was opened: for devices that send without pause, where it may be half a line.',
    default: false,
  }),
  encoding: enumeration(LINE_ENCODINGS, {
    description: 'Characters of a line. A line with other bytes is dropped and counted.',
    default: 'utf8',
  }),
  parse: enumeration(['raw-line', 'regex', 'csv', 'json'], {
    description: 'How points are found in a line. `raw-line`: none; the line itself is published on `serial/{name}/line`.',
    default: 'raw-line',
  }),
  pattern: string({
    description: 'For `regex`: the regular expression (ECMAScript); each named group is a point. Lines that do not match are passed over.',
    example: '^T=(?<temperature>[-.0-9]+) H=(?<humidity>[.0-9]+)$',
    maxLength: PATTERN_LENGTH_MAX,
  }),
  columns: list(string({ description: 'Name of a column; empty to leave it out.', minLength: 0, maxLength: 128 }), {
    description: 'For `csv`: the names of the columns in order.',
    max: 1024,
  }),
  separator: string({ description: 'For `csv`: the character between two values.', default: ',', minLength: 1, maxLength: 1 }),
  quote: string({
    description: 'For `csv`: the character around a value that may hold separators; empty: none.',
    default: '"',
    minLength: 0,
    maxLength: 1,
  }),
  points: map(pointSchema, {
    description: 'The points that are published, by name. Without any, every field of a line is one.',
    names: POINT_NAME,
    namesText: 'one level of a topic: no "+", "#", "/" or control character, and no "$" at its start',
    max: 1024,
  }),
  line: boolean({ description: 'Publish each whole line on `serial/{name}/line` too.', default: false }),
  format: enumeration(['text', 'json'], {
    description: '`text`: the value alone. `json`: an object with `value`, `unit`, `time` (ms since 1970), `timeQuality` and `quality`.',
    default: 'text',
  }),
  retain: boolean({ description: 'Keep the last value of each point for later subscribers.', default: false }),
  write: boolean({ description: 'Send the payload of messages on `serial/{name}/write` as lines.', default: true }),
  write_end: string({
    description: 'What is put after each line that is sent. As `delimiter` unless told.',
    pattern: /^[\s\S]{0,16}$/,
    patternText: 'up to 16 characters, control characters included',
    minLength: 0,
  }),
  backlog: size({
    description:
      'Values that wait in memory while the store is behind or full. Beyond this the oldest are dropped, counted and reported on `$state`.',
    default: '1MiB',
    min: '16KiB',
    max: '256MiB',
  }),
} as const

export type SerialDeviceConfig = InferKeys<typeof deviceKeys>

function checkPoint(point: PointConfig): CheckFault[] {
  const faults: CheckFault[] = []
  const scaled = point.scale !== 1 || point.offset !== 0
  if (scaled && (point.type === 'text' || point.type === 'boolean')) {
    faults.push({ key: 'type', message: `a ${point.type} cannot be scaled`, hint: 'type = "number"' })
  }
  if (point.scale === 0) faults.push({ key: 'scale', message: 'a scale of 0 loses every value' })
  if (point.set !== undefined && !point.set.includes(VALUE_PLACE)) {
    faults.push({ key: 'set', severity: 'warning', message: `holds no ${VALUE_PLACE}: the same line is sent whatever the payload says` })
  }
  return faults
}
