/** What a bridge is to the gateway that runs it, whatever its kind. */
import type { Clock } from '#base/clock.ts'
import type { Logger } from '#base/logger.ts'
import type { Broker } from '#broker/ports.ts'

/**
 * `connecting`: an attempt is under way; `connected`: messages flow; `waiting`: for the next attempt; `paused`: by a
 * person, over restarts too; `stopped`: not started, or over.
 */
export type BridgeState = 'connecting' | 'connected' | 'waiting' | 'paused' | 'stopped'

export interface BridgeStatus {
  name: string
  kind: string
  /** Where it leads, without secrets. */
  url: string
  state: BridgeState
  /** Wall-clock time of the last change of state, ms since 1970. */
  since: number
  /** What went wrong last, in one plain sentence; kept after a success so that a flapping link can be understood. */
  lastError: string | undefined
  /** Wall-clock time of `lastError`. */
  lastErrorAt: number | undefined
  /** Attempts to connect since the link last proved itself. */
  attempts: number
  /** Until the next attempt; undefined: none is planned. */
  nextAttemptInMs: number | undefined
  /** Messages and bytes in the spool, those in flight included. */
  queued: number
  queuedBytes: number
  /** Sent and not acknowledged. */
  inFlight: number
  /** Messages that the upstream acknowledged (QoS 0: that were sent) and that were taken from it, since the start. */
  sent: number
  received: number
  /** Messages that the upstream would not take and that were put aside, since the start. */
  deadLetters: number
  /** Messages that the spool dropped by its policy, since the start. */
  dropped: number
}

/** What a bridge needs of the gateway. */
export interface BridgeServices {
  broker: Broker
  clock: Clock
  /** Names the bridge in its lines. */
  logger: Logger
  gatewayId: string
}

/** A configured bridge. `C`: the configuration of its kind. */
export interface Bridge<C = unknown> {
  readonly name: string
  /** Attaches to the broker, so that nothing local is missed from here on, and begins the first attempt to connect. */
  start(): Promise<void>
  status(): BridgeStatus
  /** Goes over to a new configuration; the spool stays. What no longer holds is reconnected. */
  reload(config: C): Promise<void>
  /** Ends the connection until `resume`; the spool goes on filling. Remembered over restarts. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Gives what is in flight a moment to be acknowledged, says goodbye and detaches. */
  stop(): Promise<void>
}
