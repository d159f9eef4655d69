import type { Message, Qos } from './message.ts'
import type { DropReason, PublishRun, WhenFull } from './ports.ts'
import type { Target } from './route-table.ts'

/** Who has a queue that routes lead to: a session, or the members of a shared group together. */
export interface Recipient {
  /** What waits for it outlives its connections. */
  readonly durable: boolean
  readonly whenFull: WhenFull
  accept(message: Message, target: Target): void
  /** Takes a run of QoS 0 messages. */
  acceptRun(run: PublishRun, target: Target): void
  /** Whether a message of this size would make a queue overflow that refuses when it is full. */
  wouldReject(size: number): boolean
  /** Whether a delivery of this QoS would be written to disk. */
  needsDisk(qos: Qos): boolean
  /** Counts messages that it loses. */
  drop(reason: DropReason, messages: number): void
}
