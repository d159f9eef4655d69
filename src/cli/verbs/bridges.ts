import { listVerb } from '../list-verb.ts'
import { showAge, showBytes, showCount, showSeconds } from '../units.ts'

interface BridgeRow {
  name: string
  url: string
  state: string
  since?: string
  reason?: string
  hint?: string
  next_attempt_seconds?: number
  queued: number
  queued_bytes: number
  sent: number
  received: number
  dropped: Record<string, number>
  dead_letters: number
}

export const bridgesVerb = listVerb<BridgeRow>({
  name: 'bridges',
  summary: 'lists the bridges, what waits in their spools, and why one is not connected',
  path: '/api/v1/bridges',
  columns: nowMs => [
    { title: 'BRIDGE', value: row => row.name },
    { title: 'STATE', value: row => row.state },
    { title: 'SINCE', right: true, value: row => showAge(row.since, nowMs) },
    { title: 'UPSTREAM', value: row => row.url },
    { title: 'QUEUED', right: true, value: row => showCount(row.queued) },
    { title: 'BYTES', right: true, value: row => showBytes(row.queued_bytes) },
    { title: 'SENT', right: true, value: row => showCount(row.sent) },
    { title: 'RECEIVED', right: true, value: row => showCount(row.received) },
    {
      title: 'DROPPED',
      right: true,
      value: row => showCount(Object.values(row.dropped).reduce((sum, each) => sum + each, row.dead_letters)),
    },
    { title: 'REASON', value: reason },
  ],
  empty: 'there is no bridge',
})

function reason({ reason: why, hint, next_attempt_seconds: next }: BridgeRow): string {
  if (why === undefined) return '-'
  return `${why}${hint === undefined ? '' : ` (${hint})`}${next === undefined ? '' : `; next attempt in ${showSeconds(next)}`}`
}
