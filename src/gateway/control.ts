/** What the admin interface sees of the running gateway. */
import type { GatewayAccess } from '#access/index.ts'
import type { BridgeStatus, GatewayControl, GatewayInfo, Health, ListenerStatus } from '#admin/ports.ts'
import type { Clock } from '#base/clock.ts'
import type { Broker, StoreFault } from '#broker/ports.ts'
import { accessMetrics, banAdminOf, userAdminOf } from './access.ts'
import type { RunningBridges } from './bridges.ts'

export interface ControlParts {
  broker: Broker
  access: GatewayAccess
  info: GatewayInfo
  clock: Clock
  bridges: RunningBridges
  faults: readonly StoreFault[]
  ready: () => boolean
  listeners: () => ListenerStatus[]
}

export function controlOf(parts: ControlParts): GatewayControl {
  const { broker, access, info, clock, bridges } = parts
  return {
    broker,
    info,
    now: () => clock.now(),
    clockSynchronised: () => clock.synchronised(),
    ready: parts.ready,
    health: () => healthOf(parts),
    listeners: parts.listeners,
    bridges: () => bridges.all().map(bridge => bridgeStatus(bridge.status())),
    pauseBridge: name => onBridge(bridges, name, bridge => void bridge.pause()),
    resumeBridge: name => onBridge(bridges, name, bridge => void bridge.resume()),
    users: userAdminOf(access),
    bans: banAdminOf(access, () => broker.runningMs()),
    metrics: () => accessMetrics(access),
  }
}

function onBridge(bridges: RunningBridges, name: string, run: (bridge: NonNullable<ReturnType<RunningBridges['get']>>) => void): boolean {
  const bridge = bridges.get(name)
  if (bridge === undefined) return false
  run(bridge)
  return true
}

function healthOf({ broker, clock, faults }: ControlParts): Health {
  const { store } = broker.status()
  const problems = faults.map(fault => fault.message)
  if (store.condition !== 'ok') problems.push(`the store refuses what needs the disk: ${store.reason}`)
  if (!clock.synchronised()) problems.push('the clock is not set: messages are stamped again once it is')
  return { healthy: true, problems }
}

function bridgeStatus(status: ReturnType<NonNullable<ReturnType<RunningBridges['get']>>['status']>): BridgeStatus {
  const { since, lastError, nextAttemptInMs, dropped, state } = status
  return {
    name: status.name,
    kind: status.kind,
    url: status.url,
    state,
    sinceMs: since,
    reason: state === 'connected' ? undefined : lastError,
    hint: undefined,
    nextAttemptMs: nextAttemptInMs,
    queued: status.queued,
    queuedBytes: status.queuedBytes,
    inFlight: status.inFlight,
    sent: status.sent,
    received: status.received,
    connects: 0,
    failures: status.attempts,
    dropped: { 'queue-full': dropped },
    deadLetters: status.deadLetters,
  }
}
