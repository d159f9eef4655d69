import { GatewayError } from '#base/errors.ts'
import type { Broker, Message } from '#broker/ports.ts'
import { ok } from '../answer.ts'
import { pageOf } from '../paging.ts'
import type { Route } from '../router.ts'
import { isoTime } from '../views.ts'

/** Retained messages. A list shows no payloads, so that its size is bounded; a topic of its own does. */
export const retainedRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/retained',
    summary: 'Retained messages; ?filter= (default #, which leaves out topics that begin with $)',
    handle(request, control) {
      const { limit, page } = pageOf(request.query)
      const start = (page - 1) * limit
      const end = start + limit
      // One more than is shown says whether there is more.
      const found = control.broker.retainedMatching(request.query.get('filter') ?? '#', end + 1)
      const data = found.slice(start, end).map(message => messageView(control.broker, message))
      return ok({ data, meta: { page, limit, has_next: found.length > end } })
    },
  },
  {
    method: 'GET',
    path: '/api/v1/retained/{topic}',
    summary: 'The retained message of a topic, slashes as %2F, with its payload',
    handle(request, control) {
      const { topic } = request.params as { topic: string }
      const message = control.broker.retained(topic)
      if (message === undefined) throw new GatewayError('not-found', `there is no retained message at ${topic}`)
      return ok({ ...messageView(control.broker, message), ...payloadView(message.payload) })
    },
  },
]

function messageView(broker: Broker, message: Message) {
  const { timeMs, quality } = broker.timeOf(message)
  return {
    topic: message.topic,
    qos: message.qos,
    payload_bytes: message.payloadEnd - message.payloadStart,
    publisher: message.publisher || undefined,
    time: isoTime(timeMs),
    time_quality: quality,
  }
}

/** Text where the payload is UTF-8, else base64. */
function payloadView(payload: Uint8Array): { payload: string; payload_encoding: 'plain' | 'base64' } {
  try {
    return { payload: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload), payload_encoding: 'plain' }
  } catch {
    return { payload: Buffer.from(payload).toString('base64'), payload_encoding: 'base64' }
  }
}
