/** The keys that say how a stream is taken apart. */
import { boolean, duration, enumeration, integer, list, size, string } from '#base/schema.ts'
import { CHECKS, LINE_ENCODINGS, PATTERN_LENGTH_MAX } from '#codecs/framing/index.ts'

export const FRAMINGS = [
  'lines',
  'fixed',
  'length-prefix',
  'slip',
  'cobs',
  'nmea',
  'dsmr',
  've-direct',
  'modbus-rtu',
  'modbus-ascii',
  'raw',
] as const

const hex = (description: string, example?: string) =>
  string({
    description: `${description} In hexadecimal digits.`,
    pattern: /^([0-9A-Fa-f]{2} ?){0,32}$/,
    patternText: 'pairs of hexadecimal digits, 32 at most',
    minLength: 0,
    default: '',
    ...(example !== undefined && { example }),
  })

export const frameKeys = {
  framing: enumeration(FRAMINGS, {
    description:
      'How the stream is taken apart. `fixed` and `length-prefix`: binary frames with start, check and end; `slip` (RFC 1055) and `cobs` with or without ' +
      'a check; `nmea`: sentences of NMEA 0183; `dsmr`: telegrams of a P1 port; `ve-direct`: blocks of Victron; `modbus-rtu` and `modbus-ascii`: the gateway is the ' +
      'master of the line; `raw`: bytes as they come, on `serial/{name}/raw`.',
    default: 'lines',
  }),
  delimiter: string({
    description: 'What ends a line. Where it is a newline alone, a carriage return before it belongs to it.',
    default: '\n',
    pattern: /^[\s\S]{1,16}$/,
    patternText: '1 to 16 characters, control characters included',
  }),
  max_length: size({
    description: 'Longer lines and frames are dropped and counted; of `raw` it is the most that one message holds.',
    default: '4KiB',
    min: '1B',
    max: '1MiB',
  }),
  idle_flush: duration({
    description:
      'A line counts as ended after this much silence; `0s`: only by its delimiter. Of `raw`, what has gathered is published then (20 ms unless told); of binary frames, what is incomplete is dropped.',
    default: '0s',
    max: '60s',
  }),
  skip_first: boolean({
    description:
      'Drop what comes before the first delimiter after the port was opened: for devices that send without pause, where it may be half a line.',
    default: false,
  }),
  frame_start: hex('Binary frames: the bytes that each begins with.', 'ff 86'),
  frame_end: hex('Binary frames: the bytes that each ends with, after the check.'),
  frame_length: integer({ description: '`fixed`: the bytes of a whole frame.', min: 1, max: 65_536 }),
  length_at: integer({ description: '`length-prefix`: the place of the length in the frame, from 0.', default: 0, max: 255 }),
  length_size: integer({ description: '`length-prefix`: the bytes of the length: 1, 2 or 4.', default: 1, min: 1, max: 4 }),
  length_order: enumeration(['big', 'little'], { description: '`length-prefix`: the order of its bytes.', default: 'big' }),
  length_adds: integer({
    description: '`length-prefix`: what is added to the length to have the bytes of the whole frame, from start to end.',
    default: 0,
    max: 1024,
  }),
  check: enumeration(CHECKS, {
    description:
      'The check at the end of a frame of `fixed`, `length-prefix`, `slip` or `cobs`. `crc16-modbus` starts with 0xFFFF, `crc16-arc` with 0; ' +
      '`crc16-ccitt` (0x1021) starts with 0xFFFF, `crc16-xmodem` with 0; `sum8-negated` makes the sum 0.',
    default: 'none',
  }),
  check_order: enumeration(['big', 'little'], { description: 'The order of its bytes; as usual for the check unless told.' }),
  check_from: integer({ description: 'Binary frames: the first byte that the check covers.', default: 0, max: 255 }),
  check_optional: boolean({
    description: '`nmea`, `dsmr`: take sentences and telegrams without check too, as old devices send them.',
    default: false,
  }),
  encoding: enumeration(LINE_ENCODINGS, {
    description: 'Characters of a line. A line with other bytes is dropped and counted.',
    default: 'utf8',
  }),
  parse: enumeration(['auto', 'raw-line', 'regex', 'csv', 'json', 'nmea', 'obis', 'labels', 'pairs', 'binary'], {
    description:
      'How points are found. `raw-line`: not at all; the line itself is published on `serial/{name}/line`. `nmea`: `GGA.7` or `GGA.latitude`; ' +
      '`obis`: `1-0:1.8.1`; `labels`: a label, a tab, a value in each line; `pairs`: `Ta=21.6C,Ua=36.4P`, without the unit; `binary`: by the place in the frame (`at`). `auto`: as it fits the framing.',
    default: 'auto',
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
} as const
