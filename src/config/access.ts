/** `[access]`: who gets in and what each may do. */

import type { Infer } from '#base/schema.ts'
import { boolean, choice, duration, enumeration, integer, list, map, network, path, string, table } from '#base/schema.ts'

const builtIn = table(
  {
    users_file: path({
      description:
        'A file of users, one a line: `name:hash`, as `mosquitto_passwd` writes it too. Besides the users made with `tidegate user add`. ' +
        'It is read again within seconds of a change; with a fault in it the users stay as they were.',
      example: 'users.txt',
    }),
  },
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
    username: string({
      description: 'The user name, proved by a password, a certificate or a pre-shared key. `*` stands for any characters.',
    }),
    client_id: string({ description: 'The client identifier. `*` stands for any characters.' }),
    address: network({ description: 'The network of the peer: `"192.0.2.0/24"`.' }),
    certificate_cn: string({ description: 'The common name of the client certificate. `*` stands for any characters.' }),
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
      optional: true,
      min: 1,
      description:
        `Topic filters, in which "\${client_id}" and "\${username}" may stand; a name with "+", "#" or "/" in it matches no such rule. ` +
        'A subscription is allowed by a filter that covers all that it can match, and denied by one that matches its own text. ' +
        'One to a wider filter is allowed, and does not bring the topics that are denied; in a shared group it is refused. ' +
        '"eq:a/#" is that very filter. If absent: every topic, those that begin with "$" too, which "#" does not match.',
      example: [`sensors/\${client_id}/#`],
    }),
    qos: list(integer({ max: 2, description: 'A QoS.' }), {
      optional: true,
      min: 1,
      max: 3,
      description: 'Only messages, or subscriptions, of these QoS. If absent: of any.',
      example: [0, 1],
    }),
    retain: boolean({ description: 'Only publishes with RETAIN, or only those without. If absent: both.' }),
  },
  { description: 'One rule.' },
)

const clientIds = table(
  {
    allow: list(string({ description: 'A client id; `*` stands for any characters.' }), {
      max: 100_000,
      description: 'Only these client ids are let in. If empty: all but those of `deny`.',
      example: ['meter-*', 'hub'],
    }),
    deny: list(string({ description: 'A client id; `*` stands for any characters.' }), {
      max: 100_000,
      description: 'These client ids are not let in.',
    }),
  },
  { description: 'Which client ids are let in, whoever comes with them.' },
)

/** So many within a time, and then out for a time. */
function banKeys(banAfter: number, what: string, window: string, banFor: string) {
  return {
    ban_after: integer({ default: banAfter, max: 1_000_000, description: `${what} 0: nobody is banned for this.` }),
    window: duration({ default: window, min: '1s', max: '1d', description: 'The time within which they are counted.' }),
    ban_for: duration({ default: banFor, min: '1s', max: '365d', description: 'How long the ban lasts.' }),
  }
}

const failedLogins = table(
  banKeys(
    20,
    'An address from which so many logins fail is banned. Never this machine itself; an IPv6 site (/64) is one address.',
    '5m',
    '15m',
  ),
  { description: 'Guessing of passwords. Each failure is answered later than the one before, up to 5 s, by address and by user.' },
)

const flapping = table(banKeys(0, 'A client id that connects so often is banned.', '1m', '5m'), {
  description: 'Clients that connect and go again without end.',
})

const accessKeys = {
  anonymous: enumeration(['never', 'loopback', 'always'], {
    default: 'loopback',
    description: 'Whether clients without a user name get in. `"loopback"`: where listener and peer are both on this machine.',
  }),
  no_match: enumeration(['allow', 'deny'], {
    description: 'What happens where no rule applies. If absent: `"allow"` while there is no rule, `"deny"` as soon as there is one.',
  }),
  deny_action: enumeration(['ignore', 'disconnect'], {
    default: 'ignore',
    description:
      'What happens when an MQTT client publishes where it may not. `"ignore"`: the message is dropped; MQTT 5 is told so (0x87) at QoS 1 and 2, ' +
      'MQTT 3 gets its acknowledgement. `"disconnect"`: its connection ends.',
  }),
  client_ids: clientIds,
  failed_logins: failedLogins,
  flapping,
  authenticators,
  rules: list(rule, { description: 'The first rule that applies decides.', max: 10_000 }),
}

/** `[access]`. `no_match` is absent where nobody chose: then it is `allow` while there is no rule, else `deny`. */
export const access = table(accessKeys, { description: 'Who gets in and what each may do.' })

export type Access = Infer<typeof access>
