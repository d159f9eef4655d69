/** What the gateway measures, read at scrape time from counters that are there anyway. */
import type { BridgeState, BridgeStatus, GatewayControl, ListenerStatus, MetricFamily, MetricSample } from './ports.ts'

export function metricFamilies(control: GatewayControl): MetricFamily[] {
  return [
    ...gatewayFamilies(control),
    ...brokerFamilies(control),
    ...storeFamilies(control),
    ...listenerFamilies(control.listeners()),
    ...bridgeFamilies(control.bridges()),
    ...control.metrics(),
  ]
}

function gauge(name: string, help: string, value: number | readonly MetricSample[]): MetricFamily {
  return { name, type: 'gauge', help, samples: typeof value === 'number' ? [{ value }] : value }
}

function counter(name: string, help: string, value: number | readonly MetricSample[]): MetricFamily {
  return { name, type: 'counter', help, samples: typeof value === 'number' ? [{ value }] : value }
}

function gatewayFamilies(control: GatewayControl): MetricFamily[] {
  const { version, commit, node, sqlite, gatewayId, startedAtMs } = control.info
  const cpu = process.cpuUsage()
  return [
    gauge('tidegate_info', 'What this gateway is; always 1.', [
      { labels: { version, commit, node, sqlite, gateway: gatewayId }, value: 1 },
    ]),
    gauge('tidegate_ready', 'Whether every listener answers.', Number(control.ready())),
    gauge('tidegate_healthy', 'Whether the gateway can do its work.', Number(control.health().healthy)),
    gauge('tidegate_clock_synchronised', 'Whether the wall clock is believed.', Number(control.clockSynchronised())),
    gauge('process_start_time_seconds', 'Start of the process since 1970 in seconds.', startedAtMs / 1000),
    gauge('process_resident_memory_bytes', 'Resident memory in bytes.', process.memoryUsage.rss()),
    counter('process_cpu_seconds_total', 'User and system CPU time in seconds.', (cpu.user + cpu.system) / 1e6),
  ]
}

function byQos(counts: readonly number[]): MetricSample[] {
  return counts.map((value, qos) => ({ labels: { qos: String(qos) }, value }))
}

function byLabel(label: string, counts: Readonly<Record<string, number>>, others: Readonly<Record<string, string>> = {}): MetricSample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { ...others, [label]: name }, value }))
}

function brokerFamilies(control: GatewayControl): MetricFamily[] {
  const { counters, ...status } = control.broker.status()
  return [
    gauge('tidegate_clients', 'Connected clients.', status.clients),
    gauge('tidegate_sessions', 'Sessions, connected or not.', status.sessions),
    gauge('tidegate_subscriptions', 'Subscriptions.', status.subscriptions),
    gauge('tidegate_retained_messages', 'Retained messages.', status.retained),
    gauge('tidegate_queued_messages', 'Messages in all queues.', status.queued),
    gauge('tidegate_queued_bytes', 'Bytes in all queues.', status.queuedBytes),
    counter('tidegate_messages_received_total', 'Messages taken, by QoS.', byQos(counters.received)),
    counter('tidegate_messages_sent_total', 'Messages delivered, by QoS.', byQos(counters.sent)),
    counter('tidegate_messages_unrouted_total', 'Messages for which nobody had a subscription.', counters.unrouted),
    counter('tidegate_messages_refused_total', 'Messages that were refused.', counters.refused),
    counter('tidegate_messages_dropped_total', 'Messages dropped, by reason.', byLabel('reason', counters.dropped)),
  ]
}

const CONDITIONS = ['ok', 'full', 'failed'] as const

function storeFamilies(control: GatewayControl): MetricFamily[] {
  const { condition, usedBytes, uncommittedBytes, counters } = control.broker.status().store
  const conditions = CONDITIONS.map(each => ({ labels: { condition: each }, value: Number(each === condition) }))
  return [
    gauge('tidegate_store_condition', 'How the store takes writes: 1 for the present condition.', conditions),
    gauge('tidegate_store_used_bytes', 'Pages in use and write-ahead log.', usedBytes),
    gauge('tidegate_store_uncommitted_bytes', 'Bytes that wait for their commit.', uncommittedBytes),
    counter('tidegate_store_operations_total', 'Operations appended.', counters.operations),
    counter('tidegate_store_entries_total', 'Queue entries appended.', counters.entries),
    counter(
      'tidegate_store_elided_total',
      'Queue entries acknowledged before they were written, which never reached the disk.',
      counters.elided,
    ),
    counter('tidegate_store_commits_total', 'Transactions committed.', counters.commits),
    counter('tidegate_store_empty_batches_total', 'Batches of which nothing was left to write.', counters.emptyBatches),
    counter('tidegate_store_failures_total', 'Transactions that failed and were tried again.', counters.failures),
    counter('tidegate_store_written_bytes_total', 'Bytes of records written.', counters.bytes),
    counter('tidegate_store_pages_read_total', 'Pages of queues read back.', counters.pagesRead),
  ]
}

function listenerFamilies(listeners: readonly ListenerStatus[]): MetricFamily[] {
  const labelsOf = ({ name, protocol, transport }: ListenerStatus) => ({ listener: name, protocol, transport })
  const connections = listeners.flatMap(each =>
    each.connections === undefined ? [] : [{ labels: labelsOf(each), value: each.connections }],
  )
  const events = listeners.flatMap(each => byLabel('event', each.counters, { listener: each.name }))
  return [
    gauge('tidegate_listener_connections', 'Open connections of a listener.', connections),
    counter('tidegate_listener_events_total', 'What a listener counted, by event.', events),
  ]
}

const STATES: readonly BridgeState[] = ['connected', 'connecting', 'waiting', 'paused', 'stopped']

function bridgeFamilies(bridges: readonly BridgeStatus[]): MetricFamily[] {
  const each = (value: (bridge: BridgeStatus) => number) =>
    bridges.map(bridge => ({ labels: { bridge: bridge.name }, value: value(bridge) }))
  const states = bridges.flatMap(({ name, state }) =>
    STATES.map(one => ({ labels: { bridge: name, state: one }, value: Number(one === state) })),
  )
  const dropped = bridges.flatMap(bridge => byLabel('reason', bridge.dropped, { bridge: bridge.name }))
  return [
    gauge('tidegate_bridge_state', 'State of a bridge: 1 for the present one.', states),
    gauge(
      'tidegate_bridge_queued_messages',
      'Messages in the spool of a bridge.',
      each(bridge => bridge.queued),
    ),
    gauge(
      'tidegate_bridge_queued_bytes',
      'Bytes in the spool of a bridge.',
      each(bridge => bridge.queuedBytes),
    ),
    gauge(
      'tidegate_bridge_in_flight_messages',
      'Messages sent and not yet acknowledged by the upstream.',
      each(bridge => bridge.inFlight),
    ),
    gauge(
      'tidegate_bridge_dead_letters',
      'Messages set aside after their retries.',
      each(bridge => bridge.deadLetters),
    ),
    counter(
      'tidegate_bridge_messages_sent_total',
      'Messages delivered to the upstream.',
      each(bridge => bridge.sent),
    ),
    counter(
      'tidegate_bridge_messages_received_total',
      'Messages taken from the upstream.',
      each(bridge => bridge.received),
    ),
    counter(
      'tidegate_bridge_connects_total',
      'Connections made to the upstream.',
      each(bridge => bridge.connects),
    ),
    counter(
      'tidegate_bridge_failures_total',
      'Attempts to connect that failed.',
      each(bridge => bridge.failures),
    ),
    counter('tidegate_bridge_messages_dropped_total', 'Messages that left the spool undelivered, by reason.', dropped),
  ]
}
