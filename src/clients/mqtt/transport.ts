import { connect, type Socket } from 'node:net'
import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import { formatEndpoint, type HttpProxy, isSecure, isWebSocket } from './endpoint.ts'
import { connectionFault, pskFault, timeoutFault } from './faults.ts'
import type { Stream, StreamEvents, Target } from './stream.ts'
import { connectTls } from './tls/transport.ts'
import { askForTunnel } from './tunnel/transport.ts'
import { WebSocketStream } from './websocket.ts'

/** How long `end` waits for the peer to take what is pending. */
const LINGER_MS = 3000
const EMPTY = Buffer.alloc(0)
/** Names with several addresses are tried one after the other; Node's own 250 ms are too short for a radio link. */
const ATTEMPT_TIMEOUT_MS = 5000
/** The kernel asks a silent peer whether it is there, in case keep-alive is off. */
const TCP_KEEP_ALIVE_MS = 60_000

/**
 * Opens TCP for `mqtt://`, TLS for `mqtts://`, and WebSocket on either for `ws://` and `wss://`. Files are read anew for each
 * connection, so that a renewed certificate is picked up by the next one.
 */
export function openStream(target: Target, events: StreamEvents, clock: Clock): Stream {
  return isWebSocket(target.endpoint) ? new WebSocketStream(target, events, clock, openSocket) : openSocket(target, events, clock)
}

function openSocket(target: Target, events: StreamEvents, clock: Clock): Stream {
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
      const stage = isSecure(this.#target.endpoint) ? 'complete the connection and TLS handshake' : 'accept the connection'
      this.#fail(timeoutFault(target.endpoint, stage, target.openTimeoutMs))
    })
    try {
      this.#connect()
    } catch (cause) {
      const error = this.#faultOf(cause)
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

  #connect(): void {
    const { endpoint, proxy } = this.#target
    const to = addressOf(proxy ?? endpoint)
    if (proxy !== undefined) return this.#tunnel(connect(to), proxy)
    if (isSecure(endpoint)) return this.#watch(connectTls(this.#target, to), 'secureConnect')
    this.#watch(connect(to), 'connect')
  }

  /** What goes wrong until the proxy has made the way is the proxy's fault, or on the way to it. */
  #tunnel(socket: Socket, proxy: HttpProxy): void {
    this.#socket = socket
    const { endpoint } = this.#target
    const finish = () => this.#finish()
    const fail = (cause: unknown) => {
      this.#error ??= cause instanceof GatewayError ? cause : connectionFault(proxy, cause)
      socket.destroy()
    }
    socket.on('error', fail)
    socket.on('close', finish)
    const through = () => {
      if (this.#ended) return
      socket.off('error', fail)
      socket.off('close', finish)
      if (!isSecure(endpoint)) {
        this.#watch(socket)
        return this.#opened(socket)
      }
      try {
        socket.on('error', () => {})
        this.#watch(connectTls(this.#target, { socket }), 'secureConnect')
      } catch (cause) {
        this.#fail(this.#faultOf(cause))
        finish()
      }
    }
    socket.once('connect', () => askForTunnel(socket, proxy, endpoint, through, fail))
  }

  #watch(socket: Socket, opens?: 'connect' | 'secureConnect'): void {
    this.#socket = socket
    socket.setNoDelay(true)
    if (opens !== undefined) socket.once(opens, () => this.#opened(socket))
    socket.on('data', chunk => {
      if (!this.#ended) this.#events.data(chunk)
    })
    socket.on('error', error => {
      const { endpoint, tls } = this.#target
      this.#error ??= (tls?.psk === undefined ? connectionFault : pskFault)(endpoint, error, this.peer !== undefined)
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

  #faultOf(cause: unknown): GatewayError {
    return cause instanceof GatewayError ? cause : connectionFault(this.#target.endpoint, cause)
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

function addressOf({ host, port }: { host: string; port: number }) {
  return { host, port, autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS }
}
