import type { Clock, Timer } from '#base/clock.ts'

interface Pending {
  at: number
  order: number
  run: () => void
}

/** A clock that stands still until told otherwise; timers fire in order of their time, randomness is seeded. */
export class VirtualClock implements Clock {
  #wallOffset: number
  #elapsed = 0
  #order = 0
  #timers = new Set<Pending>()
  #deferred: (() => void)[] = []
  #seed: number
  isSynchronised = true

  constructor(seed = 1, wallMs = 1_800_000_000_000) {
    this.#seed = seed >>> 0
    this.#wallOffset = wallMs
  }

  now(): number {
    return this.#wallOffset + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  synchronised(): boolean {
    return this.isSynchronised
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer: Pending = { at: this.#elapsed + Math.max(0, delayMs), order: this.#order++, run }
    this.#timers.add(timer)
    return timer
  }

  clearTimer(timer: Timer | undefined): void {
    this.#timers.delete(timer as Pending)
  }

  defer(run: () => void): void {
    this.#deferred.push(run)
  }

  random(): number {
    // mulberry32
    this.#seed = (this.#seed + 0x6d2b79f5) >>> 0
    let t = this.#seed
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  randomBytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(this.random() * 256))
  }

  /** Moves the wall clock by `byMs` without any running time passing. */
  jumpWall(byMs: number): void {
    this.#wallOffset += byMs
  }

  /** Runs what was deferred, including what that defers, at the present time. */
  settle(): void {
    for (let rounds = 0; this.#deferred.length > 0; rounds++) {
      if (rounds > 10_000) throw new Error('deferred work does not come to rest')
      for (const run of this.#deferred.splice(0)) run()
    }
  }

  /** The process that had set timers and deferred work is gone. */
  forget(): void {
    this.#timers.clear()
    this.#deferred = []
  }

  /** Lets `byMs` of running time pass, firing each timer at its own moment. */
  advance(byMs: number): void {
    const end = this.#elapsed + byMs
    this.settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next)
      this.#elapsed = Math.max(this.#elapsed, next.at)
      next.run()
      this.settle()
    }
    this.#elapsed = end
  }

  #next(end: number): Pending | undefined {
    let first: Pending | undefined
    for (const timer of this.#timers) {
      if (timer.at > end) continue
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer
    }
    return first
  }
}
