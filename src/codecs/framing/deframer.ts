/** What every framing is: bytes go in as they arrive, whole frames come out. Pure; time is told by the owner. */

/**
 * Takes one frame. `frame` is a view into a buffer that is used again: copy what is to be kept. `final` tells that
 * it ended by its delimiter or length, not by silence.
 */
export type FrameHandler = (frame: Uint8Array, final: boolean) => void

/** What a deframer has seen since it was made; `reset` leaves the numbers standing. */
export interface DeframerCounters {
  bytes: number
  frames: number
  /** Frames that were dropped because they were longer than allowed. */
  overlong: number
  /** Frames that were dropped because their check failed or their bytes break the format. */
  malformed: number
  /** Bytes that belong to no frame handed out: of dropped frames, and before the first border. */
  discardedBytes: number
}

export interface Deframer {
  /** Silence on the line after which the owner calls `idle`, in ms; 0: silence means nothing to this framing. */
  readonly idleMs: number
  readonly counters: Readonly<DeframerCounters>
  /** Takes a chunk as it came from the line; the frame handler is called for each frame that it completes. Never throws for bad bytes. */
  push(bytes: Uint8Array): void
  /** The line was silent for `idleMs`. */
  idle(): void
  /** The line was interrupted: what has gathered is no frame, and the next byte may be anywhere in one. */
  reset(): void
}

/** Fresh counters, all zero. */
export function newCounters(): DeframerCounters {
  return { bytes: 0, frames: 0, overlong: 0, malformed: 0, discardedBytes: 0 }
}
