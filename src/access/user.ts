/** A user that the gateway itself knows. */
import { GatewayError } from '#base/errors.ts'
import type { ScramKeys } from '#broker/ports.ts'
import type { PasswordHash } from './password-hash.ts'

export interface User {
  readonly name: string
  readonly hash: PasswordHash
  /** For SCRAM-SHA-256; a user of a file has none. */
  readonly scram: ScramKeys | undefined
  /** Wall clock, ms since 1970; 0: not known. */
  readonly createdAtMs: number
}

/** Somebody who keeps users. */
export interface UserSource {
  /** Whether anybody can be known here: then a user name must be right. */
  readonly inUse: boolean
  get(name: string): User | undefined
  all(): IterableIterator<User>
}

export const PASSWORD_BYTES_MAX = 1024
const NAME_LENGTH_MAX = 256

/** @throws GatewayError `bad-request` unless this can be the name of a user, in the store and in a file */
export function requireUserName(name: string): void {
  const fault = userNameFault(name)
  if (fault !== undefined) throw new GatewayError('bad-request', `the user name ${fault}`)
}

/** What is wrong with a user name, undefined if nothing is. */
export function userNameFault(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name.length > NAME_LENGTH_MAX) return `has more than ${NAME_LENGTH_MAX} characters`
  if (name.includes(':')) return 'holds a ":"'
  return /[\0-\x1f\x7f-\x9f]/.test(name) || !name.isWellFormed() ? 'holds control characters' : undefined
}
