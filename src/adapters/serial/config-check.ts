/** What the keys of a serial device must be together. */
import { isGatewayError } from '#base/errors.ts'
import type { CheckFault, Named } from '#base/schema.ts'
import { CsvParser, DELIMITER_BYTES_MAX, encodeText, isBinaryType, RegexParser } from '#codecs/framing/index.ts'
import type { SerialDeviceConfig } from './config.ts'
import { type PointConfig, RESERVED_POINTS, type ScriptConfig, type SpeechConfig } from './config-keys.ts'
import { deframerOf } from './framing.ts'
import { parseOf } from './parsers.ts'

/** Faults of how one device speaks; `hasUnits`: its points stand with its units. */
export function checkSpeech(device: SpeechConfig, hasUnits = false): CheckFault[] {
  const faults = [...checkParser(device), ...checkText(device), ...checkFraming(device), ...checkScripts(device)]
  for (const name of Object.keys(device.points)) {
    if (RESERVED_POINTS.includes(name))
      faults.push({
        key: `points.${name}`,
        message: `"${name}" is a topic of the device itself`,
        hint: 'give the point another name and its field as `from`',
      })
  }
  if (isModbus(device)) faults.push(...checkModbusPoints(device.points, device.groups, hasUnits))
  else for (const [name, point] of Object.entries(device.points)) faults.push(...checkStreamPoint(device, name, point))
  return faults
}

/** Whether the gateway is the master of a Modbus line. */
export function isModbus({ framing }: Pick<SpeechConfig, 'framing'>): boolean {
  return framing === 'modbus-rtu' || framing === 'modbus-ascii'
}

function checkStreamPoint(device: SpeechConfig, name: string, point: PointConfig): CheckFault[] {
  const faults: CheckFault[] = []
  const key = `points.${name}`
  const parse = parseOf(device)
  if (point.register !== undefined) faults.push({ key: `${key}.register`, message: 'is for Modbus', hint: 'framing = "modbus-rtu"' })
  if (parse === 'raw-line' && point.set === undefined && Object.keys(device.scripts).length === 0) {
    faults.push({ key: 'points', message: 'points need a way to find them in a line', hint: 'parse = "regex", "csv" or "json"' })
  }
  if (parse === 'binary' && point.at === undefined && point.set === undefined) {
    faults.push({ key, message: 'has no place in the frame', hint: 'add `at`' })
  }
  if (parse !== 'binary' && point.at !== undefined) faults.push({ key: `${key}.at`, message: 'is for binary frames' })
  if (parse !== 'binary' && isBinaryType(point.type)) {
    faults.push({ key: `${key}.type`, message: `"${point.type}" is for binary frames and registers`, hint: 'type = "number"' })
  }
  return faults
}

function checkModbusPoints(points: Named<PointConfig>, groups: Named<unknown>, hasUnits: boolean): CheckFault[] {
  const faults: CheckFault[] = []
  for (const [name, point] of Object.entries(points)) {
    const key = `points.${name}`
    if (point.register === undefined) faults.push({ key, message: 'has no register', hint: 'add `register`' })
    if (point.group !== undefined && groups[point.group] === undefined) {
      faults.push({ key: `${key}.group`, message: `there is no group "${point.group}"`, hint: `add [groups.${point.group}]` })
    }
    const isBits = point.table === 'coil' || point.table === 'discrete'
    if (isBits && isBinaryType(point.type)) faults.push({ key: `${key}.type`, message: 'a coil is true or false', hint: 'take it out' })
    if (isBits && point.bit !== undefined) faults.push({ key: `${key}.bit`, message: 'a coil has no bits' })
    if (!isBits && /int8$|int24$/.test(point.type)) {
      faults.push({ key: `${key}.type`, message: `a ${point.type} does not fill registers`, hint: 'type = "uint16" with `bit` and `bits`' })
    }
  }
  if (hasUnits && Object.keys(points).length > 0) faults.push({ key: 'points', message: 'stand with the units where there are any' })
  return faults
}

/** What units need of the line that they are on. */
export function checkUnits(device: SerialDeviceConfig): CheckFault[] {
  const faults: CheckFault[] = []
  const owners = new Map<number, string>()
  for (const [name, unit] of Object.entries(device.units)) {
    if (!isModbus(device)) faults.push({ key: `units.${name}`, message: 'units are for Modbus', hint: 'framing = "modbus-rtu"' })
    const owner = owners.get(unit.unit)
    if (owner !== undefined) faults.push({ key: `units.${name}.unit`, message: `"${owner}" has the address ${unit.unit} already` })
    else owners.set(unit.unit, name)
    const groups = { ...device.groups, ...unit.groups }
    for (const fault of checkModbusPoints(unit.points, groups, false)) faults.push({ ...fault, key: `units.${name}.${fault.key}` })
    for (const point of Object.keys(unit.points)) {
      if (RESERVED_POINTS.includes(point))
        faults.push({ key: `units.${name}.points.${point}`, message: `"${point}" is a topic of the device itself` })
    }
  }
  return faults
}

/** The parser must be complete, and each point must have a field that can occur. */
function checkParser(device: SpeechConfig): CheckFault[] {
  const faults: CheckFault[] = []
  const scripted = Object.keys(device.scripts).length > 0
  if (device.pattern !== undefined && device.parse !== 'regex') faults.push({ key: 'pattern', message: 'is only for parse = "regex"' })
  if (device.columns.length > 0 && device.parse !== 'csv') faults.push({ key: 'columns', message: 'is only for parse = "csv"' })
  let names: readonly string[] | undefined
  try {
    if (device.parse === 'regex') {
      if (device.pattern === undefined) return [...faults, { key: 'parse', message: 'parse = "regex" needs a pattern' }]
      names = new RegexParser(device.pattern).names
    } else if (device.parse === 'csv') {
      if (device.columns.length === 0) return [...faults, { key: 'parse', message: 'parse = "csv" needs columns' }]
      new CsvParser(device)
      names = device.columns
    }
  } catch (error) {
    if (!isGatewayError(error)) throw error
    const key = device.parse === 'regex' ? 'pattern' : 'columns'
    return [...faults, { key, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) }]
  }
  if (names === undefined || scripted) return faults
  for (const [name, point] of Object.entries(device.points)) {
    const field = point.from ?? name
    if (names.includes(field) || point.type === 'command' || (point.from === undefined && point.set !== undefined)) continue
    faults.push({
      key: `points.${name}`,
      message: `no field "${field}"`,
      hint: `there are ${names.filter(each => each !== '').join(', ')}`,
    })
  }
  return faults
}

function checkText(device: SpeechConfig): CheckFault[] {
  const faults: CheckFault[] = []
  for (const key of ['delimiter', 'write_end'] as const) {
    const text = device[key]
    if (text === undefined) continue
    try {
      if (encodeText(text, device.encoding).length > DELIMITER_BYTES_MAX)
        faults.push({ key, message: `has more than ${DELIMITER_BYTES_MAX} bytes` })
    } catch {
      faults.push({ key, message: `has characters that are not in ${device.encoding}` })
    }
  }
  return faults
}

/** The framing itself says what does not fit together. */
function checkFraming(device: SpeechConfig): CheckFault[] {
  if (device.framing === 'fixed' && device.frame_length === undefined) {
    return [{ key: 'framing', message: 'framing = "fixed" needs `frame_length`' }]
  }
  if (device.framing === 'length-prefix' && device.length_size === 3) {
    return [{ key: 'length_size', message: 'must be 1, 2 or 4' }]
  }
  if (isModbus(device))
    return device.data_bits === 8 || device.framing === 'modbus-ascii' ? [] : [{ key: 'data_bits', message: 'Modbus RTU has 8' }]
  try {
    deframerOf(device, () => {})
    return []
  } catch (error) {
    if (!isGatewayError(error)) throw error
    // A delimiter outside the encoding has its own fault.
    return error.code === 'encode-range' ? [] : [{ key: 'framing', message: error.message }]
  }
}

function checkScripts(device: SpeechConfig): CheckFault[] {
  const faults: CheckFault[] = []
  for (const [name, script] of Object.entries(device.scripts)) {
    if (isModbus(device) || device.framing === 'raw') {
      faults.push({ key: `scripts.${name}`, message: `framing = "${device.framing}" has no scripts` })
    }
    faults.push(...checkSteps(device, name, script))
  }
  return faults
}

function checkSteps(device: SpeechConfig, name: string, script: ScriptConfig): CheckFault[] {
  const faults: CheckFault[] = []
  for (const [place, step] of script.steps.entries()) {
    const key = `scripts.${name}.steps.${place}`
    try {
      if (step.send !== undefined) encodeText(step.send, device.encoding)
    } catch {
      faults.push({ key: `${key}.send`, message: `has characters that are not in ${device.encoding}` })
    }
    for (const which of ['expect', 'fail'] as const) {
      const pattern = step[which]
      if (pattern === undefined || pattern === '') continue
      try {
        new RegexParser(pattern, false)
      } catch (error) {
        if (!isGatewayError(error)) throw error
        faults.push({ key: `${key}.${which}`, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) })
      }
    }
  }
  return faults
}

/** Two devices on one port would take each other's lines. */
export function checkPorts(devices: Named<SerialDeviceConfig>): CheckFault[] {
  const faults: CheckFault[] = []
  const owners = new Map<string, string>()
  for (const [name, device] of Object.entries(devices)) {
    const owner = owners.get(device.port)
    if (owner !== undefined) faults.push({ key: `${name}.port`, message: `[serial.${owner}] has this port already` })
    else owners.set(device.port, name)
  }
  return faults
}
