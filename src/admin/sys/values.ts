/** The values of `$SYS/brokers/{node}/…` by the names that EMQX gives them; what EMQX does not have is named alike. */
import type { BrokerStatus } from '#broker/ports.ts'
import type { BridgeStatus, GatewayControl, ListenerStatus } from '../ports.ts'

/** The part of the topic behind `$SYS/brokers/{node}/`, and its value as text. */
export type SysValue = readonly [name: string, value: string | number]

/** How many clients came, went and were refused: kept by whoever watches them. */
export interface PresenceCounts {
  connected: number
  disconnected: number
  subscribed: number
  unsubscribed: number
}

/** Highest values of the gauges since the start, as seen at each publication. */
export type Peaks = Map<string, number>

/** What does not change while the gateway runs. */
export function constantValues({ info }: GatewayControl): SysValue[] {
  return [
    ['version', info.version],
    ['sysdescr', `tidegate ${info.version} on Node ${info.node}, SQLite ${info.sqlite}`],
  ]
}

export function clockValues(control: GatewayControl, uptimeSeconds: number): SysValue[] {
  return [
    ['uptime', Math.floor(uptimeSeconds)],
    ['datetime', new Date(control.now()).toISOString()],
  ]
}

/** Gauges: each as `…/count` and, with its peak, as `…/max`. */
export function statValues(status: BrokerStatus, subscribers: number, peaks: Peaks): SysValue[] {
  const gauges: readonly SysValue[] = [
    ['connections', status.clients],
    ['live_connections', status.clients],
    ['sessions', status.sessions],
    ['subscriptions', status.subscriptions],
    ['suboptions', status.subscriptions],
    ['subscribers', subscribers],
    ['retained', status.retained],
    ['queued', status.queued],
  ]
  return gauges.flatMap(([name, count]): SysValue[] => {
    const max = Math.max(peaks.get(name) ?? 0, Number(count))
    peaks.set(name, max)
    return [
      [`stats/${name}/count`, count],
      [`stats/${name}/max`, max],
    ]
  })
}

/** Running totals. */
export function metricValues(status: BrokerStatus, listeners: readonly ListenerStatus[], presence: PresenceCounts): SysValue[] {
  const { counters, store } = status
  const { received, sent, dropped } = counters
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0)
  const values: SysValue[] = [
    ['messages/received', total(received)],
    ['messages/sent', total(sent)],
    ...received.map((count, qos): SysValue => [`messages/qos${qos}/received`, count]),
    ...sent.map((count, qos): SysValue => [`messages/qos${qos}/sent`, count]),
    ['messages/publish', total(received)],
    ['messages/delivered', total(sent)],
    ['messages/dropped', counters.unrouted + lost],
    ['messages/dropped/no_subscribers', counters.unrouted],
    ['messages/refused', counters.refused],
    ['messages/retained', status.retained],
    ['delivery/dropped', lost],
    ...Object.entries(dropped).map(([reason, count]): SysValue => [`delivery/dropped/${snake(reason)}`, count]),
    ['client/connected', presence.connected],
    ['client/disconnected', presence.disconnected],
    ['client/subscribe', presence.subscribed],
    ['client/unsubscribe', presence.unsubscribed],
    ['store/used_bytes', store.usedBytes],
    ['store/commits', store.counters.commits],
    ['store/elided', store.counters.elided],
  ]
  return [...values, ...listenerValues(listeners)].map(([name, value]) => [`metrics/${name}`, value])
}

/** What all listeners counted together: `bytes/received`, `packets/sent`, `listeners/malformed_packet`. */
function listenerValues(listeners: readonly ListenerStatus[]): SysValue[] {
  const sums = new Map<string, number>()
  for (const { counters } of listeners) for (const [name, count] of Object.entries(counters)) sums.set(name, (sums.get(name) ?? 0) + count)
  return [...sums].map(([name, count]) => {
    const [, what, way] = /^(bytes|packets)-(received|sent)$/.exec(name) ?? []
    return [what === undefined ? `listeners/${snake(name)}` : `${what}/${way}`, count]
  })
}

export function bridgeValues(bridges: readonly BridgeStatus[]): SysValue[] {
  return bridges.flatMap(bridge => {
    const of = (name: string, value: string | number): SysValue => [`bridges/${bridge.name}/${name}`, value]
    return [
      of('state', bridge.state),
      of('queued', bridge.queued),
      of('queued_bytes', bridge.queuedBytes),
      of('in_flight', bridge.inFlight),
      of('sent', bridge.sent),
      of('received', bridge.received),
      of('failures', bridge.failures),
      of('dropped', total(Object.values(bridge.dropped))),
      of('dead_letters', bridge.deadLetters),
    ]
  })
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

function snake(name: string): string {
  return name.replaceAll('-', '_')
}
