/** Users, bans and counters of access, as the admin interface sees them. */
import type { Ban, GatewayAccess } from '#access/index.ts'
import type { BanAdmin, BanStatus, MetricFamily, UserAdmin } from '#admin/ports.ts'

export function userAdminOf(access: GatewayAccess): UserAdmin {
  return {
    list: () =>
      access.users().map(({ user, source }) => ({
        username: user.name,
        source,
        scram: user.scram !== undefined,
        createdAtMs: user.createdAtMs,
      })),
    add: (username, password) => access.addUser(username, password),
    changePassword: (username, password) => access.changePassword(username, password),
    remove: username => access.removeUser(username),
  }
}

export function banAdminOf(access: GatewayAccess, runningMs: () => number): BanAdmin {
  const status = ({ untilMs, ...ban }: Ban): BanStatus => ({
    ...ban,
    remainingMs: untilMs === undefined ? undefined : Math.max(0, untilMs - runningMs()),
  })
  return {
    list: () => access.bans().map(status),
    add: async (kind, value, reason, forMs) => status(await access.ban(kind, value, reason, forMs)),
    remove: (kind, value) => access.unban(kind, value),
  }
}

export function accessMetrics(access: GatewayAccess): MetricFamily[] {
  const { refused, deniedSubscriptions, failedLogins, hashes, hashesPending, cacheHits } = access.counters()
  const single = (type: MetricFamily['type'], name: string, help: string, value: number): MetricFamily => ({
    name: `tidegate_access_${name}`,
    type,
    help,
    samples: [{ value }],
  })
  return [
    {
      name: 'tidegate_access_refused_total',
      type: 'counter',
      help: 'Clients that were not let in, by reason.',
      samples: Object.entries(refused).map(([reason, value]) => ({ labels: { reason }, value })),
    },
    single('counter', 'denied_subscriptions_total', 'Subscriptions and reads that the rules refused or removed.', deniedSubscriptions),
    single('counter', 'failed_logins_total', 'Logins with a wrong user name or password.', failedLogins),
    single('counter', 'password_hashes_total', 'Slow hashes of passwords that were computed.', hashes),
    single('gauge', 'password_hashes_pending', 'Logins that wait for a slow hash.', hashesPending),
    single('counter', 'login_cache_hits_total', 'Logins that needed no slow hash.', cacheHits),
    single('gauge', 'bans', 'Bans in force.', access.bans().length),
    single('gauge', 'users', "Users of the gateway's own.", access.users().length),
  ]
}
