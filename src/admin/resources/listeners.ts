import { listAnswer } from '../paging.ts'
import type { ListenerStatus } from '../ports.ts'
import type { Route } from '../router.ts'

/** Where devices come in. */
export const listenerRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/listeners',
    summary: 'Listeners and their counters',
    handle: (request, control) => listAnswer(control.listeners(), request.query, view),
  },
]

function view({ name, protocol, transport, bind, connections, counters }: ListenerStatus) {
  return { name, protocol, transport, bind, connections, counters }
}
