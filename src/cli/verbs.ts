/** All verbs, in the order in which help lists them. */
import type { Verb } from './verb.ts'
import { banVerb } from './verbs/ban.ts'
import { bridgesVerb } from './verbs/bridges.ts'
import { checkVerb } from './verbs/check.ts'
import { clientsVerb } from './verbs/clients.ts'
import { kickVerb } from './verbs/kick.ts'
import { listenersVerb } from './verbs/listeners.ts'
import { pubVerb } from './verbs/pub.ts'
import { queuesVerb } from './verbs/queues.ts'
import { retainedVerb } from './verbs/retained.ts'
import { runVerb } from './verbs/run.ts'
import { serialVerb } from './verbs/serial.ts'
import { sessionsVerb } from './verbs/sessions.ts'
import { simulateVerb } from './verbs/simulate.ts'
import { statusVerb } from './verbs/status.ts'
import { subVerb } from './verbs/sub.ts'
import { subscriptionsVerb } from './verbs/subscriptions.ts'
import { userVerb } from './verbs/user.ts'

export const verbs: readonly Verb[] = [
  runVerb,
  checkVerb,
  statusVerb,
  clientsVerb,
  sessionsVerb,
  subscriptionsVerb,
  retainedVerb,
  listenersVerb,
  bridgesVerb,
  queuesVerb,
  userVerb,
  kickVerb,
  serialVerb,
  banVerb,
  pubVerb,
  subVerb,
  simulateVerb,
]
