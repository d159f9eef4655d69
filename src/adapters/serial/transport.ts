import { constants, readSync, writeSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { describeError, GatewayError, systemCode } from '#base/errors.ts'
import { systemClock } from '#base/system-clock.ts'
import { HalfDuplexPort } from './half-duplex.ts'
import type { LineSettings, Port, PortEvents, PortOpener } from './port.ts'

/** Bytes that wait to be sent at most, beyond what the system has taken. When full, writes are refused. */
export const WRITE_BACKLOG_BYTES_MAX = 64 * 1024

const READ_BYTES = 16 * 1024
/** Reads in one turn of the event loop; what is left makes the port readable again at once. */
const READS_PER_TURN = 4

/** libuv's poll events, as the binding passes them through. */
const READABLE = 1
const WRITABLE = 2
const DISCONNECT = 4

/** What is used of the binding's port. */
export interface BoundPort {
  readonly fd: number | null
  readonly poller: BoundPoller
  close(): Promise<void>
  flush(): Promise<void>
  /** Sets the wires of the modem control lines. */
  set(options: { rts?: boolean }): Promise<void>
  /** Resolves once all is on the line. */
  drain(): Promise<void>
}

interface BoundPoller {
  on(event: 'readable' | 'writable' | 'disconnect', listener: (error: Error | null) => void): unknown
  removeAllListeners(): unknown
  poll(events: number): void
}

/**
 * Serial ports of this machine by the `serialport` package, which is loaded with the first port that is opened.
 * Of the package only the binding is used (it sets the line and tells when there is something to do): its stream
 * reads again without end once a port has hung up, since a read of 0 bytes means the end to it only afterwards.
 */
export const serialPorts: PortOpener = {
  async open(settings: LineSettings, events: PortEvents): Promise<Port> {
    await assertUsable(settings.path)
    const { SerialPort } = await import('serialport')
    let bound: unknown
    try {
      bound = await SerialPort.binding.open({
        path: settings.path,
        baudRate: settings.baud,
        dataBits: settings.dataBits,
        parity: settings.parity,
        stopBits: settings.stopBits,
        rtscts: settings.rtsCts,
        lock: true,
      })
    } catch (cause) {
      throw openFault(settings.path, cause)
    }
    if (!isBoundPort(bound)) throw new GatewayError('runtime-unfit', 'serial ports are supported on Linux and macOS only')
    const port = new BindingPort(bound, events)
    return settings.rts === undefined ? port : new HalfDuplexPort(port, bound, settings.rts, systemClock())
  },
}

function isBoundPort(bound: unknown): bound is BoundPort {
  return typeof bound === 'object' && bound !== null && 'poller' in bound && 'fd' in bound && typeof bound.fd === 'number'
}

/** Says what the binding has no code for: whether the port is there, is a port, and may be used. */
async function assertUsable(path: string): Promise<void> {
  try {
    if (!(await stat(path)).isCharacterDevice()) {
      throw new GatewayError('port-unavailable', `${path} is not a serial port`, { retryable: true, hint: 'name a device below /dev' })
    }
    await access(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    if (error instanceof GatewayError) throw error
    throw openFault(path, error)
  }
}

function openFault(path: string, cause: unknown): GatewayError {
  const text = describeError(cause)
  const code = systemCode(cause)
  const fault = (message: string, hint: string) => new GatewayError('port-unavailable', message, { cause, hint, retryable: true })
  // The binding reports the system's errors by text alone.
  if (code === 'ENOENT' || code === 'ENXIO' || code === 'ENODEV' || /No such (file|device)/.test(text)) {
    return fault(`${path} is not there`, 'plug the adapter in; it is looked for again and again')
  }
  if (code === 'EACCES' || code === 'EPERM' || /Permission denied/.test(text)) {
    return fault(`no permission to use ${path}`, 'put the user of the gateway into the group of the device file, usually dialout')
  }
  if (/Cannot lock port/.test(text))
    return fault(`${path} is in use by another program`, 'stop that program; only one can read a serial line')
  if (/Inappropriate ioctl/.test(text)) return fault(`${path} is not a serial port`, 'name a serial device')
  return fault(
    `${path} cannot be opened: ${text.replace(/^Error:? /, '')}`,
    'check baud, data_bits, parity and stop_bits against what the adapter can do',
  )
}

interface Waiting {
  bytes: Uint8Array
  sent: number
  resolve(): void
  reject(error: GatewayError): void
}

/** An open port over the binding's descriptor, which does not block: reads and writes are done when it is ready for them. */
export class BindingPort implements Port {
  readonly #bound: BoundPort
  readonly #fd: number
  readonly #events: PortEvents
  readonly #buffer = new Uint8Array(READ_BYTES)
  #writes: Waiting[] = []
  #waitingBytes = 0
  #paused = false
  #closing: Promise<void> | undefined

  constructor(bound: BoundPort, events: PortEvents) {
    this.#bound = bound
    this.#fd = bound.fd!
    this.#events = events
    bound.poller.on('readable', error => this.#readable(error))
    bound.poller.on('writable', error => this.#writable(error))
    bound.poller.on('disconnect', error => this.#lost(error === null ? 'the far end hung up' : describeError(error)))
    this.#watch()
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closing) return Promise.reject(new GatewayError('connection-lost', 'the port is closed'))
    if (this.#waitingBytes + bytes.length > WRITE_BACKLOG_BYTES_MAX) {
      return Promise.reject(new GatewayError('quota-exceeded', 'the device does not take what is sent to it', { retryable: true }))
    }
    return new Promise((resolve, reject) => {
      this.#writes.push({ bytes: bytes.slice(), sent: 0, resolve, reject })
      this.#waitingBytes += bytes.length
      if (this.#writes.length === 1) this.#send()
    })
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#watch()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close('the port was closed')
    return this.#closing
  }

  async #close(reason: string): Promise<void> {
    const { poller } = this.#bound
    poller.removeAllListeners()
    const stuck = this.#writes.length > 0
    for (const waiting of this.#writes.splice(0)) waiting.reject(new GatewayError('connection-lost', reason))
    this.#waitingBytes = 0
    // Closing waits for the device to take what the system still holds, for half a minute if flow control is stuck.
    if (stuck) await this.#bound.flush().catch(() => {})
    await this.#bound.close().catch(() => {})
  }

  #lost(reason: string): void {
    if (this.#closing) return
    this.#closing = this.#close(reason)
    this.#events.lost(reason)
  }

  /** Asks for the next events. One call replaces what was asked before, so all that is wanted is named. */
  #watch(): void {
    if (this.#closing) return
    this.#bound.poller.poll(DISCONNECT | (this.#paused ? 0 : READABLE) | (this.#writes.length > 0 ? WRITABLE : 0))
  }

  #readable(error: Error | null): void {
    if (this.#closing) return
    if (error !== null) return this.#lost(describeError(error))
    for (let turn = 0; turn < READS_PER_TURN && !this.#paused; turn++) {
      let count: number
      try {
        count = readSync(this.#fd, this.#buffer, 0, READ_BYTES, null)
      } catch (failure) {
        if (isTransient(failure)) break
        return this.#lost(describeError(failure))
      }
      // A terminal that has hung up reads as ended.
      if (count === 0) return this.#lost('the port hung up')
      this.#events.data(this.#buffer.subarray(0, count))
      if (this.#closing) return
    }
    this.#watch()
  }

  #writable(error: Error | null): void {
    if (this.#closing) return
    if (error !== null) return this.#lost(describeError(error))
    this.#send()
    this.#watch()
  }

  #send(): void {
    for (let waiting = this.#writes[0]; waiting !== undefined; waiting = this.#writes[0]) {
      try {
        const count = writeSync(this.#fd, waiting.bytes, waiting.sent, waiting.bytes.length - waiting.sent)
        waiting.sent += count
        this.#waitingBytes -= count
      } catch (failure) {
        if (isTransient(failure)) return this.#watch()
        return this.#lost(describeError(failure))
      }
      if (waiting.sent < waiting.bytes.length) return this.#watch()
      this.#writes.shift()
      waiting.resolve()
    }
  }
}

function isTransient(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'EAGAIN' || code === 'EWOULDBLOCK' || code === 'EINTR'
}
