import { listVerb } from '../list-verb.ts'
import { showAge, showBytes } from '../units.ts'

interface RetainedRow {
  topic: string
  qos: number
  payload_bytes: number
  publisher?: string
  time?: string
  time_quality: string
}

export const retainedVerb = listVerb<RetainedRow>({
  name: 'retained',
  summary: 'lists the retained messages',
  description: 'Their values are shown by `tidegate sub -t FILTER -v`.',
  positionals: [
    { name: 'FILTER', summary: 'only topics that match (default #, which leaves out those that begin with $)', required: false },
  ],
  path: '/api/v1/retained',
  query: (_values, [filter]) => ({ filter }),
  columns: nowMs => [
    { title: 'TOPIC', value: row => row.topic },
    { title: 'QOS', right: true, value: row => String(row.qos) },
    { title: 'SIZE', right: true, value: row => showBytes(row.payload_bytes) },
    { title: 'AGE', right: true, value: row => showAge(row.time, nowMs) + (row.time_quality === 'unsynced' ? '?' : '') },
    { title: 'PUBLISHER', value: row => row.publisher ?? '-' },
  ],
  empty: 'no retained message matches',
})
