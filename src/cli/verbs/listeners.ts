import { listVerb } from '../list-verb.ts'
import { showCount, showCounts } from '../units.ts'

interface ListenerRow {
  name: string
  protocol: string
  transport: string
  bind: string
  connections?: number
  counters: Record<string, number>
}

export const listenersVerb = listVerb<ListenerRow>({
  name: 'listeners',
  summary: 'lists where devices come in',
  path: '/api/v1/listeners',
  columns: () => [
    { title: 'LISTENER', value: row => row.name },
    { title: 'PROTOCOL', value: row => row.protocol },
    { title: 'TRANSPORT', value: row => row.transport },
    { title: 'BIND', value: row => row.bind },
    { title: 'CONNECTIONS', right: true, value: row => (row.connections === undefined ? '-' : showCount(row.connections)) },
    { title: 'COUNTED', value: row => showCounts(row.counters) },
  ],
  empty: 'there is no listener',
})
