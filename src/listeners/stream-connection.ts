import type { Socket } from 'node:net'
import type { Clock, Timer } from '#base/clock.ts'
import { isLoopbackAddress, plainAddress } from './address.ts'
import type { ByteConnection, NetworkAddress, StreamListenerCounters, StreamTransport } from './types.ts'

/** What the connections of one listener share, so that none of it is stored per connection. */
export interface ConnectionGroup {
  readonly transport: StreamTransport
  /** Whether the listener itself is on loopback (a Unix socket is). */
  loopback: boolean
  readonly clock: Clock
  /** How long `end` waits for the peer before the connection is destroyed. */
  readonly lingerMs: number
  connections: number
  readonly counters: Pick<StreamListenerCounters, 'bytesReceived' | 'bytesSent'>
  /** Looks at the first bytes of a connection; whoever speaks another protocol gets an answer in it, and is counted. */
  readonly recognise: (first: Buffer, connection: ByteConnection) => Uint8Array | undefined
}

/** The socket's way back to its connection: the event handlers below are shared by all sockets. */
const OWNER = Symbol('connection')
type OwnedSocket = Socket & { [OWNER]: StreamConnection }

const EMPTY = Buffer.alloc(0)
const nothing = () => {}

let connectionCount = 0

/** A TCP or Unix socket as a {@link ByteConnection}. */
export class StreamConnection implements ByteConnection {
  readonly id = ++connectionCount
  onData: (chunk: Buffer) => void = nothing
  onDrain: () => void = nothing
  onClose: (error?: Error) => void = nothing
  protected readonly socket: OwnedSocket
  protected readonly group: ConnectionGroup
  readonly #remoteAddress: string
  readonly #remotePort: number
  #error: Error | undefined = undefined
  #linger: Timer | undefined = undefined
  #draining = false
  protected ended = false
  /** Nothing has arrived yet. */
  fresh = true

  /** Takes over an accepted socket; nothing is read before {@link start}. */
  constructor(socket: Socket, group: ConnectionGroup) {
    this.socket = socket as OwnedSocket
    this.group = group
    this.#remoteAddress = plainAddress(socket.remoteAddress ?? '')
    this.#remotePort = socket.remotePort ?? 0
    group.connections++
    this.socket[OWNER] = this
    socket.on('end', peerEnded)
    socket.on('error', failed)
    socket.on('close', closed)
  }

  /** Begins to read; called after the owner has set its callbacks. */
  start(): void {
    this.socket.on('data', arrived)
  }

  /** So many bytes have come. */
  arrived(bytes: number): void {
    this.group.counters.bytesReceived += bytes
  }

  /** The first bytes. */
  began(chunk: Buffer): void {
    this.fresh = false
    const answer = this.group.recognise(chunk, this)
    if (answer === undefined) return this.onData(chunk)
    this.write(answer)
    this.end()
  }

  get transport(): StreamTransport {
    return this.group.transport
  }

  get remote(): NetworkAddress | undefined {
    return this.transport === 'unix' ? undefined : { address: this.#remoteAddress, port: this.#remotePort }
  }

  get local(): NetworkAddress | undefined {
    const { localAddress, localPort } = this.socket
    return localAddress === undefined || localPort === undefined ? undefined : { address: plainAddress(localAddress), port: localPort }
  }

  get loopback(): boolean {
    return this.group.loopback && (this.transport === 'unix' || isLoopbackAddress(this.#remoteAddress))
  }

  get pendingBytes(): number {
    return this.socket.destroyed ? 0 : this.socket.writableLength
  }

  write(bytes: Uint8Array): void {
    const socket = this.socket
    if (this.ended || !socket.writable || bytes.length === 0) return
    this.group.counters.bytesSent += bytes.length
    socket.write(bytes)
    if (socket.writableLength > 0 && !this.#draining) this.#awaitDrain()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  end(): void {
    if (this.ended || this.socket.destroyed) return
    this.ended = true
    this.onData = nothing
    this.onDrain = nothing
    this.finishing()
    this.socket.end()
    this.socket.resume()
  }

  destroy(): void {
    this.ended = true
    this.onData = nothing
    this.onDrain = nothing
    this.socket.destroy()
  }

  /**
   * The stream's own 'drain' comes only after 64 KiB were waiting; an empty write behind the pending bytes
   * tells for any amount, and costs only connections whose peer is slow.
   */
  #awaitDrain(): void {
    this.#draining = true
    this.socket.write(EMPTY, error => {
      this.#draining = false
      if (error || this.socket.destroyed) return
      if (this.socket.writableLength === 0) this.onDrain()
      else this.#awaitDrain()
    })
  }

  /** One side has said its last word: what is pending has `lingerMs` to leave. */
  finishing(): void {
    this.#linger ??= this.group.clock.setTimer(this.group.lingerMs, () => this.socket.destroy())
  }

  failed(error: Error): void {
    this.#error = error
  }

  closed(): void {
    this.group.clock.clearTimer(this.#linger)
    this.group.connections--
    this.ended = true
    const onClose = this.onClose
    this.onData = this.onDrain = this.onClose = nothing
    onClose(this.#error)
  }
}

function arrived(this: Socket, chunk: Buffer): void {
  const connection = (this as OwnedSocket)[OWNER]
  connection.arrived(chunk.length)
  if (connection.fresh) connection.began(chunk)
  else connection.onData(chunk)
}

function peerEnded(this: Socket): void {
  ;(this as OwnedSocket)[OWNER].finishing()
}

function failed(this: Socket, error: Error): void {
  ;(this as OwnedSocket)[OWNER].failed(error)
}

function closed(this: Socket): void {
  ;(this as OwnedSocket)[OWNER].closed()
}
