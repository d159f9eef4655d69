/** The keys of a point: `[serial.NAME.points.POINT]`. */
import { type CheckFault, duration, enumeration, type InferKeys, integer, list, map, number, string, table } from '#base/schema.ts'
import { BINARY_TYPES, BYTE_ORDERS, isBinaryType } from '#codecs/framing/index.ts'

/** Levels below `serial/{name}/` that have a meaning of their own, so that no point can have their name. */
export const RESERVED_POINTS: readonly string[] = ['line', 'raw', 'write', 'frame', 'set']

/** A point fills one level of a topic. */
const POINT_NAME = /^(?!\$)[^\0-\x1f\x7f+#/]{1,128}$/

/** Where the value of a write stands in `set`. */
export const VALUE_PLACE = `\${value}`

/** When a value is published, for a device and for a point that differs. */
export const publishKeys = {
  publish: enumeration(['always', 'change'], {
    description: 'When a value is published: each time that it is read, or when it has changed.',
    default: 'always',
  }),
  dead_band: number({
    description: 'With `publish = "change"`: a number must differ by more than this from the one published last.',
    default: 0,
    min: 0,
  }),
  heartbeat: duration({
    description: 'With `publish = "change"`: a value is published again after this long though it has not changed; `0s`: never.',
    default: '0s',
  }),
} as const

const pointKeys = {
  from: string({
    description: 'The field it comes from: a named group, a column, or a path such as `air.temp`. As the point itself unless told.',
    maxLength: 256,
  }),
  type: enumeration(['auto', 'number', 'integer', 'text', 'boolean', 'command', ...BINARY_TYPES], {
    description:
      'What the value is. `auto` passes a text as it came and takes a number for a number; `integer` rounds. In registers and binary ' +
      'frames the type says how many bytes it has; there `auto` is `uint16`, of a coil `boolean`. `bcd16` and `bcd32` are packed digits. ' +
      '`command`: nothing is read; each message on `…/set` sends the line of `set`.',
    default: 'auto',
  }),
  scale: number({ description: 'What a number is multiplied with.', default: 1 }),
  offset: number({ description: 'What is added after that.', default: 0 }),
  decimals: integer({ description: 'Digits after the point that a number is rounded to.', max: 15 }),
  unit: string({ description: 'The unit, for people and for `format = "json"`.', maxLength: 32 }),
  values: map(string({ description: 'The word for that value.', maxLength: 256 }), {
    description: 'Words for single values, by the value as it was read: `values = { 0 = "off", 1 = "on" }`. Writes take the words too.',
    names: /^[\s\S]{1,64}$/,
    namesText: '1 to 64 characters',
    max: 1024,
  }),
  flags: map(string({ description: 'The word for that bit.', maxLength: 64 }), {
    description: 'Words for single bits, by the number of the bit from 0; the value is those that are set, with commas between them.',
    names: /^([0-9]|[1-5][0-9]|6[0-3])$/,
    namesText: 'the number of a bit from 0 to 63',
    max: 64,
  }),
  bit: integer({ description: 'The lowest bit of a field of bits in the number, from 0.', max: 63 }),
  bits: integer({ description: 'How many bits the field has. One alone is true or false.', default: 1, min: 1, max: 32 }),
  invalid: list(number({ description: 'Such a number.' }), {
    description: 'Numbers, before scaling, with which the device says that it has no value.',
    max: 64,
  }),
  set: string({
    description: `The line that is sent for a message on \`serial/{name}/{point}/set\`; \`${VALUE_PLACE}\` is its payload, scaled back.`,
    example: `SET TEMP ${VALUE_PLACE}`,
    maxLength: 1024,
  }),
  register: integer({ description: "Modbus: the address, counted from 0 (a manual's 40001 is `register = 0`).", max: 65_535 }),
  table: enumeration(['holding', 'input', 'coil', 'discrete'], {
    description: 'Modbus: the table that the address is in: functions 3, 4, 1 and 2.',
    default: 'holding',
  }),
  group: string({ description: 'Modbus: the group with whose interval it is read.', maxLength: 64 }),
  write: enumeration(['no', 'auto', 'single', 'multiple', 'mask'], {
    description:
      'Modbus: whether messages on `…/set` are written, and by which function. `auto`: 5 or 6 for one coil or register, else 16; ' +
      '`multiple`: 15 or 16; `mask`: 22, for a field of bits (`auto` reads the register first).',
    default: 'no',
  }),
  min: number({ description: 'The lowest value that may be written.' }),
  max: number({ description: 'The highest value that may be written.' }),
  at: integer({ description: 'Binary frames: the place of its first byte in the frame, from 0.', max: 65_535 }),
  length: integer({ description: 'Bytes of a `string` or `hex`.', default: 1, min: 1, max: 250 }),
  byte_order: enumeration(BYTE_ORDERS, {
    description:
      'The order of its bytes: `ABCD` big-endian, `DCBA` little-endian, `BADC` bytes swapped in each register, `CDAB` registers swapped. As the device unless told.',
  }),
  publish: enumeration(['always', 'change'], { description: 'As the key of the device, for this point.' }),
  dead_band: number({ description: 'As the key of the device, for this point.', min: 0 }),
  heartbeat: duration({ description: 'As the key of the device, for this point.' }),
  label: string({ description: 'What people call it; for Home Assistant.', maxLength: 128 }),
  device_class: string({ description: 'Its device class in Home Assistant: `voltage`, `energy`, `temperature`.', maxLength: 64 }),
  state_class: enumeration(['measurement', 'total', 'total_increasing'], { description: 'Its state class in Home Assistant.' }),
} as const

export type PointConfig = InferKeys<typeof pointKeys>

const pointSchema = table(pointKeys, { description: 'One value of a device.', check: checkPoint })

/** The points of a device or unit. */
export const pointsSchema = map(pointSchema, {
  description: 'The points that are published, by name. Without any, every field of a line is one.',
  names: POINT_NAME,
  namesText: 'one level of a topic: no "+", "#", "/" or control character, and no "$" at its start',
  max: 4096,
})

function checkPoint(point: PointConfig): CheckFault[] {
  const faults: CheckFault[] = []
  const scaled = point.scale !== 1 || point.offset !== 0 || point.decimals !== undefined
  if (scaled && ['text', 'boolean', 'string', 'hex'].includes(point.type)) {
    faults.push({ key: 'type', message: `a ${point.type} cannot be scaled`, hint: 'type = "number"' })
  }
  if (point.type === 'command' && point.set === undefined)
    faults.push({ key: 'set', message: 'is missing: a command has a line that it sends' })
  if (point.scale === 0) faults.push({ key: 'scale', message: 'a scale of 0 loses every value' })
  if (point.set !== undefined && point.type !== 'command' && !point.set.includes(VALUE_PLACE)) {
    faults.push({ key: 'set', severity: 'warning', message: `holds no ${VALUE_PLACE}: the same line is sent whatever the payload says` })
  }
  if (point.bit === undefined && point.bits !== 1) faults.push({ key: 'bits', message: 'needs `bit`, the lowest of them' })
  const bitwise = point.bit !== undefined || Object.keys(point.flags).length > 0
  if (bitwise && isBinaryType(point.type) && !/^u?int/.test(point.type)) {
    faults.push({ key: 'type', message: `a ${point.type} has no single bits`, hint: 'type = "uint16"' })
  }
  if (point.register !== undefined && point.at !== undefined)
    faults.push({ key: 'at', message: 'is for binary frames, `register` for Modbus' })
  if (point.write !== 'no' && (point.table === 'input' || point.table === 'discrete')) {
    faults.push({ key: 'write', message: `a point of table "${point.table}" cannot be written`, hint: 'table = "holding" or "coil"' })
  }
  if (point.write === 'mask' && point.bit === undefined)
    faults.push({ key: 'write', message: '"mask" is for a field of bits', hint: 'add `bit`' })
  if (point.min !== undefined && point.max !== undefined && point.min > point.max) faults.push({ key: 'min', message: 'is above `max`' })
  return faults
}
