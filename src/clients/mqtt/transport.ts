import { readFileSync } from 'node:fs'
import { isIP, connect as netConnect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls'
import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError, systemCode } from '#base/errors.ts'
import { formatEndpoint } from './endpoint.ts'
import { connectionFault, timeoutFault } from './faults.ts'
import type { Stream, StreamEvents, Target, TlsFiles } from './stream.ts'

/** How long `end` waits for the peer to take what is pending. */
const LINGER_MS = 3000
const EMPTY = Buffer.alloc(0)
/** Names with several addresses are tried one after the other; Node's own 250 ms are too short for a radio link. */
const ATTEMPT_TIMEOUT_MS = 5000
/** The kernel asks a silent peer whether it is there, in case keep-alive is off. */
const TCP_KEEP_ALIVE_MS = 60_000

/**
 * Opens TCP for `mqtt://` and TLS for `mqtts://`. Files are read anew for each connection, so that a renewed
 * certificate is picked up by the next one.
 */
export function openStream(target: Target, events: StreamEvents, clock: Clock): Stream {
  return new SocketStream(target, events, clock)
}

class SocketStream implements Stream {
  readonly #target: Target
  readonly #events: StreamEvents
  readonly #clock: Clock
  #socket: Socket | undefined = undefined
  #timer: Timer | undefined = undefined
  #error: GatewayError | undefined = undefined
  #draining = false
  #ended = false
  #closed = false
  peer: string | undefined = undefined

  constructor(target: Target, events: StreamEvents, clock: Clock) {
    this.#target = target
    this.#events = events
    this.#clock = clock
    this.#timer = clock.setTimer(target.openTimeoutMs, () => {
      const stage = this.#target.endpoint.scheme === 'mqtts' ? 'complete the connection and TLS handshake' : 'accept the connection'
      this.#fail(timeoutFault(target.endpoint, stage, target.openTimeoutMs))
    })
    try {
      this.#watch(connectSocket(target))
    } catch (cause) {
      const error = cause instanceof GatewayError ? cause : connectionFault(target.endpoint, cause)
      clock.defer(() => this.#fail(error))
    }
  }

  get pendingBytes(): number {
    return this.#socket === undefined || this.#socket.destroyed ? 0 : this.#socket.writableLength
  }

  write(bytes: Uint8Array): void {
    const socket = this.#socket
    if (socket === undefined || this.#ended || !socket.writable || bytes.length === 0) return
    socket.write(bytes)
    if (socket.writableLength > 0 && !this.#draining) this.#awaitDrain(socket)
  }

  end(): void {
    if (this.#ended || this.#closed) return
    this.#ended = true
    if (this.#socket === undefined || this.#socket.connecting) return this.#finish()
    this.#clock.clearTimer(this.#timer)
    this.#timer = this.#clock.setTimer(LINGER_MS, () => this.#socket?.destroy())
    this.#socket.end()
    this.#socket.resume()
  }

  destroy(): void {
    this.#ended = true
    this.#socket?.destroy()
    if (this.#socket === undefined) this.#finish()
  }

  #watch(socket: Socket): void {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.once(this.#target.endpoint.scheme === 'mqtts' ? 'secureConnect' : 'connect', () => this.#opened(socket))
    socket.on('data', chunk => {
      if (!this.#ended) this.#events.data(chunk)
    })
    socket.on('error', error => {
      this.#error ??= connectionFault(this.#target.endpoint, error, this.peer !== undefined)
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => this.#finish())
  }

  #opened(socket: Socket): void {
    this.#clock.clearTimer(this.#timer)
    if (this.#ended) return
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS)
    const { remoteAddress, remotePort } = socket
    if (remoteAddress !== undefined && remotePort !== undefined) {
      this.peer = formatEndpoint({ ...this.#target.endpoint, host: remoteAddress, port: remotePort })
    }
    this.#events.opened()
  }

  /** An empty write behind the pending bytes tells when they are gone, whatever their amount. */
  #awaitDrain(socket: Socket): void {
    this.#draining = true
    socket.write(EMPTY, error => {
      this.#draining = false
      if (error || socket.destroyed || this.#ended) return
      if (socket.writableLength === 0) this.#events.drained()
      else this.#awaitDrain(socket)
    })
  }

  #fail(error: GatewayError): void {
    this.#error ??= error
    if (this.#socket === undefined) this.#finish()
    else this.#socket.destroy()
  }

  #finish(): void {
    if (this.#closed) return
    this.#closed = true
    this.#ended = true
    this.#clock.clearTimer(this.#timer)
    // A deferred call keeps the promise that `closed` never comes from within a call of the owner's.
    this.#clock.defer(() => this.#events.closed(this.#error))
  }
}

function connectSocket(target: Target): Socket {
  const { endpoint, tls = {}, alpn } = target
  const { host, port } = endpoint
  const address = { host, port, autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS }
  if (endpoint.scheme === 'mqtt') return netConnect(address)
  const options: ConnectionOptions = { ...address, rejectUnauthorized: tls.insecure !== true, ...readPems(tls) }
  const servername = tls.servername ?? host
  // [RFC 6066 §3] SNI is for names; an address is checked against the certificate all the same.
  if (isIP(servername) === 0) options.servername = servername
  if (alpn !== undefined && alpn.length > 0) options.ALPNProtocols = [...alpn]
  return tlsConnect(options)
}

function readPems(tls: TlsFiles): ConnectionOptions {
  const options: ConnectionOptions = {}
  if (tls.ca !== undefined) options.ca = readPem('tls.ca', tls.ca)
  if (tls.cert !== undefined) options.cert = readPem('tls.cert', tls.cert)
  if (tls.key !== undefined) options.key = readPem('tls.key', tls.key)
  return options
}

function readPem(key: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const why = systemCode(cause) === 'ENOENT' ? 'does not exist' : systemCode(cause) === 'EACCES' ? 'may not be read' : 'cannot be read'
    throw new GatewayError('config-unreadable', `${key}: the file ${file} ${why}`, { cause, hint: 'look at its path, owner and mode' })
  }
}
