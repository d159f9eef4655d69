/** A stream connection to a server as the protocol sees it: sockets are in `transport.ts`, tests bring one of their own. */
import type { Clock } from '#base/clock.ts'
import type { GatewayError } from '#base/errors.ts'
import type { Endpoint, HttpProxy } from './endpoint.ts'

/** Files in PEM and settings by which a TLS server and its client know each other. */
export interface TlsFiles {
  /** Authorities that sign servers, instead of those that the runtime knows. */
  ca?: string | undefined
  /** Certificate (chain) and key of this side, and the key's password if it has one. */
  cert?: string | undefined
  key?: string | undefined
  keyPassword?: string | undefined
  /** A pre-shared key instead of certificates, and the name that it goes by. */
  psk?: { readonly identity: string; readonly key: Uint8Array } | undefined
  /** The name that the server's certificate must bear, and that is sent as SNI; the URL's host unless told. */
  servername?: string | undefined
  /** Take any certificate. For trying things out. */
  insecure?: boolean | undefined
}

/** What it takes to open a connection. */
export interface Target {
  endpoint: Endpoint
  tls?: TlsFiles | undefined
  /** Protocol names for ALPN (`RFC 7301`). */
  alpn?: readonly string[] | undefined
  /** An HTTP proxy on the way (`RFC 9110 §9.3.6`, CONNECT). */
  proxy?: HttpProxy | undefined
  /** The most that looking up, connecting and the TLS handshake may take together. */
  openTimeoutMs: number
}

/** What a stream tells its owner. Nothing is called after `closed`. */
export interface StreamEvents {
  /** Connected, TLS and WebSocket included. */
  opened(): void
  data(chunk: Uint8Array): void
  /** `pendingBytes` is 0 again. */
  drained(): void
  /** It is over, or could not be opened; called once, never from within `openStream`. */
  closed(error?: GatewayError): void
}

export interface Stream {
  /** Sends after all that was written before. Not copied: the bytes must not be changed afterwards. */
  write(bytes: Uint8Array): void
  /** Bytes that the kernel has not taken yet. */
  readonly pendingBytes: number
  /** Address and port of the server, once connected. */
  readonly peer: string | undefined
  /** Sends what is pending, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
}

/** Begins to open a stream. Throws nothing: what goes wrong comes by `closed`. */
export type OpenStream = (target: Target, events: StreamEvents, clock: Clock) => Stream
