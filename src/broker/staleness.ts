import type { Message } from './message.ts'

/** Why a message is no longer worth delivering; `ageMaxMs` 0: at any age. Times are running time. */
export function staleness({ expiresAtMs, takenAtMs }: Message, ageMaxMs: number, nowMs: number): 'expired' | 'too-old' | undefined {
  if (expiresAtMs !== 0 && nowMs >= expiresAtMs) return 'expired'
  return ageMaxMs !== 0 && nowMs - takenAtMs > ageMaxMs ? 'too-old' : undefined
}
