/** What adapters see of a transport: connections and datagrams, never sockets. Adapters import only this file. */

export type StreamTransport = 'tcp' | 'tls' | 'ws' | 'wss' | 'unix'
export type DatagramTransport = 'udp' | 'dtls'

/** An address and port as the network has it; IPv4 in dotted form even where an IPv6 socket took it. */
export interface NetworkAddress {
  readonly address: string
  readonly port: number
}

/** What a verified client certificate says of its holder. */
export interface PeerCertificate {
  /** The common name of its subject. */
  readonly commonName: string | undefined
  /** The name that it stands for, as the listener's `tls.identity` says. */
  readonly username: string | undefined
}

/**
 * One accepted stream connection. The owner sets `onData`, `onDrain` and `onClose`, plain properties so that
 * an idle connection costs no closures; they may be replaced at any time.
 */
export interface ByteConnection {
  /** Unique in this process. */
  readonly id: number
  readonly transport: StreamTransport
  /** The peer, also after the close; undefined on a Unix socket. */
  readonly remote: NetworkAddress | undefined
  /** This end; undefined on a Unix socket. */
  readonly local: NetworkAddress | undefined
  /** Whether listener and peer are both on loopback, or the connection is a Unix socket; never behind a proxy. */
  readonly loopback: boolean
  /** The peer's certificate, verified by TLS or by a trusted proxy. */
  readonly certificate?: PeerCertificate | undefined
  /** The identity whose pre-shared key the TLS handshake has proved. */
  readonly pskIdentity?: string | undefined
  /**
   * Sends `bytes` after all that was written before. They are not copied: the buffer may be changed again
   * when `pendingBytes` is 0, which is often so right after this call and is else reported by `onDrain`.
   * After `end` or the close it does nothing.
   */
  write(bytes: Uint8Array): void
  /** Bytes that were written and that the kernel has not taken yet. */
  readonly pendingBytes: number
  /** Stops reading; at most 64 KiB that are already on the way wait inside. The close of the peer is not noticed meanwhile. */
  pause(): void
  resume(): void
  /** Sends what is pending, then closes; what still arrives is discarded. Destroyed when the peer takes too long. */
  end(): void
  /** Closes at once; what is pending is lost. */
  destroy(): void
  /** Bytes that arrived. The buffer belongs to the owner. Never called after `end`, `destroy` or the close. */
  onData: (chunk: Buffer) => void
  /** `pendingBytes` is 0 again after a `write` that left it above 0. */
  onDrain: () => void
  /** The connection is gone, whoever ended it; called once. `error` when it was not an orderly end. */
  onClose: (error?: Error) => void
}

/** Counters of a stream listener, read at scrape time. */
export interface StreamListenerCounters {
  accepted: number
  /** Connections closed at once because `maxConnections` was reached. */
  refusedFull: number
  /** Connections closed at once because of `connectionsPerSecond`. */
  refusedRate: number
  /** Connections that were gone before they could be served. */
  refusedGone: number
  /** Failures of `accept`, say for want of file descriptors. */
  acceptErrors: number
  /** Bytes from and to peers, as the sockets had them. */
  bytesReceived: number
  bytesSent: number
}

export interface StreamListener {
  readonly transport: StreamTransport
  /** The bound address, or the path of a Unix socket. */
  readonly address: string
  /** The bound port (the real one where 0 was asked for); 0 on a Unix socket. */
  readonly port: number
  /** Open connections. */
  readonly connections: number
  readonly counters: Readonly<StreamListenerCounters>
  /** Peers that did not get as far as their owner, by reason. */
  readonly faults: { readonly counts: Readonly<Record<string, number>> }
  /** Stops accepting; resolves when the address is free again. Connections stay until their owner ends them. */
  close(): Promise<void>
}

/** The peer of a datagram. */
export interface DatagramRemote extends NetworkAddress {
  /** Whether listener and peer are both on loopback. */
  readonly loopback: boolean
}

/** Counters of a datagram listener, read at scrape time. */
export interface DatagramListenerCounters {
  received: number
  sent: number
  /** Datagrams not sent because too many bytes were waiting for the kernel. */
  sendDropped: number
  /** Datagrams that the kernel refused to send. */
  sendErrors: number
  /** Failures while receiving. */
  receiveErrors: number
  /** Bytes of the datagrams received and sent. */
  bytesReceived: number
  bytesSent: number
}

export interface DatagramListener {
  readonly transport: DatagramTransport
  readonly address: string
  readonly port: number
  readonly counters: Readonly<DatagramListenerCounters>
  /**
   * Sends one datagram from the listening socket. Not copied: the buffer must not be changed afterwards.
   * Like the network itself it may lose it, and then counts it.
   */
  send(bytes: Uint8Array, address: string, port: number): void
  close(): Promise<void>
}
