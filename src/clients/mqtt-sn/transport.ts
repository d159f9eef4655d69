import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { describeError, GatewayError } from '#base/errors.ts'

/** A datagram socket towards one gateway. */
export interface SnSocket {
  send(bytes: Uint8Array): void
  close(): void
}

/** @throws GatewayError `connect-failed` for a host that is not found */
export async function openSnSocket(host: string, port: number, onDatagram: (bytes: Buffer) => void): Promise<SnSocket> {
  try {
    const { address, family } = await lookup(host)
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.connect(port, address, resolve)
    })
    socket.removeAllListeners('error')
    // A refused datagram is a lost one: the next attempt may find the gateway there.
    socket.on('error', () => {})
    socket.on('message', onDatagram)
    return { send: bytes => socket.send(bytes, () => {}), close: () => void socket.close() }
  } catch (cause) {
    throw new GatewayError('connect-failed', `${host} port ${port} cannot be reached: ${describeError(cause)}`, { cause })
  }
}
