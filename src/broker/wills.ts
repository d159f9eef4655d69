/**
 * Wills: stored when their client connects, published when it is lost, after the will's delay (`MQTT 5 §3.1.3.2.2`).
 * After a crash or stop they wait at least a grace period for the client to come back.
 */
import { type Clock, TIMER_MAX_MS, type Timer } from '#base/clock.ts'
import { WILL_GRACE_MS } from '#base/limits.ts'
import type { Identity } from './access-port.ts'
import { type MessageRecord, messageOf, messageRecord } from './message-record.ts'
import type { Will } from './ports.ts'
import type { Store } from './store-port.ts'

const OWNER = 'will'

interface WillRecord extends MessageRecord {
  delayMs: number
  expiryMs?: number
  identity?: Identity
}

export class Wills {
  readonly #clock: Clock
  readonly #store: Store
  readonly #publish: (clientId: string, will: Will) => void
  #timers = new Map<string, Timer>()
  #waiting = new Map<string, Will>()

  constructor(clock: Clock, store: Store, publish: (clientId: string, will: Will) => void) {
    this.#clock = clock
    this.#store = store
    this.#publish = publish
  }

  restore(records: Map<string, Uint8Array> | undefined): void {
    for (const [clientId, bytes] of records ?? []) {
      const will = decodeWill(bytes)
      if (will === undefined) this.#store.deleteRecord(OWNER, clientId)
      else this.#schedule(clientId, will, Math.max(will.delayMs, WILL_GRACE_MS))
    }
  }

  /** A client has come with this will, or without: what waited for it goes no longer out. */
  connected(clientId: string, will: Will | undefined): void {
    const waited = this.#cancel(clientId)
    if (will !== undefined) this.#store.putRecord(OWNER, clientId, encodeWill(will))
    else if (waited) this.#store.deleteRecord(OWNER, clientId)
  }

  /** `sessionGone`: the session ended with the connection, so the delay does not count. */
  #lost(clientId: string, will: Will, sessionGone: boolean): void {
    if (will.delayMs === 0 || sessionGone) this.#send(clientId, will)
    else this.#schedule(clientId, will, will.delayMs)
  }

  /** A client with this will has gone: `normal` if it said good-bye. */
  discharge(clientId: string, will: Will, normal: boolean, sessionGone: boolean): void {
    if (normal) this.revoke(clientId)
    else this.#lost(clientId, will, sessionGone)
  }

  /** A client has said good-bye: its will is void. */
  revoke(clientId: string): void {
    this.#cancel(clientId)
    this.#store.deleteRecord(OWNER, clientId)
  }

  /** A session has ended: a will that waits for its delay goes out now [MQTT-3.1.2-8]. */
  sessionEnded(clientId: string): void {
    const will = this.#waiting.get(clientId)
    if (will === undefined) return
    this.#cancel(clientId)
    this.#send(clientId, will)
  }

  stop(): void {
    for (const timer of this.#timers.values()) this.#clock.clearTimer(timer)
    this.#timers.clear()
  }

  #schedule(clientId: string, will: Will, delayMs: number): void {
    this.#cancel(clientId)
    this.#waiting.set(clientId, will)
    this.#wait(clientId, will, delayMs)
  }

  #wait(clientId: string, will: Will, delayMs: number): void {
    const step = Math.min(delayMs, TIMER_MAX_MS)
    const timer = this.#clock.setTimer(step, () => {
      if (delayMs > step) return this.#wait(clientId, will, delayMs - step)
      this.#cancel(clientId)
      this.#send(clientId, will)
    })
    this.#timers.set(clientId, timer)
  }

  #cancel(clientId: string): boolean {
    this.#clock.clearTimer(this.#timers.get(clientId))
    this.#timers.delete(clientId)
    return this.#waiting.delete(clientId)
  }

  /** The record goes in the same transaction as the message comes. */
  #send(clientId: string, will: Will): void {
    this.#publish(clientId, will)
    this.#store.deleteRecord(OWNER, clientId)
  }
}

function encodeWill(will: Will): Uint8Array {
  const { message, delayMs, expiryMs, identity } = will
  const record: WillRecord = { ...messageRecord(message), delayMs }
  if (expiryMs !== undefined) record.expiryMs = expiryMs
  if (identity !== undefined) record.identity = identity
  return Buffer.from(JSON.stringify(record))
}

function decodeWill(bytes: Uint8Array): Will | undefined {
  try {
    const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as WillRecord
    const { delayMs, expiryMs, identity } = record
    const message = messageOf(record)
    return { message, delayMs, ...(expiryMs !== undefined && { expiryMs }), ...(identity !== undefined && { identity }) }
  } catch {
    return undefined
  }
}
