/** Who waits for the store: for the next commit, for a position, or for pressure to go down. */
import { GatewayError } from '#base/errors.ts'
import { UNCOMMITTED_HIGH_BYTES, UNCOMMITTED_LOW_BYTES } from '#base/limits.ts'
import type { CommitWaiter, PressureListener } from './ports.ts'
import type { Position, Store } from './store-port.ts'

interface Pending {
  position: Position
  resolve: () => void
  reject: (error: Error) => void
}

export class Commits {
  readonly #store: Store
  #waiters: CommitWaiter[] = []
  #pending: Pending[] = []
  #listeners = new Set<PressureListener>()
  /** Too much is uncommitted. */
  congested = false

  constructor(store: Store) {
    this.#store = store
  }

  await(waiter: CommitWaiter): void {
    this.#waiters.push(waiter)
  }

  when(position: Position): Promise<void> {
    if (position <= this.#store.committed) return Promise.resolve()
    return new Promise((resolve, reject) => this.#pending.push({ position, resolve, reject }))
  }

  /** The store has advanced to `position`. */
  advance(position: Position): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.committed(position)
    if (this.#pending.length > 0) {
      const due = this.#pending.filter(pending => pending.position <= position)
      this.#pending = this.#pending.filter(pending => pending.position > position)
      for (const pending of due) pending.resolve()
    }
    if (this.congested && this.#store.uncommittedBytes < UNCOMMITTED_LOW_BYTES) this.#press(false)
  }

  /** Looks whether publishers must be slowed down; called after each addition. */
  check(): void {
    if (!this.congested && this.#store.condition === 'ok' && this.#store.uncommittedBytes > UNCOMMITTED_HIGH_BYTES) this.#press(true)
  }

  /** The disk takes nothing any more: from here on publishes are refused, and nobody is kept waiting. */
  storeFailed(): void {
    if (this.congested) this.#press(false)
  }

  listen(listener: PressureListener): void {
    this.#listeners.add(listener)
  }

  unlisten(listener: PressureListener): void {
    this.#listeners.delete(listener)
  }

  /** The broker stops: nobody will be told any more. */
  abandon(): void {
    const error = new GatewayError('server-busy', 'the gateway is stopping', { reason: 0x8b, retryable: true })
    for (const pending of this.#pending.splice(0)) pending.reject(error)
    this.#waiters = []
  }

  #press(high: boolean): void {
    this.congested = high
    for (const listener of this.#listeners) listener.pressure(high)
  }
}
