/** The keys of what the gateway asks for: Modbus units with their groups, and scripts of requests. */
import {
  boolean,
  type CheckFault,
  duration,
  enumeration,
  type InferKeys,
  integer,
  list,
  map,
  overrides,
  string,
  table,
} from '#base/schema.ts'
import { BYTE_ORDERS, PATTERN_LENGTH_MAX } from '#codecs/framing/index.ts'
import { pointsSchema } from './point-keys.ts'

const groupSchema = table(
  { interval: duration({ description: 'How often its points are read.', required: true, min: '10ms', max: '30d', example: '1m' }) },
  { description: 'Points that are read with an interval of their own.' },
)

const groupsSchema = map(groupSchema, { description: 'Groups by name; a point names its group.', max: 64 })

/** What holds for the units of a Modbus line, and may differ for one of them. */
const pollScalars = {
  interval: duration({ description: 'Modbus: how often points without a group are read.', default: '10s', min: '10ms', max: '30d' }),
  max_gap: integer({
    description: 'Modbus: registers or bits that nobody wants, between two points, that are read along rather than asked for apart.',
    default: 8,
    max: 120,
  }),
  max_registers: integer({ description: 'Modbus: the most registers that one request asks for.', default: 100, min: 1, max: 125 }),
  byte_order: enumeration(BYTE_ORDERS, { description: 'The order of bytes of points that name none.', default: 'ABCD' }),
  timeout: duration({
    description: 'Modbus: how long an answer is waited for. A unit that is seen to answer later gets up to five times as long.',
    default: '1s',
    min: '10ms',
    max: '60s',
  }),
  retries: integer({
    description: 'Modbus: how often a unit that did answer before is asked again, before it counts as dead.',
    default: 2,
    max: 10,
  }),
} as const

export const pollKeys = {
  ...pollScalars,
  groups: groupsSchema,
  unit: integer({
    description: 'Modbus: the address of the one unit on the line; its points are on `serial/{name}/{point}`.',
    default: 1,
    min: 1,
    max: 255,
  }),
  back_off: duration({
    description: 'Modbus: how long a dead unit is left alone before it is asked once more.',
    default: '30s',
    min: '1s',
    max: '1d',
  }),
  late: duration({
    description:
      'Modbus: how long after an unanswered request its answer may still come. Until then nothing is asked of the unit whose answer could be mistaken for it. Three time-outs unless told.',
  }),
  turnaround: duration({ description: 'Modbus: the silence before a request; at least 3.5 characters.', default: '0s', max: '10s' }),
  echo: boolean({ description: 'Modbus: the adapter hears what it sends; that is passed over.', default: false }),
  confirm: boolean({ description: 'Modbus: what was written is read back and published.', default: true }),
} as const

const unitKeys = {
  unit: integer({ description: 'The address of the unit.', required: true, min: 1, max: 255 }),
  profile: string({ description: 'The profile that describes it; of it the points, groups and reading counts.', maxLength: 1024 }),
  ...overrides(pollScalars),
  groups: groupsSchema,
  points: pointsSchema,
} as const

export type UnitConfig = InferKeys<typeof unitKeys>

/** One of several units on a line. */
export function unitsSchema(include: { schema: () => import('#base/schema.ts').TableSchema }) {
  return map(
    table(unitKeys, {
      description: 'One of several units on a Modbus line: its points are on `serial/{name}/{unit name}/{point}`.',
      include: { key: 'profile', section: 'serial', partial: true, ...include },
    }),
    { description: 'Modbus: the units on the line by name.', max: 247 },
  )
}

const hexOptional = (description: string) =>
  string({ description, pattern: /^([0-9A-Fa-f]{2} ?){1,256}$/, patternText: 'pairs of hexadecimal digits, 256 at most' })

const stepKeys = {
  send: string({
    description: 'The text that is sent, with its line end (`\\r` and `\\n` as TOML writes them).',
    example: 'SI\r\n',
    pattern: /^[\s\S]{1,512}$/,
    patternText: '1 to 512 characters, control characters included',
  }),
  send_hex: hexOptional('The bytes that are sent, in hexadecimal digits.'),
  expect: string({
    description:
      'What a line must match to be the answer (ECMAScript); named groups are fields for points. Without it the next frame is the answer. Empty: no answer is waited for.',
    minLength: 0,
    maxLength: PATTERN_LENGTH_MAX,
  }),
  fail: string({ description: 'A line that matches this ends the script: `^ERROR`.', maxLength: PATTERN_LENGTH_MAX }),
  timeout: duration({ description: 'How long the answer is waited for.', default: '1s', min: '10ms', max: '5m' }),
  wait: duration({ description: 'A pause before it is sent.', default: '0s', max: '5m' }),
} as const

export type StepConfig = InferKeys<typeof stepKeys>

const scriptKeys = {
  interval: duration({ description: 'How often it runs; `0s`: once after each opening of the port.', default: '10s', max: '30d' }),
  steps: list(table(stepKeys, { description: 'One request and its answer.', check: checkStep }), {
    description: 'Requests in order; the first that fails ends the run.',
    min: 1,
    max: 64,
  }),
} as const

export type ScriptConfig = InferKeys<typeof scriptKeys>

export const scriptsSchema = map(table(scriptKeys, { description: 'Requests that the gateway sends by itself.' }), {
  description: 'Requests with their answers, by name: for devices that speak when they are asked, such as scales and modems.',
  max: 32,
})

function checkStep(step: StepConfig): CheckFault[] {
  if ((step.send === undefined) === (step.send_hex === undefined)) {
    return [{ key: 'send', message: 'a step has either `send` or `send_hex`' }]
  }
  return []
}
