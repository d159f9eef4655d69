import { listVerb } from '../list-verb.ts'

interface SubscriptionRow {
  client_id: string
  filter: string
  qos: number
}

export const subscriptionsVerb = listVerb<SubscriptionRow>({
  name: 'subscriptions',
  summary: 'lists who subscribes to what',
  positionals: [{ name: 'CLIENT', summary: 'only the subscriptions of this client', required: false }],
  path: '/api/v1/subscriptions',
  query: (_values, [client]) => ({ client_id: client }),
  columns: () => [
    { title: 'CLIENT', value: row => row.client_id },
    { title: 'QOS', right: true, value: row => String(row.qos) },
    { title: 'FILTER', value: row => row.filter },
  ],
  empty: 'there is no subscription',
})
