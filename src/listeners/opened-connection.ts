/** Connections of which more is known than their socket tells, and those with TLS. */

import type { Socket } from 'node:net'
import type { PeerFacts } from './opening.ts'
import { type ConnectionGroup, StreamConnection } from './stream-connection.ts'
import type { NetworkAddress, PeerCertificate } from './types.ts'

/** A connection that came by a proxy, or through TLS. */
export class OpenedConnection extends StreamConnection {
  readonly #facts: PeerFacts

  constructor(socket: Socket, group: ConnectionGroup, facts: PeerFacts) {
    super(socket, group)
    this.#facts = facts
  }

  override get remote(): NetworkAddress | undefined {
    return this.#facts.remote ?? super.remote
  }

  get certificate(): PeerCertificate | undefined {
    return this.#facts.certificate
  }

  get pskIdentity(): string | undefined {
    return this.#facts.pskIdentity
  }
}

/**
 * TLS takes every write later, never at once, and an empty write makes work of its own: so each write tells by itself when
 * it is done.
 */
export class SecureConnection extends OpenedConnection {
  readonly #written = (error?: Error | null) => {
    if (!error && this.pendingBytes === 0) this.onDrain()
  }

  override write(bytes: Uint8Array): void {
    const { socket } = this
    if (this.ended || !socket.writable || bytes.length === 0) return
    socket.write(bytes, this.#written)
  }
}
