/** `[[rewrite]]` and `[[auto_subscriptions]]`. */
import { boolean, type CheckFault, enumeration, type Infer, integer, list, string, table } from '#base/schema.ts'
import { type Pattern, placeholderFault, type RewriteRule } from './rewrite.ts'

/**
 * Reads a regular expression that no text can make slow.
 * @throws GatewayError `config-invalid`
 */
export type ReadPattern = (pattern: string) => Pattern

const RULES_MAX = 1000
const FILTER = { pattern: /^(?=[^\0]{1,65535}$)(?:[^+#/]*|\+)(?:\/(?:[^+#/]*|\+))*(?:\/#)?$|^#$/s, patternText: 'a topic filter' }

/** `readPattern`: what a pattern is held to. */
export function rewriteSchema(readPattern: ReadPattern) {
  const rule = table(
    {
      action: enumeration(['publish', 'subscribe', 'all'], {
        default: 'all',
        description: 'What is rewritten: topics that clients publish on, filters that they subscribe to, or both.',
      }),
      from: string({
        ...FILTER,
        required: true,
        description: 'The topics that the rule is for, as a filter.',
        example: 'old/+/#',
      }),
      pattern: string({
        description: 'A regular expression that the topic must match besides; `${1}` in `to` is its first group then.',
        example: '^old/(\\w+)-(\\d+)/(.*)$',
      }),
      to: string({
        required: true,
        description:
          'The new topic: `${topic}`, `${rest}` (what # matched), `${1}`… (what each + matched, or the groups of `pattern`), `${client}`, `${username}`, `${gateway}`.',
        example: 'site/${1}/${rest}',
      }),
    },
    { description: 'One rule.', check: rule => ruleFaults(rule, readPattern) },
  )
  return list(rule, { max: RULES_MAX, description: 'Rewriting of topics for clients. The first rule that matches counts.' })
}

function ruleFaults(rule: { from: string; to: string; pattern?: string | undefined }, readPattern: ReadPattern): CheckFault[] {
  let groups: number | undefined
  if (rule.pattern !== undefined) {
    try {
      groups = (new RegExp(`${readPattern(rule.pattern).expression.source}|`).exec('')?.length ?? 1) - 1
    } catch (error) {
      return [{ key: 'pattern', message: error instanceof Error ? error.message : String(error) }]
    }
  }
  const fault = placeholderFault(rule.to, rule.from, groups)
  return fault === undefined ? [] : [{ key: 'to', message: fault }]
}

/** The rules of a checked configuration. */
export function rewriteRules(rules: Infer<ReturnType<typeof rewriteSchema>>, readPattern: ReadPattern): RewriteRule[] {
  return rules.map(({ action, from, pattern, to }) => ({
    action,
    from,
    to,
    pattern: pattern === undefined ? undefined : readPattern(pattern),
  }))
}

const automatic = table(
  {
    filter: string({
      required: true,
      description: 'The filter; `${client_id}` and `${username}` may stand in it. A client without a user name gets no such subscription.',
      example: 'cmd/${client_id}/#',
    }),
    qos: integer({ default: 1, max: 2, description: 'The QoS of deliveries at most.' }),
    no_local: boolean({ default: false, description: 'Not what the client publishes itself.' }),
    retain_as_published: boolean({ default: false, description: 'Messages keep their RETAIN flag.' }),
    retain_handling: integer({
      default: 0,
      max: 2,
      description: '0: retained messages are sent at each connection; 1: only when the subscription is new; 2: never.',
    }),
  },
  { description: 'One subscription.' },
)

/** Subscriptions that the gateway makes for every MQTT and MQTT-SN client as it connects. */
export const autoSubscriptionsSchema = list(automatic, {
  max: RULES_MAX,
  description: 'Subscriptions that each client is given as it connects, subject to the access rules.',
})

export type AutoSubscriptions = Infer<typeof autoSubscriptionsSchema>
