/** Questions to the worker whether it is alive; one that hangs never answers. */
export class Heartbeats {
  #waiting = new Map<number, () => void>()
  #lastId = 0

  /** Resolves when `answered` is called with the id that `ask` was given. */
  start(ask: (id: number) => void): Promise<void> {
    return new Promise(resolve => {
      const id = ++this.#lastId
      this.#waiting.set(id, resolve)
      ask(id)
    })
  }

  answered(id: number): void {
    this.#waiting.get(id)?.()
    this.#waiting.delete(id)
  }
}
