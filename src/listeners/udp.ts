import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Clock } from '#base/clock.ts'
import { systemCode } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import { type SocketAddress, showAddress } from '#base/schema.ts'
import { isLoopbackAddress, plainAddress } from './address.ts'
import { listenError } from './stream-listener.ts'
import type { DatagramListener, DatagramListenerCounters, DatagramRemote } from './types.ts'

export interface UdpListenerOptions {
  /** Address or host name, and port; `::` takes IPv4 too, port 0 is a free one. */
  bind: SocketAddress
  /** Takes one datagram; the bytes belong to the taker. */
  onDatagram: (bytes: Buffer, remote: DatagramRemote) => void
  /** A multicast group to listen to as well, by the interface that has this address (undefined: the kernel's choice). */
  group?: { address: string; interfaceAddress: string | undefined } | undefined
  /** Datagrams go to multicast groups and broadcast addresses too, by the interface of the bound address. */
  toMany?: boolean | undefined
  /** What the kernel keeps while the event loop is busy (the kernel's own maximum permitting). */
  receiveBufferBytes?: number
  /** Bytes that may wait for the kernel; a datagram beyond is dropped and counted. */
  sendQueueBytesMax?: number
  logger: Logger
  clock: Clock
}

const RECEIVE_BUFFER_BYTES = 1 << 20
const SEND_QUEUE_BYTES_MAX = 4 << 20
const ERROR_LOG_INTERVAL_MS = 10_000

/** What an ICMP message about an earlier datagram, or a peer that is gone, makes of a later call: no fault of ours. */
const PEER_GONE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN'])

/**
 * Listens for UDP datagrams and answers from the same socket. On a wildcard address of a machine with several
 * addresses the kernel chooses the source of an answer; bind to one address where peers insist on it.
 * @throws GatewayError `address-in-use`, `listen-failed`
 */
export async function openUdpListener(options: UdpListenerOptions): Promise<DatagramListener> {
  const { host, port } = options.bind
  let socket: Socket
  try {
    const { address, family } = await lookup(host)
    // Others may listen to a group too.
    socket = await bind(address, family, port, host === options.group?.address)
    openToMany(socket, options)
  } catch (cause) {
    throw listenError(cause, showAddress(options.bind), `UDP port ${port} on ${host}`)
  }
  return new UdpListener(socket, options)
}

function bind(address: string, family: number, port: number, reuseAddr: boolean): Promise<Socket> {
  // Addresses need no look-up, and the one that dgram would make for every datagram costs more than sending it.
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    reuseAddr,
    lookup: (host, _options, callback) => callback(isIP(host) === 0 ? new Error(`${host} is not an address`) : null, host, isIP(host)),
  })
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      socket.close()
      reject(error)
    })
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

/** Closes the socket again if the group cannot be joined. */
function openToMany(socket: Socket, { group, toMany = false }: UdpListenerOptions): void {
  try {
    if (group !== undefined) socket.addMembership(group.address, group.interfaceAddress)
    if (!toMany) return
    const { address, family } = socket.address()
    if (family === 'IPv4') socket.setBroadcast(true)
    if (family === 'IPv4' && address !== '0.0.0.0') socket.setMulticastInterface(address)
  } catch (error) {
    socket.close()
    throw error
  }
}

class UdpListener implements DatagramListener {
  readonly transport = 'udp'
  readonly counters: DatagramListenerCounters = {
    received: 0,
    sent: 0,
    sendDropped: 0,
    sendErrors: 0,
    receiveErrors: 0,
    bytesReceived: 0,
    bytesSent: 0,
  }
  readonly address: string
  readonly port: number
  readonly #options: UdpListenerOptions
  readonly #socket: Socket
  readonly #isIpv6: boolean
  readonly #loopback: boolean
  readonly #sendQueueBytesMax: number
  #closed = false
  #loggedAtMs = Number.NEGATIVE_INFINITY

  constructor(socket: Socket, options: UdpListenerOptions) {
    const bound = socket.address()
    this.address = plainAddress(bound.address)
    this.port = bound.port
    this.#options = options
    this.#socket = socket
    this.#isIpv6 = bound.family === 'IPv6'
    this.#loopback = isLoopbackAddress(this.address)
    this.#sendQueueBytesMax = options.sendQueueBytesMax ?? SEND_QUEUE_BYTES_MAX
    socket.on('error', error => this.#failed('receiveErrors', error))
    socket.on('message', (bytes, from) => this.#received(bytes, from))
    try {
      socket.setRecvBufferSize(options.receiveBufferBytes ?? RECEIVE_BUFFER_BYTES)
    } catch (error) {
      options.logger.warn('the receive buffer keeps its size', { error })
    }
  }

  send(bytes: Uint8Array, address: string, port: number): void {
    if (this.#closed) return
    if (this.#socket.getSendQueueSize() + bytes.length > this.#sendQueueBytesMax) {
      this.counters.sendDropped++
      return
    }
    const target = this.#isIpv6 && isIP(address) === 4 ? `::ffff:${address}` : address
    try {
      this.#socket.send(bytes, port, target, error => {
        if (error) this.#failed('sendErrors', error)
        else {
          this.counters.sent++
          this.counters.bytesSent += bytes.length
        }
      })
    } catch (error) {
      this.#failed('sendErrors', error)
    }
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#closed = true
    return new Promise(resolve => this.#socket.close(resolve))
  }

  #received(bytes: Buffer, from: RemoteInfo): void {
    if (this.#closed) return
    this.counters.received++
    this.counters.bytesReceived += bytes.length
    const address = plainAddress(from.address)
    this.#options.onDatagram(bytes, { address, port: from.port, loopback: this.#loopback && isLoopbackAddress(address) })
  }

  #failed(counter: 'sendErrors' | 'receiveErrors', error: unknown): void {
    if (this.#closed || PEER_GONE.has(systemCode(error) ?? '')) return
    this.counters[counter]++
    const nowMs = this.#options.clock.monotonic()
    if (nowMs - this.#loggedAtMs < ERROR_LOG_INTERVAL_MS) return
    this.#loggedAtMs = nowMs
    this.#options.logger.warn('a datagram could not be received or sent', { error, ...this.counters })
  }
}
