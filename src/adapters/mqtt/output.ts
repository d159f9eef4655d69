/**
 * What goes to the sockets. Everything written to one connection during a turn of the event loop is gathered and
 * leaves in one write: a write of its own for every packet would cost more than all the rest.
 */
import type { Clock } from '#base/clock.ts'
import type { ByteConnection } from '#listeners/types.ts'

/** Bytes that wait for a device before it counts as congested; what comes then waits in its session's queue. */
export const CONGESTED_BYTES = 256 * 1024
/** A buffer that has grown beyond this is given up when it is empty. */
const KEPT_BYTES = 16 * 1024
/** After a pause of this length little is going on, and waiting for the end of the turn would gather nothing. */
const QUIET_MS = 0.05
/** Below this a loop copies faster than the call does. */
const LOOP_COPY_BYTES = 48

const EMPTY = Buffer.alloc(0)

/** Flushes all outputs that were written to: at the end of the turn when much is going on, else after the chunk that caused it. */
export class Flusher {
  readonly #clock: Clock
  #dirty: Output[] = []
  #scheduled = false
  #flushedAtMs = 0
  readonly #run = () => this.#flushAll()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(output: Output): void {
    this.#dirty.push(output)
    if (this.#scheduled) return
    this.#scheduled = true
    if (this.#clock.monotonic() - this.#flushedAtMs > QUIET_MS) queueMicrotask(this.#run)
    else this.#clock.defer(this.#run)
  }

  #flushAll(): void {
    this.#scheduled = false
    this.#flushedAtMs = this.#clock.monotonic()
    const dirty = this.#dirty
    this.#dirty = []
    for (let i = 0; i < dirty.length; i++) dirty[i].flush()
  }
}

/** The outgoing bytes of one connection. */
export class Output {
  readonly #connection: ByteConnection
  readonly #flusher: Flusher
  /** Write into it only at the offset that `reserve` gave, and at once. */
  buffer: Buffer = EMPTY
  #length = 0
  #dirty = false
  /** More is waiting than the device takes; see `Sink.congested`. */
  congested = false
  readonly #relieved: () => void

  /** `relieved` is called when `congested` has become false. */
  constructor(connection: ByteConnection, flusher: Flusher, relieved: () => void) {
    this.#connection = connection
    this.#flusher = flusher
    this.#relieved = relieved
  }

  /** Room for `count` bytes that the caller now writes to `buffer`, from the returned offset on. */
  reserve(count: number): number {
    if (!this.#dirty) {
      this.#dirty = true
      this.#flusher.add(this)
    }
    const offset = this.#length
    this.#length = offset + count
    if (this.#length > this.buffer.length) this.#grow(offset)
    return offset
  }

  /** Appends bytes [start, end) and returns where they begin in `buffer`. */
  put(bytes: Uint8Array, start: number, end: number): number {
    const count = end - start
    const offset = this.reserve(count)
    const { buffer } = this
    if (count < LOOP_COPY_BYTES) for (let i = 0; i < count; i++) buffer[offset + i] = bytes[start + i]
    else buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), offset)
    return offset
  }

  /** The four bytes of PUBACK, PUBREC, PUBREL or PUBCOMP without a reason. */
  putAcknowledgement(header: number, packetId: number): void {
    const at = this.reserve(4)
    const { buffer } = this
    buffer[at] = header
    buffer[at + 1] = 2
    buffer[at + 2] = packetId >>> 8
    buffer[at + 3] = packetId
  }

  /** Hands what has gathered to the socket. */
  flush(): void {
    if (!this.#dirty) return
    this.#dirty = false
    const count = this.#length
    this.#length = 0
    if (count === 0) return
    const { buffer } = this
    this.#connection.write(count === buffer.length ? buffer : buffer.subarray(0, count))
    const pending = this.#connection.pendingBytes
    // When the kernel has taken it all the buffer is ours again.
    if (pending > 0 || buffer.length > KEPT_BYTES) this.buffer = EMPTY
    this.#assess(pending)
  }

  /** Gives the buffer back; for a connection that has gone quiet or is closed. */
  release(): void {
    if (!this.#dirty) this.buffer = EMPTY
  }

  /** The device has taken what was waiting. */
  drained(): void {
    this.#assess(0)
  }

  #assess(pending: number): void {
    const was = this.congested
    this.congested = pending > CONGESTED_BYTES
    if (was && !this.congested) this.#relieved()
  }

  #grow(used: number): void {
    const size = Math.max(this.#length, this.buffer.length * 2, 256)
    const larger = Buffer.allocUnsafeSlow(size)
    this.buffer.copy(larger, 0, 0, used)
    this.buffer = larger
    if (size > CONGESTED_BYTES) this.congested = true
  }
}
