/** What there is: the tables of the configuration, and what stands behind each of their words. One line a folder. */
import { accessFaults } from '#access/index.ts'
import { coapKeys } from '#adapters/coap/index.ts'
import { mqttSnKeys } from '#adapters/mqtt-sn/index.ts'
import { homeAssistantSchema, serialSchema } from '#adapters/serial/index.ts'
import { adminSchema } from '#admin/config.ts'
import { sysSchema } from '#admin/sys/config.ts'
import type { CheckFault, Infer, InferKeys, Outside } from '#base/schema.ts'
import { bridges } from '#bridges/index.ts'
import { type CommonConfig, rootSchema as compose } from '#config/common.ts'
import { listenersSchema } from '#listeners/config.ts'
import { autoSubscriptionsSchema, rewriteSchema } from '#rules/index.ts'
import { readPattern } from './gateway/rules.ts'

const features = {
  listeners: listenersSchema({ coap: coapKeys, 'mqtt-sn': mqttSnKeys }),
  bridges,
  serial: serialSchema,
  homeassistant: homeAssistantSchema,
  rewrite: rewriteSchema(readPattern),
  auto_subscriptions: autoSubscriptionsSchema,
  sys: sysSchema,
  admin: adminSchema,
}

/** The whole configuration. */
export const rootSchema = compose(features, checkAccess)

export type GatewayConfig = Infer<typeof rootSchema>
export type ListenerConfig = GatewayConfig['listeners'][string]

/** What is wrong in `[access]` beyond single keys. */
function checkAccess({ access, serial }: CommonConfig & InferKeys<typeof features>, outside: Outside): readonly CheckFault[] {
  const devices = Object.keys(serial).length > 0 ? ['serial'] : []
  return accessFaults(access, devices, outside).map(fault => ({ ...fault, key: `access.${fault.key}` }))
}
