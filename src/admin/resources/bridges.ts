import { GatewayError } from '#base/errors.ts'
import { type Answer, ok } from '../answer.ts'
import { listAnswer } from '../paging.ts'
import type { BridgeStatus, GatewayControl } from '../ports.ts'
import type { ApiRequest, Route } from '../router.ts'
import { isoTime, seconds } from '../views.ts'

/** Bridges to upstream brokers, their spools, and what can be done to them. */
export const bridgeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/bridges',
    summary: 'Bridges and their spools',
    handle: (request, control) => listAnswer(control.bridges(), request.query, view),
  },
  {
    method: 'GET',
    path: '/api/v1/bridges/{name}',
    summary: 'One bridge',
    handle: (request, control) => showBridge(request, control),
  },
  {
    method: 'POST',
    path: '/api/v1/bridges/{name}/pause',
    summary: 'Disconnects a bridge until it is resumed; its spool goes on filling',
    handle: (request, control) => act(request, control, name => control.pauseBridge(name)),
  },
  {
    method: 'POST',
    path: '/api/v1/bridges/{name}/resume',
    summary: 'Lets a paused bridge connect again',
    handle: (request, control) => act(request, control, name => control.resumeBridge(name)),
  },
]

function act(request: ApiRequest, control: GatewayControl, action: (name: string) => boolean): Answer {
  if (!action(request.params['name'] as string)) throw noBridge(request)
  return showBridge(request, control)
}

function showBridge(request: ApiRequest, control: GatewayControl): Answer {
  const found = control.bridges().find(bridge => bridge.name === request.params['name'])
  if (found === undefined) throw noBridge(request)
  return ok(view(found))
}

function noBridge(request: ApiRequest): GatewayError {
  return new GatewayError('not-found', `there is no bridge ${request.params['name']}`, { hint: 'see tidegate bridges' })
}

function view(bridge: BridgeStatus) {
  return {
    name: bridge.name,
    kind: bridge.kind,
    url: bridge.url,
    state: bridge.state,
    since: isoTime(bridge.sinceMs),
    reason: bridge.reason,
    hint: bridge.hint,
    next_attempt_seconds: bridge.nextAttemptMs === undefined ? undefined : seconds(bridge.nextAttemptMs),
    queued: bridge.queued,
    queued_bytes: bridge.queuedBytes,
    in_flight: bridge.inFlight,
    sent: bridge.sent,
    received: bridge.received,
    connects: bridge.connects,
    failures: bridge.failures,
    dropped: bridge.dropped,
    dead_letters: bridge.deadLetters,
  }
}
