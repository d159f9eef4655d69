/** Connections in a row that must end on the same message before it is tried alone, and before others go ahead of it. */
const ENDS_BEFORE_ALONE = 3
const ENDS_BEFORE_QUARANTINE = 6
/** Each time that nobody was to blame the next try comes after twice as many, because it costs the order of two messages. */
const ENDS_BEFORE_QUARANTINE_MAX = 192

/** What follows from an acknowledgement: nothing, the one that was left out is tried again, or all is well. */
export type Verdict = 'nothing' | 'try-again' | 'cleared'

/**
 * Finds out whether one message makes the upstream close the connection. The message at the front is tried
 * alone. If the connection ends still, it is left out and the next one goes ahead of it. If that is
 * acknowledged, the first one is tried once more, alone: if the connection ends on it again, it is to blame. If
 * the connection ends on the next one too, the upstream closes on every message, and nobody is to blame.
 */
export class Suspicion {
  #front: number | undefined = undefined
  #ends = 0
  #endsBeforeQuarantine = ENDS_BEFORE_QUARANTINE
  #onTrial = false
  /** Sequence number of the message that is left out for now. */
  quarantined: number | undefined = undefined
  /** Sequence number of the message that is to be given up. */
  convicted: number | undefined = undefined

  /** Messages that may be in flight at once: one is tried alone (and one more beside the one that is left out). */
  window(max: number): number {
    if (this.quarantined !== undefined) return Math.min(max, 2)
    return this.#ends >= ENDS_BEFORE_ALONE ? 1 : max
  }

  /** Whether messages are being tried one by one. */
  get active(): boolean {
    return this.#ends >= ENDS_BEFORE_ALONE
  }

  /** The upstream closed a connection on which nothing was acknowledged since `front`, the oldest that waits, was sent. */
  connectionEnded(front: number): void {
    const { quarantined } = this
    if (quarantined !== undefined) {
      if (this.#onTrial && front === quarantined) this.convicted = quarantined
      else this.#endsBeforeQuarantine = Math.min(this.#endsBeforeQuarantine * 2, ENDS_BEFORE_QUARANTINE_MAX)
      return this.#clear()
    }
    if (front !== this.#front) {
      this.#front = front
      this.#ends = 0
    }
    this.#ends++
    if (this.#ends >= this.#endsBeforeQuarantine) this.quarantined = front
  }

  /** A connection ended for a reason that says nothing about a message: a trial has to be held anew. */
  interrupted(): void {
    this.#onTrial = false
  }

  /** The upstream acknowledged a message. */
  acknowledged(seq: number): Verdict {
    if (this.quarantined !== undefined && seq !== this.quarantined) {
      if (this.#onTrial) return 'nothing'
      this.#onTrial = true
      return 'try-again'
    }
    this.#clear()
    this.#endsBeforeQuarantine = ENDS_BEFORE_QUARANTINE
    return 'cleared'
  }

  #clear(): void {
    this.#front = undefined
    this.#ends = 0
    this.#onTrial = false
    this.quarantined = undefined
  }
}
