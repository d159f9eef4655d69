/** What the keys of a serial device must be together. */
import { isGatewayError } from '#base/errors.ts'
import type { CheckFault, Named } from '#base/schema.ts'
import { CsvParser, DELIMITER_BYTES_MAX, encodeText, RegexParser } from '#codecs/framing/index.ts'
import { RESERVED_POINTS, type SerialDeviceConfig } from './config-keys.ts'

/** Faults of one device. */
export function checkDevice(device: SerialDeviceConfig): CheckFault[] {
  const faults = [...checkParser(device), ...checkText(device)]
  for (const name of Object.keys(device.points)) {
    if (RESERVED_POINTS.includes(name))
      faults.push({
        key: `points.${name}`,
        message: `"${name}" is a topic of the device itself`,
        hint: 'give the point another name and its field as `from`',
      })
  }
  if (device.parse === 'raw-line' && Object.values(device.points).some(point => point.set === undefined)) {
    faults.push({ key: 'points', message: 'points need a way to find them in a line', hint: 'parse = "regex", "csv" or "json"' })
  }
  return faults
}

/** The parser must be complete, and each point must have a field that can occur. */
function checkParser(device: SerialDeviceConfig): CheckFault[] {
  const faults: CheckFault[] = []
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
  if (names === undefined) return faults
  for (const [name, point] of Object.entries(device.points)) {
    const field = point.from ?? name
    if (names.includes(field) || (point.from === undefined && point.set !== undefined)) continue
    faults.push({
      key: `points.${name}`,
      message: `no field "${field}"`,
      hint: `there are ${names.filter(each => each !== '').join(', ')}`,
    })
  }
  return faults
}

function checkText(device: SerialDeviceConfig): CheckFault[] {
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
