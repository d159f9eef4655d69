import { createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import type { Clock } from '#base/clock.ts'
import { GatewayError, systemCode } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { isLoopbackAddress, plainAddress } from './address.ts'
import { AdmissionRate } from './admission.ts'
import { OpenedConnection, SecureConnection } from './opened-connection.ts'
import { Opening, type OpeningHost, type OpeningStage } from './opening.ts'
import { FaultBook } from './opening-faults.ts'
import { recogniseStranger } from './stranger.ts'
import { type ConnectionGroup, StreamConnection } from './stream-connection.ts'
import type { ByteConnection, StreamListener, StreamListenerCounters, StreamTransport } from './types.ts'

/** What every stream listener is opened with. */
export interface StreamListenerOptions {
  /** Connections that the kernel keeps ready until they are accepted. */
  backlog?: number
  /** Open connections; one more is refused. */
  maxConnections: number
  /** New connections in a second; one more is refused. 0: no limit. */
  connectionsPerSecond: number
  /** Takes an accepted connection and sets its callbacks; reading starts after it returns. */
  onConnection: (connection: ByteConnection) => void
  /** How long an ended connection may take to send what is pending. */
  lingerMs?: number
  /** How long PROXY header, TLS handshake and WebSocket upgrade may take together. Default 15 s. */
  openTimeoutMs?: number
  /** Nobody has the rights of loopback, whatever the addresses: a proxy stands in between. */
  neverLoopback?: boolean
  logger: Logger
  clock: Clock
}

/** What stands between an accepted socket and its owner, in order; made with the listener's own counters. */
export type MakeStages = (faults: FaultBook, isLoopback: () => boolean) => readonly OpeningStage[]

const BACKLOG = 1024
const LINGER_MS = 5000
const OPEN_TIMEOUT_MS = 15_000
/** Accept errors come in thousands when file descriptors are spent; one line in this time tells of them. */
const ACCEPT_LOG_INTERVAL_MS = 10_000

/** Turns a failed `listen` into the error that the operator sees. */
export function listenError(cause: unknown, what: string, taken: string): GatewayError {
  switch (systemCode(cause)) {
    case 'EADDRINUSE':
      return new GatewayError('address-in-use', `${taken} is taken by another program`, {
        cause,
        hint: 'stop that program or choose another bind',
      })
    case 'EACCES':
    case 'EPERM':
      return new GatewayError('listen-failed', `${what} may not be opened: permission denied`, {
        cause,
        hint: 'ports below 1024 need CAP_NET_BIND_SERVICE; a socket needs a writable directory',
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new GatewayError('listen-failed', `${what} cannot be opened: this machine has no such address`, {
        cause,
        hint: 'bind to an address of this machine, or to 0.0.0.0 or [::] for every one',
        retryable: true,
      })
    default:
      return new GatewayError('listen-failed', `${what} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      })
  }
}

/** Accepts sockets, admits or refuses them, and hands them on as connections. Shared by all stream transports. */
export class SocketListener implements StreamListener, OpeningHost {
  readonly counters: StreamListenerCounters = {
    accepted: 0,
    refusedFull: 0,
    refusedRate: 0,
    refusedGone: 0,
    acceptErrors: 0,
    bytesReceived: 0,
    bytesSent: 0,
  }
  address = ''
  port = 0
  /** Runs when the listener has stopped accepting. */
  onClosed: () => void = () => {}
  readonly #options: StreamListenerOptions
  readonly #server: Server
  readonly #rate: AdmissionRate
  readonly #group: ConnectionGroup
  readonly faults: FaultBook
  readonly stages: readonly OpeningStage[]
  readonly clock: Clock
  readonly openTimeoutMs: number
  #acceptLoggedAtMs = Number.NEGATIVE_INFINITY

  constructor(transport: StreamTransport, options: StreamListenerOptions, makeStages: MakeStages = () => []) {
    this.#options = options
    this.clock = options.clock
    this.openTimeoutMs = options.openTimeoutMs ?? OPEN_TIMEOUT_MS
    this.faults = new FaultBook(options.logger, options.clock)
    this.stages = makeStages(this.faults, () => this.#group.loopback)
    this.#rate = new AdmissionRate(options.connectionsPerSecond, options.clock)
    this.#group = {
      transport,
      loopback: transport === 'unix',
      clock: options.clock,
      lingerMs: options.lingerMs ?? LINGER_MS,
      connections: 0,
      counters: this.counters,
      recognise: (first, connection) => this.#recognise(first, connection),
    }
    this.#server = createServer({ noDelay: true, pauseOnConnect: false, allowHalfOpen: false }, socket => this.#accept(socket))
  }

  get transport(): StreamTransport {
    return this.#group.transport
  }

  get connections(): number {
    return this.#group.connections
  }

  /** Listens; rejects with the system's error. */
  listen(where: ListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ backlog: this.#options.backlog ?? BACKLOG, ...where }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', error => this.#acceptFailed(error))
        const bound = this.#server.address()
        if (bound !== null && typeof bound === 'object') {
          this.address = plainAddress(bound.address)
          this.port = bound.port
          this.#group.loopback = isLoopbackAddress(this.address) && this.#options.neverLoopback !== true
        }
        resolve()
      })
    })
  }

  async close(): Promise<void> {
    // The address is free at once; the callback of the server's `close` would wait for every connection.
    if (!this.#server.listening) return
    this.#server.close()
    for (const stage of this.stages) stage.close?.()
    this.onClosed()
  }

  #accept(socket: Socket): void {
    const refusal = this.#refusal(socket)
    if (refusal !== undefined) {
      this.counters[refusal]++
      socket.on('error', () => {})
      if (refusal !== 'refusedGone' && this.transport !== 'unix') socket.resetAndDestroy()
      else socket.destroy()
      return
    }
    this.counters.accepted++
    if (this.stages.length === 0) return this.#handOver(new StreamConnection(socket, this.#group))
    // Its place is taken from the beginning: whoever only begins counts too.
    this.#group.connections++
    new Opening(socket, this).advance()
  }

  opened({ socket, secure, facts, wrap }: Opening): void {
    this.#group.connections--
    // It was on its way when the listener was closed.
    if (!this.#server.listening) return void socket.destroy()
    const Kind = secure ? SecureConnection : OpenedConnection
    this.#handOver(new Kind(socket, this.#group, facts), wrap)
  }

  lost(): void {
    this.#group.connections--
  }

  #handOver(inner: StreamConnection, wrap: Opening['wrap'] = connection => connection): void {
    this.#options.onConnection(wrap(inner))
    inner.start()
  }

  #recognise(first: Buffer, connection: ByteConnection): Uint8Array | undefined {
    const stranger = recogniseStranger(first)
    if (stranger !== undefined) this.faults.note(stranger.fault, connection.remote?.address)
    return stranger?.answer
  }

  #refusal(socket: Socket): 'refusedFull' | 'refusedRate' | 'refusedGone' | undefined {
    if (this.#group.connections >= this.#options.maxConnections) return 'refusedFull'
    if (!this.#rate.admit()) return 'refusedRate'
    if (this.transport !== 'unix' && socket.remoteAddress === undefined) return 'refusedGone'
    return undefined
  }

  #acceptFailed(error: Error): void {
    this.counters.acceptErrors++
    const nowMs = this.#options.clock.monotonic()
    if (nowMs - this.#acceptLoggedAtMs < ACCEPT_LOG_INTERVAL_MS) return
    this.#acceptLoggedAtMs = nowMs
    this.#options.logger.error('a connection could not be accepted', { error, acceptErrors: this.counters.acceptErrors })
  }
}
