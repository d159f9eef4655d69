/** All resources of the API, one line a file. */
import { banRoutes } from './resources/bans.ts'
import { bridgeRoutes } from './resources/bridges.ts'
import { clientRoutes } from './resources/clients.ts'
import { healthRoutes } from './resources/health.ts'
import { listenerRoutes } from './resources/listeners.ts'
import { metricRoutes } from './resources/metrics.ts'
import { publishRoutes } from './resources/publish.ts'
import { queueRoutes } from './resources/queues.ts'
import { retainedRoutes } from './resources/retained.ts'
import { sessionRoutes } from './resources/sessions.ts'
import { statusRoutes } from './resources/status.ts'
import { subscriptionRoutes } from './resources/subscriptions.ts'
import { userRoutes } from './resources/users.ts'
import type { Route } from './router.ts'

export const routes: readonly Route[] = [
  ...healthRoutes,
  ...metricRoutes,
  ...statusRoutes,
  ...clientRoutes,
  ...sessionRoutes,
  ...subscriptionRoutes,
  ...queueRoutes,
  ...retainedRoutes,
  ...listenerRoutes,
  ...bridgeRoutes,
  ...publishRoutes,
  ...userRoutes,
  ...banRoutes,
]
