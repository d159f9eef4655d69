/** Waiting for what cannot be counted on to happen. */
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_MS = 10

/** Resolves with true as soon as `done()` holds, with false when `progress()` has stayed the same for `stallMs`. */
export async function settle(done: () => boolean, progress: () => number, stallMs: number): Promise<boolean> {
  let last = progress()
  let movedAtMs = performance.now()
  while (!done()) {
    await sleep(LOOK_MS)
    const now = progress()
    if (now !== last) {
      last = now
      movedAtMs = performance.now()
    } else if (performance.now() - movedAtMs > stallMs) return done()
  }
  return true
}

/** Resolves when `progress()` has stayed the same for `quietMs`: nothing more is to be expected. */
export async function quiet(progress: () => number, quietMs: number): Promise<void> {
  await settle(() => false, progress, quietMs)
}
