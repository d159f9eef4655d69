/** What there is: the tables of the configuration, and what stands behind each of their words. One line a folder. */
import { coapKeys } from '#adapters/coap/index.ts'
import { serialSchema } from '#adapters/serial/index.ts'
import { adminSchema } from '#admin/config.ts'
import type { Infer } from '#base/schema.ts'
import { bridges } from '#bridges/index.ts'
import { rootSchema as compose } from '#config/common.ts'
import { listenersSchema } from '#listeners/config.ts'

/** The whole configuration. */
export const rootSchema = compose({
  listeners: listenersSchema({ coap: coapKeys }),
  bridges,
  serial: serialSchema,
  admin: adminSchema,
})

export type GatewayConfig = Infer<typeof rootSchema>
export type ListenerConfig = GatewayConfig['listeners'][string]
