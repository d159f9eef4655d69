import type { ClientInfo, GroupInfo } from '#broker/ports.ts'
import { listAnswer } from '../paging.ts'
import type { Route } from '../router.ts'

/** Durable queues: those of sessions, the spools of bridges, which are clients too, and those of shared groups. The longest first. */
export const queueRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/queues',
    summary: 'Durable queues, the longest first',
    handle(request, control) {
      const { broker } = control
      const sessions = broker.clients().filter(client => client.durable)
      const groups = broker.groups().filter(group => group.durable)
      return listAnswer([...sessions.map(sessionQueue), ...groups.map(groupQueue)].sort(byLength), request.query, queue => queue)
    },
  },
]

type Queue = ReturnType<typeof sessionQueue> | ReturnType<typeof groupQueue>

const ownerOf = (queue: Queue) => ('group' in queue ? queue.group : queue.client_id)

function byLength(a: Queue, b: Queue): number {
  return b.queued - a.queued || (ownerOf(a) < ownerOf(b) ? -1 : 1)
}

function sessionQueue({ clientId, connected, queued, queuedBytes, inFlight, dropped }: ClientInfo) {
  return { client_id: clientId, connected, queued, queued_bytes: queuedBytes, in_flight: inFlight, dropped }
}

/** `group`: the filter of its members' subscriptions. */
function groupQueue({ name, members, present, queued, queuedBytes, inFlight, dropped }: GroupInfo) {
  return { group: name, members, connected: present > 0, queued, queued_bytes: queuedBytes, in_flight: inFlight, dropped }
}
