import { listVerb } from '../list-verb.ts'
import { showBytes, showCount, showSeconds } from '../units.ts'
import type { ClientRow } from './clients.ts'

export const sessionsVerb = listVerb<ClientRow>({
  name: 'sessions',
  summary: 'lists the sessions that outlive their connection',
  path: '/api/v1/sessions',
  columns: () => [
    { title: 'CLIENT', value: row => row.client_id },
    { title: 'CONNECTED', value: row => (row.connected ? 'yes' : 'no') },
    {
      title: 'KEPT FOR',
      right: true,
      value: row => (row.session_expiry_seconds === undefined ? 'ever' : showSeconds(row.session_expiry_seconds)),
    },
    { title: 'SUBSCRIPTIONS', right: true, value: row => showCount(row.subscriptions) },
    { title: 'QUEUED', right: true, value: row => showCount(row.queued) },
    { title: 'BYTES', right: true, value: row => showBytes(row.queued_bytes) },
    { title: 'DROPPED', right: true, value: row => showCount(row.dropped) },
  ],
  empty: 'there is no durable session',
})
