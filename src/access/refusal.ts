/** The ways in which a device is told that it does not get in, and how often each was taken. */
import { GatewayError } from '#base/errors.ts'
import type { Ban } from './bans.ts'

export type RefusalReason = 'bad-credentials' | 'anonymous' | 'banned' | 'client-id' | 'busy'

/** `MQTT 5 §2.4`. */
const CLIENT_IDENTIFIER_NOT_VALID = 0x85
const BAD_CREDENTIALS = 0x86
const NOT_AUTHORIZED = 0x87
const BANNED = 0x8a

export class Refusals {
  readonly counts: Record<RefusalReason, number> = { 'bad-credentials': 0, anonymous: 0, banned: 0, 'client-id': 0, busy: 0 }

  badCredentials(): GatewayError {
    this.counts['bad-credentials']++
    return new GatewayError('bad-credentials', 'the user name or password is wrong', { reason: BAD_CREDENTIALS })
  }

  anonymous(): GatewayError {
    this.counts.anonymous++
    return new GatewayError('not-authorized', 'clients without a user name are not let in here', {
      reason: NOT_AUTHORIZED,
      hint: 'make a user with tidegate user add, or set access.anonymous or the anonymous of this listener',
    })
  }

  banned({ kind, value, reason }: Ban): GatewayError {
    this.counts.banned++
    const what = kind === 'client_id' ? 'client id' : kind === 'username' ? 'user' : 'address'
    return new GatewayError('not-authorized', `the ${what} ${value} is banned: ${reason || 'no reason given'}`, { reason: BANNED })
  }

  clientId(): GatewayError {
    this.counts['client-id']++
    return new GatewayError('identifier-rejected', 'this client id is not on the list of those that are let in', {
      reason: CLIENT_IDENTIFIER_NOT_VALID,
      hint: 'see access.client_ids',
    })
  }
}
