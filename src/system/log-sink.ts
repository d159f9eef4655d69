/** Where log lines go: a file descriptor that may block, fail or vanish without harm to the process. */
import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Clock, Timer } from '#base/clock.ts'
import { systemCode } from '#base/errors.ts'

/** Bytes of lines that wait for a reader; lines beyond are dropped and counted. */
const WAITING_BYTES_MAX = 256 * 1024
const RETRY_MS = 50
/** What the end of the process waits for a slow reader, in pauses of so much. */
const FINISH_MS = 250
const FINISH_PAUSE_MS = 5

/** Writes bytes like `fs.writeSync`: returns how many were taken, throws EAGAIN when none can be for now. */
export type WriteBytes = (bytes: Buffer) => number

/**
 * Lines leave at once, so that none is missing when the process ends. While the reader does not read they wait,
 * up to 256 KiB; what is lost beyond, or to a failing device, is told by a line of its own as soon as one gets through.
 */
export class LogSink {
  readonly #write: WriteBytes
  readonly #clock: Clock
  readonly #lossLine: (lines: number) => string
  #waiting = Buffer.alloc(0)
  #retry: Timer | undefined
  #lost = 0

  /** `lossLine` words the line that tells of lost ones. */
  constructor(write: WriteBytes, clock: Clock, lossLine: (lines: number) => string) {
    this.#write = write
    this.#clock = clock
    this.#lossLine = lossLine
  }

  /** Takes one line, without its end. */
  line(text: string): void {
    const bytes = Buffer.from(`${text}\n`)
    if (this.#waiting.length + bytes.length > WAITING_BYTES_MAX) {
      this.#lost++
      return
    }
    this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes])
    if (this.#retry === undefined) this.#flush()
  }

  /** For the end of the process, when timers fire no more: gives a slow reader a quarter of a second for what waits. */
  finish(pause: (ms: number) => void = sleep): void {
    this.#clock.clearTimer(this.#retry)
    for (let waitedMs = 0; this.#waiting.length > 0 && waitedMs < FINISH_MS; waitedMs += FINISH_PAUSE_MS) {
      if (waitedMs > 0) pause(FINISH_PAUSE_MS)
      this.#flush()
    }
  }

  #flush(): void {
    this.#clock.clearTimer(this.#retry)
    this.#retry = undefined
    try {
      while (this.#waiting.length > 0) {
        this.#waiting = this.#waiting.subarray(this.#write(this.#waiting))
        if (this.#waiting.length === 0 && this.#lost > 0) this.#tellLoss()
      }
    } catch (error) {
      if (systemCode(error) === 'EAGAIN') this.#retry = this.#clock.setTimer(RETRY_MS, () => this.#flush())
      else this.#dropWaiting()
    }
  }

  #tellLoss(): void {
    this.#waiting = Buffer.from(`${this.#lossLine(this.#lost)}\n`)
    this.#lost = 0
  }

  #dropWaiting(): void {
    for (const byte of this.#waiting) if (byte === 0x0a) this.#lost++
    this.#waiting = Buffer.alloc(0)
  }
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/**
 * Standard error, so that a write never waits for whoever reads it. A pipe or terminal is opened anew, because
 * "do not wait" set on the shared one would hold for its other users too; files never wait.
 */
export function standardError(): WriteBytes {
  const fd = unblockedStandardError()
  return bytes => writeSync(fd, bytes)
}

function unblockedStandardError(): number {
  try {
    const kind = fstatSync(2)
    if (kind.isFIFO() || kind.isCharacterDevice()) {
      return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    }
    // A socket (the journal's) cannot be opened anew; taking it over sets it to not waiting.
    if (kind.isSocket()) new Socket({ fd: 2, readable: false, writable: true }).on('error', () => {}).unref()
  } catch {
    // Closed, or not ours to open: then it is used as it is.
  }
  return 2
}
