/** `[access]`: who gets in and what each may do. */

import type { Infer } from '#base/schema.ts'
import { choice, enumeration, list, map, network, path, string, table } from '#base/schema.ts'

const builtIn = table(
  { users_file: path({ description: 'A file of users, one a line: `name:hash`. Besides the users made with `tidegate user add`.' }) },
  { description: 'Users of the gateway itself.' },
)

const authenticators = map(
  choice(
    'kind',
    { 'built-in': builtIn },
    { planned: ['http', 'jwt', 'ldap', 'postgres', 'mysql', 'redis', 'mongodb'], description: 'Where users are looked up.' },
  ),
  {
    fallback: { local: { kind: 'built-in' } },
    description: 'Tried in order of appearance. Without any, the built-in one.',
    example: { local: { kind: 'built-in', users_file: 'users.txt' } },
  },
)

const who = table(
  {
    username: string({ description: 'The user name.' }),
    client_id: string({ description: 'The client identifier.' }),
    address: network({ description: 'The network of the peer: `"192.0.2.0/24"`.' }),
    certificate_cn: string({ description: 'The common name of the client certificate.' }),
    protocol: string({
      pattern: /^[a-z][a-z0-9-]*$/,
      patternText: 'such as "mqtt" or "coap"',
      description: 'The protocol of the listener.',
    }),
  },
  { description: 'The clients that the rule is for: those to whom all of these apply. Empty: all.' },
)

const rule = table(
  {
    permit: enumeration(['allow', 'deny'], {
      required: true,
      description: 'What happens to those to whom the rule applies.',
      example: 'allow',
    }),
    who,
    action: enumeration(['publish', 'subscribe', 'all'], { default: 'all', description: 'What they do.' }),
    topics: list(string({ description: 'A topic filter.' }), {
      min: 1,
      default: ['#'],
      description: `Topic filters, in which "\${client_id}" and "\${username}" may stand. "eq:a/#" is that very filter.`,
      example: [`sensors/\${client_id}/#`],
    }),
  },
  { description: 'One rule.' },
)

const accessKeys = {
  anonymous: enumeration(['never', 'loopback', 'always'], {
    default: 'loopback',
    description: 'Whether clients without a user name get in. `"loopback"`: where listener and peer are both on this machine.',
  }),
  no_match: enumeration(['allow', 'deny'], {
    description: 'What happens where no rule applies. If absent: `"allow"` while there is no rule, `"deny"` as soon as there is one.',
  }),
  authenticators,
  rules: list(rule, { description: 'The first rule that applies decides.', max: 10_000 }),
}

/** `[access]`. `no_match` is absent where nobody chose: then it is `allow` while there is no rule, else `deny`. */
export const access = table(accessKeys, { description: 'Who gets in and what each may do.' })

export type Access = Infer<typeof access>
