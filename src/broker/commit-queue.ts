import type { Broker, CommitWaiter, Position } from './ports.ts'

/** Answers of an adapter that wait for a commit. Positions rise, so that those that are due stand at the front. */
export class CommitQueue implements CommitWaiter {
  readonly #broker: Broker
  #waiting: { position: Position; run: () => void }[] = []
  #asked = false

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** Runs `run` once `position` is durable; at once if it is. */
  after(position: Position, run: () => void): void {
    if (position <= this.#broker.committed) {
      run()
      return
    }
    this.#waiting.push({ position, run })
    this.#ask()
  }

  committed(position: Position): void {
    this.#asked = false
    let due = 0
    while (due < this.#waiting.length && this.#waiting[due].position <= position) due++
    const ready = this.#waiting.splice(0, due)
    if (this.#waiting.length > 0) this.#ask()
    for (const { run } of ready) run()
  }

  #ask(): void {
    if (this.#asked) return
    this.#asked = true
    this.#broker.awaitCommit(this)
  }
}
