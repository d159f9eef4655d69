import type { Answer } from '../answer.ts'
import type { Route } from '../router.ts'

/** For supervisors and load balancers: the status code says it all, the body says why. */
export const healthRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/healthz',
    summary: '200 while the gateway can do its work, else 503',
    open: true,
    handle(_request, control) {
      const { healthy, problems } = control.health()
      return probe(healthy, { status: healthy ? (problems.length > 0 ? 'degraded' : 'ok') : 'failed', problems })
    },
  },
  {
    method: 'GET',
    path: '/readyz',
    summary: '200 once every listener answers, else 503',
    open: true,
    handle(_request, control) {
      const ready = control.ready()
      return probe(ready, { status: ready ? 'ready' : 'not ready' })
    },
  },
]

function probe(good: boolean, json: object): Answer {
  return { status: good ? 200 : 503, json }
}
