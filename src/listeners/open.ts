/** Opens the stream listener that a configuration describes: a socket, and the steps between it and the protocol. */

import { GatewayError } from '#base/errors.ts'
import { isUnixAddress, type SocketAddress, type UnixAddress } from '#base/schema.ts'
import type { OpeningStage } from './opening.ts'
import { ProxyGate, type ProxySettings } from './proxy-gate.ts'
import type { StreamListenerOptions } from './stream-listener.ts'
import { openTcpListener } from './tcp.ts'
import { TlsGate, type TlsSettings } from './tls-gate.ts'
import type { StreamListener, StreamTransport } from './types.ts'
import { openUnixListener } from './unix.ts'
import { WebSocketGate, type WebSocketSettings } from './websocket-gate.ts'

/** The keys of `[listeners.NAME]` that concern the transport. */
export interface StreamListenerConfig {
  readonly transport: StreamTransport
  readonly bind: SocketAddress | UnixAddress
  readonly tls?: TlsSettings | undefined
  readonly websocket?: WebSocketSettings | undefined
  readonly proxy_protocol?: ProxySettings | undefined
}

export interface OpenOptions extends StreamListenerOptions {
  /** Name of the listener. */
  readonly name: string
}

/** The path of MQTT over WebSocket, and the longest frame: its length costs nothing, but somebody who asks for more is no client. */
export const WEBSOCKET_DEFAULTS: WebSocketSettings = { path: '/mqtt', origins: undefined, max_frame: 16 * 2 ** 20 }

/** @throws GatewayError `address-in-use`, `listen-failed`, `config-invalid` for TLS files that cannot be used */
export async function openStreamListener(config: StreamListenerConfig, options: OpenOptions): Promise<StreamListener> {
  const { bind, transport, proxy_protocol: proxy, websocket = WEBSOCKET_DEFAULTS } = config
  if (isUnixAddress(bind)) return openUnixListener({ ...options, path: bind.path })
  const inTls = transport === 'tls' || transport === 'wss'
  const inWebSocket = transport === 'ws' || transport === 'wss'
  const tls = inTls ? await openTls(config, options, inWebSocket ? 'http/1.1' : 'mqtt') : undefined
  try {
    return await openTcpListener({
      ...options,
      bind,
      transport: transport === 'unix' ? 'tcp' : transport,
      neverLoopback: proxy !== undefined,
      makeStages: (faults, isLoopback) => {
        const stages: OpeningStage[] = []
        if (proxy !== undefined) stages.push(new ProxyGate(proxy, !inTls))
        if (tls !== undefined) stages.push(tls)
        if (inWebSocket) stages.push(new WebSocketGate(websocket, faults, isLoopback))
        return stages
      },
    })
  } catch (error) {
    tls?.close()
    throw error
  }
}

function openTls({ tls }: StreamListenerConfig, options: OpenOptions, alpn: 'mqtt' | 'http/1.1'): Promise<TlsGate> {
  if (tls === undefined) throw new GatewayError('config-invalid', `listeners.${options.name}: tls is missing`)
  const { name, logger, clock, openTimeoutMs = 15_000 } = options
  return TlsGate.open({ settings: tls, alpn, name, openTimeoutMs, logger, clock })
}
