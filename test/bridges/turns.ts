import { setImmediate } from 'node:timers/promises'
import type { VirtualClock } from '../support/virtual-clock.ts'

/** Lets everything happen that needs no time to pass: deferred work, and the promises in between. */
export async function turns(clock: VirtualClock): Promise<void> {
  for (let i = 0; i < 12; i++) {
    clock.settle()
    await setImmediate()
  }
}

/** Lets time pass, with everything that happens meanwhile, in steps of `stepMs`. */
export async function pass(clock: VirtualClock, ms: number, stepMs = 250): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(left, stepMs))
    clock.settle()
    await setImmediate()
  }
  await turns(clock)
}
