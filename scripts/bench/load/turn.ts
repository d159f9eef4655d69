/** Gathers what a turn of the event loop leaves to write: each touched connection is flushed once, after all that could be read. */

export interface Flushable {
  flush(): void
}

export class Turn {
  /** Runs before the flush of every turn; returns whether it could go on at once. */
  work: (() => boolean) | undefined
  #scheduled = false
  readonly #touched = new Set<Flushable>()

  /** This connection has something to write. */
  touch(connection: Flushable): void {
    this.#touched.add(connection)
    this.schedule()
  }

  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#run)
  }

  readonly #run = (): void => {
    this.#scheduled = false
    const more = this.work?.() ?? false
    for (const connection of this.#touched) connection.flush()
    this.#touched.clear()
    if (more) this.schedule()
  }
}
