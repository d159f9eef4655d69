/** What there is: the tables of the configuration, and what stands behind each of their words. One line a folder. */
import { accessFaults } from '#access/index.ts'
import { coapKeys } from '#adapters/coap/index.ts'
import { mqttSnKeys } from '#adapters/mqtt-sn/index.ts'
import { serialSchema } from '#adapters/serial/index.ts'
import { adminSchema } from '#admin/config.ts'
import type { CheckFault, Infer, InferKeys, Outside } from '#base/schema.ts'
import { bridges } from '#bridges/index.ts'
import { type CommonConfig, rootSchema as compose } from '#config/common.ts'
import { listenersSchema } from '#listeners/config.ts'

const features = {
  listeners: listenersSchema({ coap: coapKeys, 'mqtt-sn': mqttSnKeys }),
  bridges,
  serial: serialSchema,
  admin: adminSchema,
}

/** The whole configuration. */
export const rootSchema = compose(features, (config, outside) => [...unavailable(config), ...checkAccess(config, outside)])

export type GatewayConfig = Infer<typeof rootSchema>
export type ListenerConfig = GatewayConfig['listeners'][string]

/** Keys of the contract that nothing keeps yet: a limit or a rule that is believed and not kept is worse than none. */
function unavailable(config: CommonConfig & InferKeys<typeof features>): readonly CheckFault[] {
  const keys: string[] = []
  const { listeners } = config
  for (const [name, listener] of Object.entries(listeners)) {
    if (listener.mountpoint !== undefined && listener.protocol === 'mqtt') keys.push(`listeners.${name}.mountpoint`)
  }
  return keys.map(key => ({ key, message: 'is not available in this version', hint: 'take it out' }))
}

function checkAccess({ access, serial }: CommonConfig & InferKeys<typeof features>, outside: Outside): readonly CheckFault[] {
  const devices = Object.keys(serial).length > 0 ? ['serial'] : []
  return accessFaults(access, devices, outside).map(fault => ({ ...fault, key: `access.${fault.key}` }))
}
