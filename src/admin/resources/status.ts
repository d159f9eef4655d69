import { ok } from '../answer.ts'
import type { BridgeState, GatewayControl } from '../ports.ts'
import type { Route } from '../router.ts'
import { isoTime, snakeCase } from '../views.ts'

/** What is going on, in one answer. */
export const statusRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/v1/status', summary: 'What is going on', handle: (_request, control) => ok(statusView(control)) },
]

function statusView(control: GatewayControl) {
  const { info } = control
  const { store, counters, ...broker } = control.broker.status()
  const { healthy, problems } = control.health()
  const memory = process.memoryUsage()
  return {
    version: info.version,
    commit: info.commit,
    node: info.node,
    sqlite: info.sqlite,
    gateway_id: info.gatewayId,
    data_dir: info.dataDir,
    config_file: info.configFile,
    started_at: isoTime(info.startedAtMs),
    uptime_seconds: Math.round(process.uptime()),
    ready: control.ready(),
    healthy,
    problems,
    clock: { time: isoTime(control.now()), synchronised: control.clockSynchronised() },
    device: snakeCase(info.device),
    process: { pid: process.pid, rss_bytes: memory.rss, heap_used_bytes: memory.heapUsed },
    clients: broker.clients,
    sessions: broker.sessions,
    subscriptions: broker.subscriptions,
    retained: broker.retained,
    queued: broker.queued,
    queued_bytes: broker.queuedBytes,
    store: {
      condition: store.condition,
      reason: store.reason || undefined,
      used_bytes: store.usedBytes,
      uncommitted_bytes: store.uncommittedBytes,
    },
    messages: {
      received: counters.received,
      sent: counters.sent,
      unrouted: counters.unrouted,
      refused: counters.refused,
      dropped: counters.dropped,
    },
    listeners: control.listeners().length,
    bridges: bridgeCounts(control),
  }
}

/** How many bridges are in each state. */
function bridgeCounts(control: GatewayControl): Partial<Record<BridgeState, number>> {
  const counts: Partial<Record<BridgeState, number>> = {}
  for (const { state } of control.bridges()) counts[state] = (counts[state] ?? 0) + 1
  return counts
}
