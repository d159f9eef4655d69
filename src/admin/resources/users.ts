import { GatewayError } from '#base/errors.ts'
import { Members } from '../body.ts'
import { listAnswer } from '../paging.ts'
import type { UserStatus } from '../ports.ts'
import type { ApiRequest, Route } from '../router.ts'
import { isoTime } from '../views.ts'

/** Users of the gateway's own. Passwords come in and never go out. */
export const userRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/users',
    summary: "Users of the gateway's own, those of users files too",
    handle: (request, control) => listAnswer(control.users.list().sort(byName), request.query, userView),
  },
  {
    method: 'POST',
    path: '/api/v1/users',
    summary: 'Makes a user from {username, password}; answers when it is durable',
    async handle(request, control) {
      const members = new Members(await request.body(), 'the body')
      const username = required(members, 'username')
      const password = required(members, 'password')
      members.end()
      await control.users.add(username, password)
      return { status: 201, json: { username } }
    },
  },
  {
    method: 'POST',
    path: '/api/v1/users/{name}/password',
    summary: 'Changes the password of a user to that of {password}; who is connected stays',
    async handle(request, control) {
      const members = new Members(await request.body(), 'the body')
      const password = required(members, 'password')
      members.end()
      await control.users.changePassword(nameOf(request), password)
      return { status: 204 }
    },
  },
  {
    method: 'DELETE',
    path: '/api/v1/users/{name}',
    summary: 'Removes a user and disconnects the clients that came by its name',
    async handle(request, control) {
      await control.users.remove(nameOf(request))
      return { status: 204 }
    },
  },
]

function nameOf({ params }: ApiRequest): string {
  return (params as { name: string }).name
}

/** @throws GatewayError `bad-request` */
function required(members: Members, name: string): string {
  const text = members.text(name)
  if (text !== undefined) return text
  throw new GatewayError('bad-request', `the body names no ${name}`)
}

function byName(a: UserStatus, b: UserStatus): number {
  return a.username < b.username ? -1 : a.username > b.username ? 1 : 0
}

function userView({ username, source, scram, createdAtMs }: UserStatus) {
  return { username, source, scram, created_at: isoTime(createdAtMs) }
}
