/**
 * How long a batch gathers. A commit costs the same whether it carries one message or a thousand, so under load it
 * pays to wait for company; but clients that wait for their acknowledgements before they send more bring none, and
 * waiting for them only slows them down. So a gather is tried where enough arrives, and given up for a while when
 * less arrives because of it.
 */

/** Operations expected within a commit interval from which a gather is worth trying: two messages, each in and out. */
const COMPANY_MIN = 8
/** A gather that brings operations more slowly than this share of the rate without one is in vain. */
const RATE_KEPT = 0.7
/** Commits without gather after one in vain, doubled each time. */
const PLAIN_FIRST = 64
const PLAIN_LAST = 4096
/** So many gathers in a row that were not in vain make up for those that were. */
const FRUITFUL = 32
/** Weight of the newest batch in the average rates. */
const PLAIN_WEIGHT = 0.25
const GATHERED_WEIGHT = 0.5

export class Gather {
  readonly #intervalMs: number
  /** Operations per ms, as an average over batches that did not gather. */
  #plainRate = 0
  /** The same over those that did. */
  #gatheredRate = 0
  #gathering = false
  /** Commits to come without gather. */
  #plainLeft = 0
  #penalty = PLAIN_FIRST
  #fruitful = 0
  #sealedAtMs = Number.NEGATIVE_INFINITY

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** Milliseconds that a batch waits for company; 0: until the end of this turn. */
  get waitMs(): number {
    return this.#gathering ? this.#intervalMs : 0
  }

  /** A batch of so many operations has been sealed. */
  sealed(nowMs: number, operations: number): void {
    const rate = operations / Math.max(0.05, nowMs - this.#sealedAtMs)
    this.#sealedAtMs = nowMs
    if (this.#gathering) this.#judge(rate)
    else this.#consider(rate)
  }

  #consider(rate: number): void {
    this.#plainRate += (rate - this.#plainRate) * PLAIN_WEIGHT
    if (this.#plainLeft > 0) this.#plainLeft--
    else if (this.#plainRate * this.#intervalMs >= COMPANY_MIN) {
      this.#gathering = true
      this.#gatheredRate = this.#plainRate
      this.#fruitful = 0
    }
  }

  #judge(rate: number): void {
    this.#gatheredRate += (rate - this.#gatheredRate) * GATHERED_WEIGHT
    if (this.#gatheredRate < this.#plainRate * RATE_KEPT) {
      this.#gathering = false
      this.#plainLeft = this.#penalty
      this.#penalty = Math.min(this.#penalty * 2, PLAIN_LAST)
    } else if (this.#gatheredRate * this.#intervalMs < COMPANY_MIN) {
      this.#gathering = false
      this.#plainRate = this.#gatheredRate
    } else if (++this.#fruitful === FRUITFUL) this.#penalty = PLAIN_FIRST
  }
}
