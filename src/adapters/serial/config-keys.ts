/** The keys of `[serial.NAME]` that a profile may give too: how the device speaks and what becomes of it. */
import { boolean, duration, enumeration, type InferKeys, integer, size, string } from '#base/schema.ts'
import { frameKeys } from './frame-keys.ts'
import { pointsSchema, publishKeys } from './point-keys.ts'
import { pollKeys, scriptsSchema } from './poll-keys.ts'

export { type PointConfig, RESERVED_POINTS, VALUE_PLACE } from './point-keys.ts'
export type { ScriptConfig, StepConfig, UnitConfig } from './poll-keys.ts'

const lineKeys = {
  baud: integer({ description: 'Speed of the line.', default: 9600, min: 50, max: 12_000_000, unit: 'baud' }),
  data_bits: integer({ description: 'Bits of a character.', default: 8, min: 5, max: 8 }),
  parity: enumeration(['none', 'even', 'odd'], { description: 'Parity bit of a character.', default: 'none' }),
  stop_bits: integer({ description: 'Stop bits of a character.', default: 1, min: 1, max: 2 }),
  rts_cts: boolean({
    description: 'Flow control by the RTS and CTS wires. While the gateway cannot take more, the device is held.',
    default: false,
  }),
  rts: enumeration(['auto', 'on-send', 'off-send'], {
    description:
      'RS-485 adapters whose direction the RTS wire switches: set or cleared by the gateway while it sends, to within a millisecond or two. ' +
      "`auto`: the adapter or the kernel does it, as nearly all do; exact switching needs the kernel's own mode (`linux,rs485-enabled-at-boot-time` in the device tree).",
    default: 'auto',
  }),
  rts_before: duration({ description: 'With `rts`: the pause between switching and sending.', default: '0s', max: '1s' }),
  rts_after: duration({ description: 'With `rts`: the pause between the last bit and switching back.', default: '0s', max: '1s' }),
} as const

const valueKeys = {
  line: boolean({ description: 'Publish each whole line on `serial/{name}/line` too.', default: false }),
  format: enumeration(['text', 'json'], {
    description:
      '`text`: the value alone; of points that the gateway asks for, `serial/{name}/{point}/$quality` says `good` or why not. ' +
      '`json`: an object with `value`, `unit`, `time` (ms since 1970), `timeQuality`, `quality` and, where it is bad, `error`.',
    default: 'text',
  }),
  retain: boolean({ description: 'Keep the last value of each point for later subscribers.', default: false }),
  ...publishKeys,
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

export const speechKeys = {
  ...lineKeys,
  ...frameKeys,
  ...pollKeys,
  scripts: scriptsSchema,
  points: pointsSchema,
  ...valueKeys,
} as const

/** How a device speaks, without the port that it is at. */
export type SpeechConfig = InferKeys<typeof speechKeys>
