/**
 * Access as far as it goes now: who may come in without a name. On loopback everybody on the machine, beyond it
 * nobody unless a person has turned that on. Rules and credentials come behind the same port.
 */
import { GatewayError } from '#base/errors.ts'
import type { Access, Credentials, Identity } from '#broker/ports.ts'

export type Anonymous = 'never' | 'loopback' | 'always'

/** MQTT 5 §2.4: not authorized, and bad user name or password. */
const NOT_AUTHORIZED = 0x87
const BAD_CREDENTIALS = 0x86

export function createAccess(anonymous: Anonymous): Access {
  return {
    generation: 0,
    authenticate: credentials => authenticate(credentials, anonymous),
    unrestricted: () => true,
    mayPublish: () => true,
    maySubscribe: () => true,
  }
}

function authenticate(credentials: Credentials, anonymous: Anonymous): Identity {
  const { clientId, protocol, username, address, loopback } = credentials
  const allowed = credentials.anonymous ?? anonymous
  if (allowed === 'always' || (allowed === 'loopback' && loopback)) {
    return { clientId, protocol, username, address, anonymous: true, internal: false }
  }
  if (username !== undefined) {
    throw new GatewayError('bad-credentials', `nobody is known as "${username}"`, { reason: BAD_CREDENTIALS })
  }
  throw new GatewayError('not-authorized', 'anonymous access is off for clients from beyond this machine', {
    reason: NOT_AUTHORIZED,
    hint: 'set access.anonymous = "always" to let everybody in',
  })
}
