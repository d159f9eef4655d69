import type { Credentials } from '#broker/ports.ts'

/** What an authenticator says of credentials. `unknown`: the next one is asked. */
export type Verdict = 'unknown' | 'wrong' | 'right'

/** One link of the chain `[access.authenticators]`. */
export interface Authenticator {
  /** Whether anybody is known here. While nobody is anywhere, a user name is only a claim. */
  readonly inUse: boolean
  /** @throws GatewayError `server-busy` */
  check(username: string, password: Uint8Array, credentials: Credentials): Verdict | Promise<Verdict>
}
