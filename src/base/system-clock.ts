import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from './clock.ts'

/** Before this moment (2025-01-01) no build of the gateway existed: a clock that says so was never set. */
const EARLIEST_PLAUSIBLE_MS = 1_735_689_600_000

/** Milliseconds of running time since the process began, for what has to exist before the clock does. */
export function monotonicMs(): number {
  return performance.now()
}

/** CLOCK_MONOTONIC in whole microseconds: the time of this machine that other processes on it see too. */
export function monotonicUs(): bigint {
  return process.hrtime.bigint() / 1_000n
}

/** The machine's own clock. `isSynchronised` adds what the platform knows, say that NTP has set the time. */
export function systemClock(isSynchronised: () => boolean = () => true): Clock {
  return {
    now: () => Date.now(),
    monotonic: monotonicMs,
    synchronised: () => Date.now() >= EARLIEST_PLAUSIBLE_MS && isSynchronised(),
    setTimer: (delayMs, run) => setTimeout(run, delayMs).unref(),
    clearTimer: (timer: Timer | undefined) => clearTimeout(timer as NodeJS.Timeout | undefined),
    defer: run => void setImmediate(run),
    random: () => Math.random(),
    randomBytes: count => randomBytes(count),
  }
}
