import { type SocketAddress, showAddress } from '#base/schema.ts'
import { listenError, type MakeStages, SocketListener, type StreamListenerOptions } from './stream-listener.ts'
import type { StreamListener, StreamTransport } from './types.ts'

export interface TcpListenerOptions extends StreamListenerOptions {
  /** Address or host name, and port; `::` takes IPv4 too, port 0 is a free one. */
  bind: SocketAddress
  /** What there is on top of TCP, and the steps that make it; nothing unless told. */
  transport?: Exclude<StreamTransport, 'unix'>
  makeStages?: MakeStages
}

/**
 * Listens for TCP connections. Nagle's delay is off.
 * @throws GatewayError `address-in-use`, `listen-failed`
 */
export async function openTcpListener(options: TcpListenerOptions): Promise<StreamListener> {
  const { host, port } = options.bind
  const listener = new SocketListener(options.transport ?? 'tcp', options, options.makeStages)
  try {
    await listener.listen({ host, port })
  } catch (cause) {
    throw listenError(cause, showAddress(options.bind), `port ${port} on ${host}`)
  }
  return listener
}
