/** What must be allowed before a client is attached: its session must be its own, and its will one that it may publish. */
import { GatewayError } from '#base/errors.ts'
import type { Access, Credentials, Identity } from './access-port.ts'
import { delayOf } from './delayed.ts'
import type { Message } from './message.ts'
import type { Will } from './ports.ts'
import type { Session } from './session.ts'
import type { StoreCondition } from './store-port.ts'
import type { Subscription } from './subscription.ts'

/** Reason codes (`MQTT 5 §2.4`). */
export const NOT_AUTHORIZED = 0x87
const CLIENT_IDENTIFIER_NOT_VALID = 0x85

/** @throws GatewayError `server-busy`, `identifier-rejected` */
export function mayCome({ clientId }: Credentials, stopping: boolean): void {
  if (stopping) throw new GatewayError('server-busy', 'the gateway is stopping', { reason: 0x8b, retryable: true })
  if (!clientId.startsWith('$')) return
  throw new GatewayError('identifier-rejected', 'client ids that begin with $ are the gateway’s own', {
    reason: CLIENT_IDENTIFIER_NOT_VALID,
  })
}

/** The answer to a CONNECT whose session is to last while the disk takes nothing. */
export function diskRefusal(conditionReason: string): GatewayError {
  return new GatewayError('store-full', `a session that lasts needs the disk: ${conditionReason}`, { reason: 0x97, retryable: true })
}

/**
 * A session that lasts belongs to the user who made it: nobody else gets its messages, or ends it.
 * @throws GatewayError `identifier-rejected`
 */
export function requireOwner(session: Session | undefined, newcomer: Identity): void {
  if (session === undefined || !session.durable || newcomer.internal) return
  const { anonymous, username } = session.identity
  if (anonymous || username === undefined || username === newcomer.username) return
  throw new GatewayError('identifier-rejected', 'this client id has a session of another user', {
    reason: CLIENT_IDENTIFIER_NOT_VALID,
    hint: 'use another client id, or end that session with tidegate kick --session',
  })
}

/** Whether a client may publish its will, asked when it comes and again when the will goes out. */
export function mayPublishWill(access: Access, identity: Identity, { message }: Will): boolean {
  if (identity.internal) return true
  const delay = delayOf(message.topic)
  const topic = typeof delay === 'object' ? delay.topic : message.topic
  if (topic.startsWith('$SYS/')) return false
  return access.unrestricted(identity) || access.mayPublish(identity, topic, message.qos, message.retain)
}

/** Whether a subscription of a session's own brings this topic. */
export function mayReceive(access: Access, { session, filter, qos }: Subscription, topic: string): boolean {
  const { identity } = session
  return identity.internal || access.unrestricted(identity) || access.mayReceive(identity, topic, filter, qos)
}

/** The answer to a CONNECT whose will is not allowed. */
export function willRefusal({ message }: Will): GatewayError {
  return new GatewayError('not-authorized', `a will on "${message.topic}" is not allowed`, { reason: NOT_AUTHORIZED })
}

/** What a refused publish looks like to a caller that wants errors; `code` is the reason code. */
export function publishRefusal(code: number, message: Message, condition: StoreCondition, conditionReason: string): GatewayError {
  if (code === NOT_AUTHORIZED) {
    return new GatewayError('not-authorized', `publishing on "${message.topic}" is not allowed`, { reason: code })
  }
  if (code === 0x90) return new GatewayError('topic-invalid', `"${message.topic}" has too many levels`, { reason: code })
  if (code === 0x8e) return new GatewayError('server-busy', 'the client is no longer attached', { reason: code, retryable: true })
  if (condition === 'ok') return new GatewayError('quota-exceeded', 'a queue of its recipients is full', { reason: code, retryable: true })
  const kind = condition === 'full' ? 'store-full' : 'store-failed'
  return new GatewayError(kind, `the message cannot be stored: ${conditionReason}`, { reason: code, retryable: true })
}
