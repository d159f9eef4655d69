/** What a device speaks, between the bytes of its port and readings. */
import type { DeframerCounters } from '#codecs/framing/index.ts'
import type { LineCounters } from './frame-reader.ts'
import type { Reading } from './points.ts'

export interface ProtocolEvents {
  /** False: there is no place for it. */
  reading(reading: Reading): boolean
  /** Sends bytes. @throws GatewayError when the port does not take them */
  write(bytes: Uint8Array): Promise<void>
  /** Something is wrong with what the device says; may come by the thousand. */
  warn(kind: string, message: string, fields: Readonly<Record<string, unknown>>): void
  /** A unit, or the device itself (`undefined`), answers again or does not any more. */
  answering(unit: string | undefined, answers: boolean, reason: string): void
}

export interface Protocol {
  /** Silence on the line after which `idle` is called, in ms; 0: never. */
  readonly idleMs: number
  /** Whether values are asked for, so that one can fail to come. */
  readonly polls: boolean
  readonly framing: Readonly<DeframerCounters>
  readonly lines: Readonly<LineCounters>
  /** Topics below `serial/{name}/` that are for this device. */
  readonly filters: readonly string[]
  /** The port is open. */
  opened(): void
  /** Bytes came; the array is used again after the call. */
  push(bytes: Uint8Array): void
  idle(): void
  /** The port is lost: what has gathered is no frame, what was asked gets no answer. */
  lost(): void
  /** Ends timers; nothing is called afterwards. */
  stop(): void
  /**
   * Carries out a message to the device; `topic` is what follows `serial/{name}/`. Resolves when it is done as far as can be told.
   * @throws GatewayError whose message tells why it was not
   */
  command(topic: string, payload: Uint8Array): Promise<void>
}
