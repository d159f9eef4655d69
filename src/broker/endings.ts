/** Why attachments ended, by listener and by client. */

/** Clients whose endings are remembered; of more, those that ended first are forgotten. */
const CLIENTS_MAX = 10_000

/** Counts by reason. */
export type Endings = Readonly<Record<string, number>>

export class EndingCounts {
  readonly #byListener = new Map<string, Record<string, number>>()
  readonly #byClient = new Map<string, Record<string, number>>()

  count(clientId: string, listener: string, reason: string): void {
    add(this.#byListener, listener, reason)
    add(this.#byClient, clientId, reason)
    if (this.#byClient.size <= CLIENTS_MAX) return
    for (const oldest of this.#byClient.keys()) if (this.#byClient.delete(oldest)) break
  }

  ofListener(listener: string): Endings {
    return this.#byListener.get(listener) ?? {}
  }

  /** Undefined: none of its attachments has ended since the start. */
  ofClient(clientId: string): Endings | undefined {
    return this.#byClient.get(clientId)
  }
}

function add(table: Map<string, Record<string, number>>, key: string, reason: string): void {
  let counts = table.get(key)
  if (counts === undefined) table.set(key, (counts = {}))
  counts[reason] = (counts[reason] ?? 0) + 1
}
