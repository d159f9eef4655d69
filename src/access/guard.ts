/** Slows those who guess down, and shuts them out for a time; the same for clients that come and go without end. */
import type { Clock } from '#base/clock.ts'
import type { Credentials } from '#broker/ports.ts'
import type { Ban } from './bans.ts'
import { peerKey } from './network.ts'
import type { AccessSettings, BanAfter } from './settings.ts'
import { WindowCounts } from './window-counts.ts'

/** Addresses, user names and client ids that are counted at a time, each; full: who came longest ago is forgotten. */
const NAMES_MAX = 10_000
/** Longer than a hash takes, so that the time tells nobody whether a name is known. */
const DELAY_MIN_MS = 250
const DELAY_MAX_MS = 5000
/** Refusals that are held back at a time; beyond them they leave at once. */
const HELD_MAX = 10_000

export interface GuardOptions {
  clock: Clock
  settings: Pick<AccessSettings, 'failed_logins' | 'flapping'>
  ban: (ban: Pick<Ban, 'kind' | 'value' | 'by' | 'reason'>, forMs: number) => void
}

export class Guard {
  readonly #clock: Clock
  readonly #ban: GuardOptions['ban']
  readonly #addresses: WindowCounts
  readonly #users: WindowCounts
  readonly #connects: WindowCounts
  #failedLogins: BanAfter
  #flapping: BanAfter
  #held = 0
  /** Logins that failed since the start. */
  failures = 0

  constructor({ clock, settings, ban }: GuardOptions) {
    this.#clock = clock
    this.#ban = ban
    this.#addresses = new WindowCounts(clock, NAMES_MAX)
    this.#users = new WindowCounts(clock, NAMES_MAX)
    this.#connects = new WindowCounts(clock, NAMES_MAX)
    this.#failedLogins = settings.failed_logins
    this.#flapping = settings.flapping
  }

  configure({ failed_logins, flapping }: GuardOptions['settings']): void {
    this.#failedLogins = failed_logins
    this.#flapping = flapping
  }

  /**
   * A login has failed: counted for its address and its user, each. Resolves when the refusal may leave: the wait
   * since `startedMs` doubles with each failure, from 0.25 s to 5 s. An address with too many is banned for a time, unless it is this machine's own: that
   * would shut out those who work on it. A user never is, or else anybody could shut him out.
   */
  failed({ address, loopback }: Credentials, username: string, startedMs: number): Promise<void> {
    this.failures++
    const { ban_after: banAfter, window, ban_for: banFor } = this.#failedLogins
    const byUser = this.#users.add(username, window)
    const peer = address === undefined ? undefined : peerKey(address)
    const byAddress = peer === undefined ? 0 : this.#addresses.add(peer, window)
    if (banAfter > 0 && byAddress >= banAfter && peer !== undefined && !loopback) {
      this.#addresses.forget(peer)
      this.#ban({ kind: 'address', value: peer, by: 'failed-logins', reason: `${byAddress} failed logins` }, banFor)
    }
    const delayMs = Math.min(DELAY_MAX_MS, DELAY_MIN_MS * 2 ** Math.min(16, Math.max(byUser, byAddress) - 1))
    return this.#hold(startedMs + delayMs - this.#clock.monotonic())
  }

  succeeded(username: string): void {
    this.#users.forget(username)
  }

  /** A client has come: one that does so too often is banned for a time. False: it just was. */
  mayConnect(clientId: string): boolean {
    const { ban_after: banAfter, window, ban_for: banFor } = this.#flapping
    if (banAfter === 0 || this.#connects.add(clientId, window) < banAfter) return true
    this.#connects.forget(clientId)
    this.#ban({ kind: 'client_id', value: clientId, by: 'flapping', reason: `${banAfter} connects in a short time` }, banFor)
    return false
  }

  #hold(delayMs: number): Promise<void> {
    if (delayMs <= 0 || this.#held >= HELD_MAX) return Promise.resolve()
    this.#held++
    return new Promise(resolve => {
      this.#clock.setTimer(delayMs, () => {
        this.#held--
        resolve()
      })
    })
  }
}
