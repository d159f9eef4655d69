/**
 * Time, timers and randomness as a port, so that a test owns them. Nothing else in `src/` reads the wall
 * clock, starts a timer or draws a random number.
 */

/** A started timer; give it back to {@link Clock.clearTimer}. */
export type Timer = object

export interface Clock {
  /** Wall-clock time in milliseconds since 1970 (UTC). May jump in either direction. */
  now(): number
  /** Milliseconds of running time since an arbitrary origin. Never jumps; fractions are meaningful. */
  monotonic(): number
  /** Whether the wall clock is believed (set by NTP, an RTC or a person) at this moment. */
  synchronised(): boolean
  /** Calls `run` once after `delayMs` of running time (at most {@link TIMER_MAX_MS}). Does not keep the process alive. */
  setTimer(delayMs: number, run: () => void): Timer
  /** Stops a timer; one that has fired or is `undefined` is ignored. */
  clearTimer(timer: Timer | undefined): void
  /** Calls `run` at the end of this turn of the event loop, after the input that is already waiting. */
  defer(run: () => void): void
  /** A number in [0, 1). */
  random(): number
  /** `count` bytes fit for secrets and identities. */
  randomBytes(count: number): Uint8Array
}

/** The longest delay of one timer: 2^31 − 1 ms, about 24.8 days. Longer waits are made of several. */
export const TIMER_MAX_MS = 0x7fffffff
