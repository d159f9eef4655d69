/** The gateway's id: as configured, or made at the first start and kept in the store. */
import type { Clock } from '#base/clock.ts'
import type { Broker } from '#broker/ports.ts'

const OWNER = 'gateway'
const KEY = 'id'

export function gatewayId(broker: Broker, clock: Clock, configured: string | undefined): string {
  if (configured !== undefined) return configured
  const records = broker.records(OWNER)
  const kept = records.get(KEY)
  if (kept !== undefined) return Buffer.from(kept).toString('utf8')
  const made = `gw-${Buffer.from(clock.randomBytes(4)).toString('hex')}`
  records.put(KEY, Buffer.from(made))
  return made
}
