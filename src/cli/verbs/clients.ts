import { listVerb } from '../list-verb.ts'
import { flag, text } from '../option.ts'
import type { Column } from '../table.ts'
import { showAge, showCount, showCounts } from '../units.ts'

/** A client as the API shows it. */
export interface ClientRow {
  client_id: string
  connected: boolean
  state?: string
  protocol: string
  listener: string
  peer?: string
  username?: string
  connected_at?: string
  session_expiry_seconds?: number
  subscriptions: number
  queued: number
  queued_bytes: number
  in_flight: number
  dropped: number
  ended?: Record<string, number>
  messages_in: number
  messages_out: number
}

const columns = (nowMs: number): readonly Column<ClientRow>[] => [
  { title: 'CLIENT', value: row => row.client_id },
  { title: 'PROTOCOL', value: row => row.protocol },
  { title: 'LISTENER', value: row => row.listener },
  { title: 'PEER', value: row => row.peer ?? '-' },
  { title: 'USER', value: row => row.username ?? '-' },
  { title: 'CONNECTED', right: true, value: row => (row.connected ? showAge(row.connected_at, nowMs) : 'no') },
  { title: 'STATE', value: row => row.state ?? '-' },
  { title: 'IN', right: true, value: row => showCount(row.messages_in) },
  { title: 'OUT', right: true, value: row => showCount(row.messages_out) },
  { title: 'QUEUED', right: true, value: row => showCount(row.queued) },
  { title: 'DROPPED', right: true, value: row => showCount(row.dropped) },
  { title: 'ENDED', value: row => showCounts(row.ended ?? {}) },
]

export const clientsVerb = listVerb<
  ClientRow,
  { all: ReturnType<typeof flag>; user: ReturnType<typeof text>; listener: ReturnType<typeof text> }
>({
  name: 'clients',
  summary: 'lists the connected clients, of every protocol',
  options: {
    all: flag('lists also clients that are away and whose sessions are kept', { short: 'a' }),
    user: text('NAME', 'only clients with this user name'),
    listener: text('NAME', 'only clients that came by this listener'),
  },
  path: '/api/v1/clients',
  query: ({ all, user, listener }) => ({ connected: all ? undefined : 'true', username: user, listener }),
  columns,
  empty: 'no client is connected',
})
