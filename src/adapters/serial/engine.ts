import type { Clock, Timer } from '#base/clock.ts'
import { describeError, GatewayError } from '#base/errors.ts'
import type { LineSettings, Port, PortOpener } from './port.ts'

/** Wait before a port that is gone is tried again: doubled from the first to the last. */
export const REOPEN_MIN_MS = 100
export const REOPEN_MAX_MS = 1000

/** A time in which nothing was read, ms since 1970. */
export interface Gap {
  readonly from: number
  readonly to: number
}

export interface EngineEvents {
  /** Bytes came; the array is used again after the call. */
  data(bytes: Uint8Array): void
  /** Nothing came for `idleMs` after the last bytes. */
  idle(): void
  /** The port is open. `gap` tells since when it was not, unless it opened at the first attempt after the start. */
  online(gap: Gap | undefined): void
  /** The port is not open, or still not open for another reason than before. */
  offline(reason: GatewayError): void
}

export interface EngineOptions {
  settings: LineSettings
  opener: PortOpener
  clock: Clock
  events: EngineEvents
  /** Silence after which `idle` is called, once after each run of bytes; 0: never. */
  idleMs: number
}

type State = 'stopped' | 'opening' | 'online' | 'waiting'

/**
 * Keeps one port open. stopped → opening → online; when it cannot be opened or is lost, waiting → opening, until
 * `stop`. Gaps are measured in running time, so that a wrong clock neither hides nor invents one.
 */
export class SerialEngine {
  readonly #options: EngineOptions
  #state: State = 'stopped'
  #port: Port | undefined
  #timer: Timer | undefined
  #idleTimer: Timer | undefined
  #retryMs = REOPEN_MIN_MS
  /** Running time since when nothing is read, and whether an attempt has failed since. */
  #awaySince = 0
  #failed = false
  #onlineSince = 0
  #lastDataAt = 0
  #reason = ''
  #paused = false
  /** The run of `start` that a pending open belongs to. */
  #run = 0

  constructor(options: EngineOptions) {
    this.#options = options
  }

  get online(): boolean {
    return this.#state === 'online'
  }

  start(): void {
    if (this.#state !== 'stopped') return
    this.#run++
    this.#awaySince = this.#options.clock.monotonic()
    this.#failed = false
    this.#reason = ''
    this.#retryMs = REOPEN_MIN_MS
    void this.#open()
  }

  /** Closes the port. Nothing is called afterwards; `start` begins anew. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#run++
    this.#clearTimers()
    const port = this.#port
    this.#port = undefined
    await port?.close()
  }

  /**
   * Sends bytes; resolves once the system has them.
   * @throws GatewayError `port-unavailable` while the port is not open, `connection-lost`, `quota-exceeded`
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#port === undefined) throw new GatewayError('port-unavailable', 'the port is not open', { retryable: true })
    await this.#port.write(bytes)
  }

  /** Holds the device by flow control; stays in force over a reopening. */
  pause(): void {
    this.#paused = true
    this.#port?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#port?.resume()
  }

  async #open(): Promise<void> {
    const { opener, settings } = this.#options
    const run = this.#run
    this.#state = 'opening'
    // A port may be lost before `open` has handed it over.
    let lostEarly: string | undefined
    let opened: Port | undefined
    try {
      opened = await opener.open(settings, {
        data: bytes => {
          if (run === this.#run) this.#data(bytes)
        },
        lost: reason => {
          if (opened === undefined) lostEarly = reason
          else if (opened === this.#port) this.#lost(reason)
        },
      })
    } catch (error) {
      if (run === this.#run) this.#wait(asGatewayError(error))
      return
    }
    if (run !== this.#run) await opened.close()
    else if (lostEarly !== undefined) this.#wait(lostFault(lostEarly))
    else this.#opened(opened)
  }

  #opened(port: Port): void {
    const { clock, events } = this.#options
    this.#port = port
    this.#state = 'online'
    this.#reason = ''
    this.#onlineSince = clock.monotonic()
    if (this.#paused) port.pause()
    const to = clock.now()
    const gap = this.#failed ? { from: Math.round(to - (this.#onlineSince - this.#awaySince)), to } : undefined
    this.#failed = false
    events.online(gap)
  }

  #data(bytes: Uint8Array): void {
    const { clock, events, idleMs } = this.#options
    events.data(bytes)
    if (idleMs === 0) return
    this.#lastDataAt = clock.monotonic()
    this.#idleTimer ??= clock.setTimer(idleMs, () => this.#checkIdle())
  }

  /** One timer serves a run of bytes, however many come: it is set again for what is left. */
  #checkIdle(): void {
    const { clock, events, idleMs } = this.#options
    this.#idleTimer = undefined
    const left = this.#lastDataAt + idleMs - clock.monotonic()
    if (left > 0) this.#idleTimer = clock.setTimer(left, () => this.#checkIdle())
    else events.idle()
  }

  #lost(reason: string): void {
    const { clock } = this.#options
    this.#port = undefined
    this.#awaySince = clock.monotonic()
    // One that comes and goes at once is not tried ever faster.
    if (this.#awaySince - this.#onlineSince >= REOPEN_MAX_MS) this.#retryMs = REOPEN_MIN_MS
    this.#wait(lostFault(reason))
  }

  #wait(reason: GatewayError): void {
    const { clock, events } = this.#options
    this.#state = 'waiting'
    this.#failed = true
    this.#clearTimers()
    this.#timer = clock.setTimer(this.#retryMs, () => void this.#open())
    this.#retryMs = Math.min(this.#retryMs * 2, REOPEN_MAX_MS)
    if (reason.message === this.#reason) return
    this.#reason = reason.message
    events.offline(reason)
  }

  #clearTimers(): void {
    const { clock } = this.#options
    clock.clearTimer(this.#timer)
    clock.clearTimer(this.#idleTimer)
    this.#timer = undefined
    this.#idleTimer = undefined
  }
}

function lostFault(reason: string): GatewayError {
  return new GatewayError('connection-lost', `the port was lost: ${reason}`, { retryable: true })
}

function asGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError
    ? error
    : new GatewayError('port-unavailable', describeError(error), { cause: error, retryable: true })
}
