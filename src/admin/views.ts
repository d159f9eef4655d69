/** How values look in the API: names in snake_case, times as ISO 8601, absent things left out. */
import type { ClientInfo } from '#broker/ports.ts'

/** A wall-clock time as ISO 8601 in UTC; undefined for 0 (never) and for what no date can hold. */
export function isoTime(timeMs: number): string | undefined {
  const date = new Date(timeMs)
  return timeMs === 0 || Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** Seconds, or undefined for ever: JSON knows no infinity. */
export function seconds(durationMs: number): number | undefined {
  return Number.isFinite(durationMs) ? Math.round(durationMs) / 1000 : undefined
}

/** The same members under names in snake_case. */
export function snakeCase(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(values).map(([name, value]) => [name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`), value])
  return Object.fromEntries(entries)
}

export function clientView(client: ClientInfo) {
  return {
    client_id: client.clientId,
    connected: client.connected,
    state: client.state,
    protocol: client.protocol,
    listener: client.listener,
    peer: client.peer,
    username: client.username,
    connected_at: isoTime(client.connectedAtMs),
    keep_alive_seconds: client.keepAliveSeconds,
    durable: client.durable,
    /** Absent: for ever. */
    session_expiry_seconds: seconds(client.sessionExpiryMs),
    subscriptions: client.subscriptions,
    queued: client.queued,
    queued_bytes: client.queuedBytes,
    in_flight: client.inFlight,
    dropped: client.dropped,
    ended: client.ended,
    messages_in: client.messagesIn,
    messages_out: client.messagesOut,
  }
}

/** Orders by client id, so that pages do not shift. */
export function byClientId(a: { clientId: string }, b: { clientId: string }): number {
  return a.clientId < b.clientId ? -1 : a.clientId > b.clientId ? 1 : 0
}
