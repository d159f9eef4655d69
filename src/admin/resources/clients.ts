import { GatewayError } from '#base/errors.ts'
import type { ClientInfo } from '#broker/ports.ts'
import { ok } from '../answer.ts'
import { flagOf, listAnswer } from '../paging.ts'
import type { GatewayControl } from '../ports.ts'
import type { ApiRequest, Route } from '../router.ts'
import { byClientId, clientView } from '../views.ts'

/** Everybody the gateway knows: connected clients, and sessions that outlive their connection. */
export const clientRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/clients',
    summary: 'Clients; ?connected=true|false, ?username=, ?listener=',
    handle(request, control) {
      const { query } = request
      const connected = flagOf(query, 'connected')
      const found = control.broker
        .clients()
        .filter(client => connected === undefined || client.connected === connected)
        .filter(client => is(query, 'username', client.username) && is(query, 'listener', client.listener))
      return listAnswer(found.sort(byClientId), query, clientView)
    },
  },
  {
    method: 'GET',
    path: '/api/v1/clients/{id}',
    summary: 'One client',
    handle: (request, control) => ok(clientView(clientOf(request, control))),
  },
  {
    method: 'DELETE',
    path: '/api/v1/clients/{id}',
    summary: 'Ends the connection of a client; with ?session=true its session too',
    handle(request, control) {
      const { clientId } = clientOf(request, control)
      control.broker.kick(clientId, flagOf(request.query, 'session') ?? false)
      return { status: 204 }
    },
  },
]

/** @throws GatewayError `not-found` */
function clientOf(request: ApiRequest, control: GatewayControl): ClientInfo {
  const { id } = request.params
  const found = control.broker.clients().find(client => client.clientId === id)
  if (found !== undefined) return found
  throw new GatewayError('not-found', `there is no client ${id}`, { hint: 'see tidegate clients --all' })
}

function is(query: URLSearchParams, name: string, value: string | undefined): boolean {
  const wanted = query.get(name)
  return wanted === null || wanted === (value ?? '')
}
