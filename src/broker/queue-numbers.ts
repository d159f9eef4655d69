/** Numbers of queues in the store: those of ended ones are used again. */
export class QueueNumbers {
  #last = 0
  #free: number[] = []

  take(): number {
    return this.#free.pop() ?? ++this.#last
  }

  /** The queue has been dropped from the store. */
  free(queue: number): void {
    this.#free.push(queue)
  }

  /** A number that the store knew at the start. */
  seen(queue: number): void {
    this.#last = Math.max(this.#last, queue)
  }
}
