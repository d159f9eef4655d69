import type { ClientInfo } from '#broker/ports.ts'
import { listAnswer } from '../paging.ts'
import type { Route } from '../router.ts'
import { byClientId } from '../views.ts'

/** Durable queues: those of sessions, and the spools of bridges, which are clients too. The longest first. */
export const queueRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/queues',
    summary: 'Durable queues, the longest first',
    handle(request, control) {
      const durable = control.broker.clients().filter(client => client.durable)
      return listAnswer(durable.sort(byLength), request.query, queueView)
    },
  },
]

function byLength(a: ClientInfo, b: ClientInfo): number {
  return b.queued - a.queued || byClientId(a, b)
}

function queueView(client: ClientInfo) {
  return {
    client_id: client.clientId,
    connected: client.connected,
    queued: client.queued,
    queued_bytes: client.queuedBytes,
    in_flight: client.inFlight,
    dropped: client.dropped,
  }
}
