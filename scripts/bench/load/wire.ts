/** What is between a client and its server: TCP as it is, TLS, or WebSocket. Whatever is read lands in the network's chunk. */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { encodeFrame, headLength, OPCODES, upgradeFault, upgradeRequest, WebSocketReader } from '#codecs/websocket/index.ts'
import type { Network } from './network.ts'

/** A frame's rest that is joined to the next read makes that one longer. */
const READ_BYTES_MAX = 64 * 1024
const FRAME_BYTES_MAX = 2 ** 40
/** The server must unmask, whatever the mask. */
const MASK = 0x5a3c69f1
const NONCE = Buffer.alloc(16)

export interface WireEvents {
  /** The server can be spoken to. */
  ready(): void
  /** So many bytes stand at the begin of the network's chunk. */
  bytes(length: number): void
}

export interface Wire {
  readonly socket: Socket
  /** What has to be written so that the server gets `bytes`. */
  frame(bytes: Uint8Array): Uint8Array
}

export function openWire(network: Network, events: WireEvents): Wire {
  switch (network.transport) {
    case 'tcp':
      return { socket: openTcp(network, network.chunk, length => events.bytes(length), events.ready), frame: bytes => bytes }
    case 'tls':
      return { socket: openTls(network, events), frame: bytes => bytes }
    case 'ws':
      return { socket: openWebSocket(network, events), frame: bytes => encodeFrame(OPCODES.binary, bytes, MASK) }
  }
}

function where(network: Network) {
  return { host: '127.0.0.1', port: network.port, localAddress: network.nextSource(), noDelay: true }
}

function openTcp(network: Network, buffer: Uint8Array, read: (length: number) => void, ready: () => void): Socket {
  const callback = (length: number) => {
    read(length)
    return true
  }
  const socket = connect({ ...where(network), onread: { buffer, callback } })
  // What is written before it is connected leaves with the first packet.
  process.nextTick(ready)
  return socket
}

/** With the one group that all servers have, so that all do the same work. */
function openTls(network: Network, { ready, bytes }: WireEvents): Socket {
  const socket = connectTls({ ...where(network), rejectUnauthorized: false, minVersion: 'TLSv1.3', ecdhCurve: 'X25519' }, ready)
  socket.on('data', (chunk: Buffer) => {
    chunk.copy(network.chunk)
    bytes(chunk.length)
  })
  return socket
}

function openWebSocket(network: Network, { ready, bytes }: WireEvents): Socket {
  const reader = new WebSocketReader(false, FRAME_BYTES_MAX)
  const frames = {
    data(payload: Buffer) {
      payload.copy(network.chunk)
      bytes(payload.length)
    },
    ping() {},
    close() {},
  }
  let head: Buffer | undefined = Buffer.alloc(0)
  const read = (length: number) => {
    const chunk = network.chunk.subarray(0, length)
    if (head === undefined) return reader.read(chunk, frames)
    head = Buffer.concat([head, chunk])
    const end = headLength(head)
    if (end === undefined) return
    const fault = upgradeFault(head.toString('latin1', 0, end), NONCE)
    if (fault !== undefined) return void socket.destroy(new Error(`the server ${fault}`))
    const rest = head.subarray(end)
    head = undefined
    ready()
    if (rest.length > 0) reader.read(rest, frames)
  }
  const request = upgradeRequest({ host: `127.0.0.1:${network.port}`, path: '/mqtt', nonce: NONCE })
  const socket: Socket = openTcp(network, network.chunk.subarray(0, READ_BYTES_MAX), read, () => socket.write(request))
  return socket
}
