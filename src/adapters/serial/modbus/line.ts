import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import {
  BROADCAST,
  decodeAscii,
  decodeResponse,
  encodeAscii,
  encodeRequest,
  encodeRtu,
  type ModbusRequest,
  scanRtu,
} from '#codecs/modbus/index.ts'

/** Bytes that are kept while an answer is looked for among them. */
const GATHERED_MAX = 1024
/** An answer that has begun and stops for this long is broken: adapters on USB deliver in pieces, 16 ms apart and more. */
const PIECE_GAP_MS = 60
/** MODBUS over Serial Line §2.5.1.1: above 19200 baud the silence between frames is 1.75 ms. */
const FAST_SILENCE_MS = 1.75
/** A broadcast is not answered; the units need time to carry it out. */
const BROADCAST_MS = 100
/** No unit, and a request of nobody: any whole frame is a stray then. */
const NOBODY = -1
const NOTHING: ModbusRequest = { kind: 'read-registers', table: 'holding', address: 0, count: 1 }

export interface ModbusLineOptions {
  mode: 'rtu' | 'ascii'
  clock: Clock
  /** Time of one character on the line, ms. */
  characterMs: number
  /** Silence before a request beyond the 3.5 characters, ms. */
  turnaroundMs: number
  /** The adapter hears what it sends. */
  echo: boolean
  write(bytes: Uint8Array): Promise<void>
  /** A whole frame came that answers nothing that is asked now. */
  stray(unit: number, code: number, length: number): void
}

interface Pending {
  unit: number
  request: ModbusRequest
  resolve(bytes: Uint8Array): void
  reject(error: GatewayError): void
  timer: Timer | undefined
}

export interface ModbusLineCounters {
  requests: number
  answers: number
  timeouts: number
  /** Answers that are broken: CRC, LRC, length. */
  malformed: number
  exceptions: number
  /** Whole frames that answered nothing: late answers. */
  strays: number
}

/** One exchange at a time on a Modbus line: a request, and the answer of the unit asked, or the reason why there is none. */
export class ModbusLine {
  readonly counters: ModbusLineCounters = { requests: 0, answers: 0, timeouts: 0, malformed: 0, exceptions: 0, strays: 0 }
  readonly #options: ModbusLineOptions
  readonly #silenceMs: number
  readonly #gapMs: number
  readonly #bytes = new Uint8Array(GATHERED_MAX)
  #length = 0
  #pending: Pending | undefined
  #gapTimer: Timer | undefined
  #lastByteAt = 0
  #echoLeft: Uint8Array = new Uint8Array(0)

  constructor(options: ModbusLineOptions) {
    this.#options = options
    const { characterMs } = options
    const silence = characterMs < 11 / 19.2 ? FAST_SILENCE_MS : 3.5 * characterMs
    this.#silenceMs = Math.max(silence, options.turnaroundMs)
    this.#gapMs = Math.max(PIECE_GAP_MS, 10 * characterMs)
    this.#lastByteAt = options.clock.monotonic() - this.#silenceMs
  }

  /**
   * Asks a unit. Resolves with the bytes of a read, empty for a write.
   * @throws GatewayError `timeout`, `decode-malformed`, `refused` with the exception's code, `encode-range`, or what the port says
   */
  async ask(unit: number, request: ModbusRequest, timeoutMs: number): Promise<Uint8Array> {
    const { mode, clock, write, echo } = this.#options
    const adu = { unit, pdu: encodeRequest(request) }
    const frame = mode === 'rtu' ? encodeRtu(adu) : encodeAscii(adu)
    await this.#silence()
    this.#length = 0
    this.#echoLeft = echo ? frame : new Uint8Array(0)
    this.counters.requests++
    const answer = unit === BROADCAST ? undefined : this.#expect(unit, request)
    answer?.catch(() => {})
    try {
      await write(frame)
    } catch (error) {
      this.#settle(error as GatewayError)
      throw error
    }
    this.#lastByteAt = clock.monotonic()
    if (answer === undefined) {
      await this.#wait(BROADCAST_MS)
      return new Uint8Array(0)
    }
    // The system takes the request at once; it is on the line for as long as its characters take.
    const pending = this.#pending
    if (pending !== undefined) {
      const limit = timeoutMs + frame.length * this.#options.characterMs
      pending.timer = clock.setTimer(limit, () => clock.defer(() => this.#timeout(pending)))
    }
    return answer
  }

  push(bytes: Uint8Array): void {
    const { clock } = this.#options
    this.#lastByteAt = clock.monotonic()
    const rest = this.#withoutEcho(bytes)
    if (rest.length === 0) return
    const kept = Math.min(rest.length, GATHERED_MAX)
    if (this.#length + kept > GATHERED_MAX) {
      const drop = this.#length + kept - GATHERED_MAX
      this.#bytes.copyWithin(0, drop, this.#length)
      this.#length -= drop
    }
    this.#bytes.set(rest.subarray(rest.length - kept), this.#length)
    this.#length += kept
    this.#scan(false)
    if (this.#pending !== undefined) this.#gapTimer ??= clock.setTimer(this.#gapMs, () => clock.defer(() => this.#gap()))
  }

  /** The port is gone. */
  lost(): void {
    this.#length = 0
    this.#settle(new GatewayError('connection-lost', 'the port is not open', { retryable: true }))
  }

  #expect(unit: number, request: ModbusRequest): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#pending = { unit, request, resolve, reject, timer: undefined }
    })
  }

  #withoutEcho(bytes: Uint8Array): Uint8Array {
    let at = 0
    while (at < bytes.length && at < this.#echoLeft.length && bytes[at] === this.#echoLeft[at]) at++
    // Other bytes than those sent: the adapter does not echo after all, or somebody spoke at the same time.
    this.#echoLeft = at > 0 && at === bytes.length ? this.#echoLeft.subarray(at) : new Uint8Array(0)
    return bytes.subarray(at)
  }

  #scan(final: boolean): void {
    if (this.#options.mode === 'rtu') this.#scanRtu(final)
    else this.#scanAscii()
  }

  #scanRtu(final: boolean): void {
    for (let pending = this.#pending; pending !== undefined; pending = this.#pending) {
      const scan = scanRtu(pending.unit, pending.request, this.#bytes, this.#length, final)
      if (scan.found === 'nothing') return
      const frame = this.#bytes.slice(scan.start, scan.end)
      this.#shift(scan.end)
      if (scan.found === 'answer') return this.#answer(pending, frame.subarray(1, -2))
      this.#stray(frame[0]!, frame.subarray(1, -2))
    }
    this.#scanUnasked()
  }

  /** Nothing is asked: what comes is late, and only whose it is matters. */
  #scanUnasked(): void {
    for (let scan = scanRtu(NOBODY, NOTHING, this.#bytes, this.#length); scan.found === 'stray'; ) {
      const frame = this.#bytes.slice(scan.start, scan.end)
      this.#shift(scan.end)
      this.#stray(frame[0]!, frame.subarray(1, -2))
      scan = scanRtu(NOBODY, NOTHING, this.#bytes, this.#length)
    }
  }

  #scanAscii(): void {
    for (let end = this.#bytes.indexOf(0x0a); end >= 0 && end < this.#length; end = this.#bytes.indexOf(0x0a)) {
      const start = this.#bytes.lastIndexOf(0x3a, end)
      const line = this.#bytes.slice(Math.max(start, 0), end + 1)
      this.#shift(end + 1)
      const pending = this.#pending
      try {
        const { unit, pdu } = decodeAscii(line)
        if (pending !== undefined && unit === pending.unit) return this.#answer(pending, pdu)
        this.#stray(unit, pdu)
      } catch {
        this.counters.malformed++
        if (pending !== undefined) return this.#settle(new GatewayError('decode-malformed', 'the answer is broken', { retryable: true }))
      }
    }
    this.#bytes.fill(0, this.#length)
  }

  #answer(pending: Pending, pdu: Uint8Array): void {
    let bytes: Uint8Array
    try {
      bytes = decodeResponse(pending.request, pdu)
    } catch (error) {
      const fault = error as GatewayError
      if (fault.code === 'refused') {
        this.counters.exceptions++
        return this.#settle(fault)
      }
      // Another write's confirmation, or a length that was not asked for.
      return this.#stray(pending.unit, pdu)
    }
    this.counters.answers++
    this.#finish()
    pending.resolve(bytes)
  }

  #stray(unit: number, pdu: Uint8Array): void {
    this.counters.strays++
    this.#options.stray(unit, pdu[0] ?? 0, pdu.length)
  }

  /** An answer has begun and goes on no more. */
  #gap(): void {
    this.#gapTimer = undefined
    if (this.#pending === undefined || this.#length === 0) return
    const { clock } = this.#options
    const left = this.#lastByteAt + this.#gapMs - clock.monotonic()
    if (left > 0) {
      this.#gapTimer = clock.setTimer(left, () => clock.defer(() => this.#gap()))
      return
    }
    this.#scan(true)
    if (this.#pending === undefined) return
    // A lone byte or two are noise of the line's turning; the answer may still come.
    if (this.#length < 3) {
      this.#length = 0
      return
    }
    this.#length = 0
    this.counters.malformed++
    this.#settle(new GatewayError('decode-malformed', 'the answer is broken', { retryable: true }))
  }

  #timeout(pending: Pending): void {
    if (this.#pending !== pending) return
    // Bytes are coming: their end decides.
    if (this.#length > 0 && this.#gapTimer !== undefined) {
      const { clock } = this.#options
      pending.timer = clock.setTimer(this.#gapMs, () => clock.defer(() => this.#timeout(pending)))
      return
    }
    this.counters.timeouts++
    this.#settle(new GatewayError('timeout', 'no answer', { retryable: true }))
  }

  #settle(error: GatewayError): void {
    const pending = this.#pending
    this.#finish()
    pending?.reject(error)
  }

  #finish(): void {
    const { clock } = this.#options
    clock.clearTimer(this.#pending?.timer)
    clock.clearTimer(this.#gapTimer)
    this.#gapTimer = undefined
    this.#pending = undefined
    this.#length = 0
  }

  #shift(count: number): void {
    this.#bytes.copyWithin(0, count, this.#length)
    this.#length -= count
    this.#bytes.fill(0, this.#length, this.#length + count)
  }

  /** Waits until the line has been silent for long enough. */
  async #silence(): Promise<void> {
    for (;;) {
      const left = this.#lastByteAt + this.#silenceMs - this.#options.clock.monotonic()
      if (left <= 0) return
      await this.#wait(left)
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise(resolve => void this.#options.clock.setTimer(delayMs, resolve))
  }
}
