import { listVerb } from '../list-verb.ts'
import { showBytes, showCount } from '../units.ts'

interface QueueRow {
  client_id?: string
  /** Of a shared group: its members' filter. */
  group?: string
  connected: boolean
  queued: number
  queued_bytes: number
  in_flight: number
  dropped: number
}

export const queuesVerb = listVerb<QueueRow>({
  name: 'queues',
  summary: 'lists the durable queues, the longest first',
  path: '/api/v1/queues',
  columns: () => [
    { title: 'OWNER', value: row => row.client_id ?? row.group ?? '-' },
    { title: 'CONNECTED', value: row => (row.connected ? 'yes' : 'no') },
    { title: 'QUEUED', right: true, value: row => showCount(row.queued) },
    { title: 'BYTES', right: true, value: row => showBytes(row.queued_bytes) },
    { title: 'IN FLIGHT', right: true, value: row => showCount(row.in_flight) },
    { title: 'DROPPED', right: true, value: row => showCount(row.dropped) },
  ],
  empty: 'there is no durable queue',
})
