/** Who gets in and what each may do: users, rules, bans. Implements `Access` of the broker's ports. */
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import type { Access } from '#broker/ports.ts'
import { GatewayAccess } from './gateway-access.ts'
import type { AccessSettings, Anonymous } from './settings.ts'

export type { Ban } from './bans.ts'
export { accessFaults } from './check.ts'
export { GatewayAccess, type ListedUser } from './gateway-access.ts'
export type { AccessSettings } from './settings.ts'
export { StoredUsers, USER_RECORDS } from './stored-users.ts'

/** `[access]` as it is when nothing is written, without users. */
export const PLAIN_ACCESS: AccessSettings = {
  anonymous: 'loopback',
  deny_action: 'ignore',
  authenticators: {},
  rules: [],
  client_ids: { allow: [], deny: [] },
  failed_logins: { ban_after: 20, window: 300_000, ban_for: 900_000 },
  flapping: { ban_after: 0, window: 60_000, ban_for: 300_000 },
}

/** Access that knows nobody by name and forbids nothing. */
export function createAccess(anonymous: Anonymous): Access {
  return new GatewayAccess({ settings: { ...PLAIN_ACCESS, anonymous }, clock: systemClock(), logger: silentLogger })
}
