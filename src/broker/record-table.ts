/** Records by owner and key, in memory as loaded, written through to the store's stream. */
import type { Position, Records } from './ports.ts'
import type { Store } from './store-port.ts'

export class RecordTable {
  readonly #store: Store
  #owners: Map<string, Map<string, Uint8Array>>

  constructor(store: Store, loaded: Map<string, Map<string, Uint8Array>>) {
    this.#store = store
    this.#owners = loaded
  }

  of(owner: string): Records {
    const store = this.#store
    const table = () => this.#owners.get(owner)
    return {
      get: key => table()?.get(key),
      entries: () => new Map(table()).entries(),
      put: (key, value): Position => {
        let records = table()
        if (records === undefined) this.#owners.set(owner, (records = new Map()))
        records.set(key, value)
        return store.putRecord(owner, key, value)
      },
      delete: key => (table()?.delete(key) ? store.deleteRecord(owner, key) : 0),
      clear: () => (this.#owners.delete(owner) ? store.dropOwner(owner) : 0),
    }
  }
}
