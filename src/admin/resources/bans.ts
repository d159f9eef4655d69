import { GatewayError } from '#base/errors.ts'
import { Members } from '../body.ts'
import { listAnswer } from '../paging.ts'
import type { BanStatus } from '../ports.ts'
import type { Route } from '../router.ts'
import { isoTime, seconds } from '../views.ts'

const KINDS: readonly BanStatus['kind'][] = ['client_id', 'username', 'address']
const SECONDS_MAX = 100 * 366 * 86_400
const REASON_LENGTH_MAX = 256

/** Who is shut out. */
export const banRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/bans',
    summary: 'Bans in force',
    handle: (request, control) => listAnswer(control.bans.list().sort(byKindAndValue), request.query, banView),
  },
  {
    method: 'POST',
    path: '/api/v1/bans',
    summary: 'Bans a client_id, a username, or an address or network, from {kind, value, reason, seconds}; disconnects who is meant',
    async handle(request, control) {
      const members = new Members(await request.body(), 'the body')
      const kind = members.take('kind', `one of ${KINDS.join(', ')}`, value => KINDS.find(each => each === value))
      const value = members.text('value')
      const reason = members.text('reason') ?? ''
      const forSeconds = members.whole('seconds', 1, SECONDS_MAX)
      members.end()
      if (kind === undefined || value === undefined) throw new GatewayError('bad-request', 'the body names no kind or no value')
      if (reason.length > REASON_LENGTH_MAX) throw new GatewayError('bad-request', `reason is longer than ${REASON_LENGTH_MAX} characters`)
      const ban = await control.bans.add(kind, value, reason, forSeconds === undefined ? undefined : forSeconds * 1000)
      return { status: 201, json: banView(ban) }
    },
  },
  {
    method: 'DELETE',
    path: '/api/v1/bans/{kind}/{value}',
    summary: 'Lifts a ban; the slash of a network as %2F',
    async handle(request, control) {
      const { kind, value } = request.params as { kind: string; value: string }
      const known = KINDS.find(each => each === kind)
      if (known === undefined) throw new GatewayError('bad-request', `there are no bans by ${kind}`, { hint: KINDS.join(', ') })
      await control.bans.remove(known, value)
      return { status: 204 }
    },
  },
]

function byKindAndValue(a: BanStatus, b: BanStatus): number {
  const left = `${a.kind} ${a.value}`
  const right = `${b.kind} ${b.value}`
  return left < right ? -1 : left > right ? 1 : 0
}

function banView({ kind, value, by, reason, createdAtMs, remainingMs }: BanStatus) {
  return {
    kind,
    value,
    by,
    reason,
    created_at: isoTime(createdAtMs),
    /** Absent: for ever. */
    remaining_seconds: remainingMs === undefined ? undefined : seconds(remainingMs),
  }
}
