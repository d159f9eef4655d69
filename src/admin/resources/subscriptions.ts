import type { SubscriptionInfo } from '#broker/ports.ts'
import { listAnswer } from '../paging.ts'
import type { Route } from '../router.ts'
import { byClientId } from '../views.ts'

/** Who subscribes to what. */
export const subscriptionRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/subscriptions',
    summary: 'Subscriptions; ?client_id=, ?filter=',
    handle(request, control) {
      const clientId = request.query.get('client_id')
      const filter = request.query.get('filter')
      const found = control.broker
        .subscriptions()
        .filter(each => (clientId === null || each.clientId === clientId) && (filter === null || each.filter === filter))
      return listAnswer(found.sort(byClientAndFilter), request.query, view)
    },
  },
]

function byClientAndFilter(a: SubscriptionInfo, b: SubscriptionInfo): number {
  return byClientId(a, b) || (a.filter < b.filter ? -1 : 1)
}

function view(subscription: SubscriptionInfo) {
  return { client_id: subscription.clientId, filter: subscription.filter, qos: subscription.qos }
}
