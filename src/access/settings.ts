/** `[access]` as this folder reads it; the configuration's own table fits. Times in ms. */
import type { RuleSettings } from './rules.ts'

export type Anonymous = 'never' | 'loopback' | 'always'

/** So many within a time, and then out for a time. */
export interface BanAfter {
  /** 0: never. */
  readonly ban_after: number
  readonly window: number
  readonly ban_for: number
}

export interface AuthenticatorSettings {
  readonly kind: 'built-in'
  readonly users_file?: string
}

export interface AccessSettings {
  readonly anonymous: Anonymous
  readonly no_match?: 'allow' | 'deny'
  readonly deny_action: 'ignore' | 'disconnect'
  readonly authenticators: { readonly [name: string]: AuthenticatorSettings }
  readonly rules: readonly RuleSettings[]
  readonly client_ids: { readonly allow: readonly string[]; readonly deny: readonly string[] }
  readonly failed_logins: BanAfter
  readonly flapping: BanAfter
}
