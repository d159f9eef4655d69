import { GatewayError } from '#base/errors.ts'
import { Message, type MessageProperties, type Qos } from '#broker/ports.ts'
import { ok } from '../answer.ts'
import { Members } from '../body.ts'
import type { GatewayControl } from '../ports.ts'
import { publishAs } from '../publisher.ts'
import type { Route } from '../router.ts'

/** Publishes a message; the answer comes when it is durable. */
export const publishRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/api/v1/publish',
    summary: 'Publishes {topic, payload, payload_encoding, qos, retain, message_expiry_seconds, properties}',
    async handle(request, control) {
      const message = messageOf(await request.body(), control)
      await publishAs(control.broker, message)
      return ok({
        topic: message.topic,
        qos: message.qos,
        retain: message.retain,
        payload_bytes: message.payloadEnd - message.payloadStart,
      })
    },
  },
]

/** The longest expiry that MQTT 5 can say (§3.3.2.3.3). */
const EXPIRY_SECONDS_MAX = 0xffff_ffff

function messageOf(body: unknown, control: GatewayControl): Message {
  const members = new Members(body, 'the body')
  const topic = members.text('topic')
  if (topic === undefined) throw new GatewayError('bad-request', 'the body names no topic')
  if (control.broker.route(topic) === undefined) {
    throw new GatewayError('topic-invalid', `${JSON.stringify(topic)} is not a topic name`, { hint: 'it may not be empty or hold + or #' })
  }
  const encoding = members.text('payload_encoding') ?? 'plain'
  const payload = payloadOf(members.text('payload') ?? '', encoding)
  const qos = (members.whole('qos', 0, 2) ?? 0) as Qos
  const retain = members.flag('retain') ?? false
  const expirySeconds = members.whole('message_expiry_seconds', 1, EXPIRY_SECONDS_MAX)
  const properties = members.take('properties', 'an object', propertiesOf)
  members.end()
  const expiresAtMs = expirySeconds === undefined ? 0 : control.broker.runningMs() + expirySeconds * 1000
  return Message.from({ topic, payload, qos, retain, properties, expiresAtMs })
}

function payloadOf(text: string, encoding: string): Uint8Array {
  if (encoding === 'plain') return Buffer.from(text)
  if (encoding !== 'base64') throw new GatewayError('bad-request', 'payload_encoding is not plain or base64')
  return base64(text, 'payload')
}

/** `MQTT 5 §3.3.2.3`: what travels with the message unaltered. */
function propertiesOf(value: unknown): MessageProperties {
  const members = new Members(value, 'properties')
  const properties: MessageProperties = {}
  const payloadFormat = members.whole('payload_format_indicator', 0, 1)
  const contentType = members.text('content_type')
  const responseTopic = members.text('response_topic')
  const correlation = members.text('correlation_data')
  const user = members.take('user_properties', 'an object of texts or a list of pairs', userPropertiesOf)
  members.end()
  if (payloadFormat !== undefined) properties.payloadFormatIndicator = payloadFormat as 0 | 1
  if (contentType !== undefined) properties.contentType = contentType
  if (responseTopic !== undefined) properties.responseTopic = responseTopic
  if (correlation !== undefined) properties.correlationData = base64(correlation, 'correlation_data')
  if (user !== undefined) properties.userProperties = user
  return properties
}

/** A list of pairs keeps the order and names that stand there twice; an object is the short way. */
function userPropertiesOf(value: unknown): [string, string][] | undefined {
  if (value === null || typeof value !== 'object') return undefined
  const pairs: unknown[] = Array.isArray(value) ? value : Object.entries(value)
  const isPair = (pair: unknown): pair is [string, string] =>
    Array.isArray(pair) && pair.length === 2 && pair.every(each => typeof each === 'string')
  return pairs.every(isPair) ? pairs : undefined
}

function base64(text: string, name: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  // Node skips what is not base64; what does not come out the same was not base64.
  if (bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')) return bytes
  throw new GatewayError('bad-request', `${name} is not base64`)
}
