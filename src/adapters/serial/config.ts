import { type Infer, map, table } from '#base/schema.ts'
import { checkDevice, checkPorts } from './config-check.ts'
import { deviceKeys } from './config-keys.ts'

export type { PointConfig, SerialDeviceConfig } from './config-keys.ts'

const deviceSchema = table(deviceKeys, {
  description: 'A device on a serial line: its values go to `serial/{name}/{point}`, its state to `serial/{name}/$state`.',
  check: checkDevice,
})

/** `[serial.NAME]`. */
export const serialSchema = map(deviceSchema, { description: 'Serial devices by name.', max: 256, check: checkPorts })

export type SerialConfig = Infer<typeof serialSchema>
