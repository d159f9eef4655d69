import { listAnswer } from '../paging.ts'
import type { Route } from '../router.ts'
import { byClientId, clientView } from '../views.ts'

/** Sessions that outlive their connection, connected or not. */
export const sessionRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/sessions',
    summary: 'Durable sessions',
    handle(request, control) {
      const durable = control.broker.clients().filter(client => client.durable)
      return listAnswer(durable.sort(byClientId), request.query, clientView)
    },
  },
]
