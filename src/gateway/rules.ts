/** What the configuration says of rewriting and automatic subscriptions, as the broker wants it. */
import type { Identity, SubscribeRequest } from '#broker/ports.ts'
import { RegexParser } from '#codecs/framing/index.ts'
import { type AutoSubscriptions, type Pattern, type RewriteRule, Rewriter } from '#rules/index.ts'

/**
 * A regular expression for topics.
 * @throws GatewayError `config-invalid` for one that some text can make slow
 */
export function readPattern(pattern: string): Pattern {
  const { lengthMax } = new RegexParser(pattern, false)
  return { expression: new RegExp(pattern), lengthMax }
}

/** Undefined where there are no rules: then publishing costs nothing. */
export function rewriterOf(rules: readonly RewriteRule[], gatewayId: () => string): Rewriter | undefined {
  return rules.length === 0 ? undefined : new Rewriter(rules, gatewayId)
}

/** The subscriptions that clients of MQTT and MQTT-SN are given as they connect. */
export function autoSubscriptionsOf(
  config: AutoSubscriptions,
): ((identity: Identity, protocol: string) => readonly SubscribeRequest[]) | undefined {
  if (config.length === 0) return undefined
  return ({ clientId, username }, protocol) => (/^mqtt(-sn)?\b/.test(protocol) ? requestsOf(config, clientId, username) : [])
}

function requestsOf(config: AutoSubscriptions, clientId: string, username: string | undefined): SubscribeRequest[] {
  return config.flatMap(each => {
    const filter = filled(filled(each.filter, '${client_id}', clientId), '${username}', username)
    if (filter === undefined) return []
    return [
      {
        filter,
        qos: each.qos as 0 | 1 | 2,
        noLocal: each.no_local,
        retainAsPublished: each.retain_as_published,
        retainHandling: each.retain_handling as 0 | 1 | 2,
      },
    ]
  })
}

/** A name with `+`, `#` or `/` in it would make another filter of it. */
function filled(filter: string | undefined, placeholder: string, name: string | undefined): string | undefined {
  if (filter === undefined || !filter.includes(placeholder)) return filter
  return name === undefined || /[+#/]/.test(name) ? undefined : filter.replaceAll(placeholder, () => name)
}
