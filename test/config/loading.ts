/** Loads a configuration from texts, for the tests of this folder. */

import { adminSchema } from '#admin/config.ts'
import type { Infer } from '#base/schema.ts'
import { choice, enumeration, integer, list, map, path, secret, string, table, url } from '#base/schema.ts'
import type { CommonConfig } from '#config/common.ts'
import { rootSchema } from '#config/common.ts'
import { showFault } from '#config/fault.ts'
import type { Loaded } from '#config/load.ts'
import { loadConfig } from '#config/load.ts'
import { listenersSchema } from '#listeners/config.ts'

export const listeners = listenersSchema({ coap: {}, 'mqtt-sn': {} })
type Listeners = Infer<typeof listeners>

const route = table(
  {
    from: string({ required: true, description: 'A filter.' }),
    qos: integer({ default: 1, max: 2, description: 'The most.' }),
  },
  { description: 'A route.' },
)

const bridgeSchema = choice(
  'kind',
  {
    mqtt: table(
      {
        url: url({ schemes: { mqtt: 1883, mqtts: 8883 }, required: true, description: 'The upstream.' }),
        version: enumeration(['5', '3.1.1'], { default: '5', description: 'The version.' }),
        client_id: string({ description: 'The client id.' }),
        username: string({ description: 'The user.' }),
        password: secret({ description: 'The password.' }),
        out: list(route, { description: 'Routes.' }),
        tls: table(
          {
            cert: path({ required: true, description: 'A certificate.' }),
            alpn: list(string({ description: 'A name.' }), { description: 'Names.' }),
          },
          { optional: true, description: 'TLS.' },
        ),
      },
      { description: 'MQTT.' },
    ),
  },
  { planned: ['aws-iot'], description: 'A bridge.' },
)

/** The common tables, the listeners, and bridges in small. */
export const schema = rootSchema({ listeners, admin: adminSchema, bridges: map(bridgeSchema, { description: 'Upstreams.' }) })

export type TestConfig = CommonConfig & { listeners: Listeners; bridges: Record<string, Infer<typeof bridgeSchema>> }

export interface Given {
  env?: Record<string, string>
  sets?: readonly string[]
  files?: Record<string, string | Uint8Array>
  reserved?: readonly string[]
}

export const FILE = '/etc/tidegate/tidegate.toml'

/** Loads `text` as {@link FILE} (none if undefined) with the working folder `/home/pi`. */
export function load(text: string | undefined, given: Given = {}): Loaded<typeof schema> {
  const files: Record<string, string | Uint8Array> = { ...given.files, ...(text !== undefined && { [FILE]: text }) }
  return loadConfig({
    schema,
    file: text === undefined ? undefined : FILE,
    env: given.env ?? {},
    sets: given.sets ?? [],
    ...(given.reserved && { reserved: given.reserved }),
    folder: '/home/pi',
    readFile: name => {
      if (Object.hasOwn(files, name)) return files[name]
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    },
  })
}

/** The values, or an error that shows the faults. */
export function config(text: string | undefined, given: Given = {}): TestConfig {
  const loaded = load(text, given)
  if (loaded.config === undefined) throw new Error(loaded.faults.map(showFault).join('\n'))
  return loaded.config
}

/** The faults as lines, the file's folder left out. */
export function faults(text: string | undefined, given: Given = {}): string[] {
  return load(text, given).faults.map(fault => showFault(fault).replace(FILE, 'F'))
}
