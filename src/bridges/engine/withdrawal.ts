import type { Broker, ClientLimits, Sink } from '#broker/ports.ts'
import { clientIdOf } from './spool.ts'

const PREFIX = clientIdOf('')
const CLOSED: Sink = { congested: true, send: () => {}, sendRun: () => false, deliver: () => {}, release: () => {}, close: () => {} }
const LIMITS: ClientLimits = {
  queue: { messagesMax: Number.MAX_SAFE_INTEGER, bytesMax: 2 ** 30, ageMaxMs: 30 * 86_400_000, whenFull: 'drop-oldest', qos0: false },
  inFlightMax: 1,
  topicLevelsMax: 65_535,
}

/**
 * Takes bridges that are no longer configured off the broker: nothing new goes into their spools. What waits there
 * stays, for the case that the bridge comes back, until it is too old; an empty spool goes, with all that was
 * remembered for it. Called with the names of the configured bridges at the start and after each reload, when
 * the others are stopped. Returns the names of those that still have messages.
 */
export function withdrawBridges(broker: Broker, configured: Iterable<string>): string[] {
  const kept = new Set([...configured].map(clientIdOf))
  const left: string[] = []
  for (const { clientId, connected, queued } of broker.clients()) {
    if (!clientId.startsWith(PREFIX) || kept.has(clientId) || connected) continue
    const { client } = broker.attach({
      identity: broker.internalIdentity(clientId, 'bridge', true),
      sink: CLOSED,
      protocol: 'bridge',
      listener: clientId.slice(PREFIX.length),
      peer: undefined,
      cleanStart: false,
      sessionExpiryMs: Number.POSITIVE_INFINITY,
      overlap: 'each',
      limits: LIMITS,
    })
    const filters = broker.subscriptions().flatMap(subscription => (subscription.clientId === clientId ? [subscription.filter] : []))
    if (filters.length > 0) client.unsubscribe(filters)
    if (queued > 0) left.push(clientId.slice(PREFIX.length))
    else broker.records(clientId).clear()
    client.detach(true, queued > 0 ? undefined : 0)
  }
  return left
}
