/** Tells whoever watches about clients that come, go and subscribe. The gateway's own parts are not clients to them. */
import { clientInfo } from './census.ts'
import type { ClientWatcher, SubscribeRequest } from './ports.ts'
import type { Session } from './session.ts'

const REFUSED = 0x80

export class Presence {
  #watchers: ClientWatcher[] = []

  watch(watcher: ClientWatcher): void {
    this.#watchers.push(watcher)
  }

  came(session: Session, cleanStart: boolean): void {
    if (this.#unseen(session)) return
    const info = clientInfo(session)
    for (const watcher of this.#watchers) watcher.connected(info, cleanStart)
  }

  /** Before the session lets go of its connection. */
  went(session: Session, reason: string): void {
    if (this.#unseen(session)) return
    const info = clientInfo(session)
    for (const watcher of this.#watchers) watcher.disconnected(info, reason)
  }

  subscribed(session: Session, requests: readonly SubscribeRequest[], codes: readonly number[]): void {
    if (this.#unseen(session)) return
    const info = clientInfo(session)
    requests.forEach(({ filter }, i) => {
      const code = codes[i] ?? REFUSED
      if (code < REFUSED) for (const watcher of this.#watchers) watcher.subscribed(info, filter, code)
    })
  }

  unsubscribed(session: Session, filters: readonly string[], codes: readonly number[]): void {
    if (this.#unseen(session)) return
    const info = clientInfo(session)
    filters.forEach((filter, i) => {
      if (codes[i] === 0) for (const watcher of this.#watchers) watcher.unsubscribed(info, filter)
    })
  }

  #unseen(session: Session): boolean {
    return this.#watchers.length === 0 || session.identity.internal
  }
}
