import { type Infer, type InferKeys, map, path, string, table } from '#base/schema.ts'
import { checkPorts, checkSpeech, checkUnits } from './config-check.ts'
import { speechKeys } from './config-keys.ts'
import { unitsSchema } from './poll-keys.ts'
import { profileSchema } from './profile/schema.ts'

const schemaOfProfile = { schema: () => profileSchema }

const deviceKeys = {
  port: path({
    description: 'The port, best by its identity, which survives another USB socket.',
    required: true,
    example: '/dev/serial/by-id/usb-FTDI_…',
  }),
  profile: string({
    description:
      'The profile that describes the device: a name from `firmware-profiles/devices`, or a path. Keys written here go before those of the profile.',
    example: 'sdm120',
    maxLength: 1024,
  }),
  ...speechKeys,
  units: unitsSchema(schemaOfProfile),
} as const

const deviceSchema = table(deviceKeys, {
  description: 'A device on a serial line: its values go to `serial/{name}/{point}`, its state to `serial/{name}/$state`.',
  include: { key: 'profile', section: 'serial', partial: false, ...schemaOfProfile },
  check: device => [...checkSpeech(device, Object.keys(device.units).length > 0), ...checkUnits(device)],
})

export type SerialDeviceConfig = InferKeys<typeof deviceKeys>

/** `[serial.NAME]`. */
export const serialSchema = map(deviceSchema, { description: 'Serial devices by name.', max: 256, check: checkPorts })

export type SerialConfig = Infer<typeof serialSchema>
