import type { Clock } from '#base/clock.ts'
import type { DatagramRemote } from '#listeners/types.ts'
import type { Observer } from './endpoint-observer.ts'
import type { Transmission } from './endpoint-transmission.ts'
import type { EndpointCounters, EndpointLimits } from './endpoint-types.ts'

/** One address and port that talks with the endpoint. An idle one costs this object and its key. */
export class Peer {
  /** Never used again, so that what refers to a forgotten peer meets no other. */
  readonly id: number
  readonly key: string
  readonly address: string
  readonly port: number
  readonly loopback: boolean
  lastSeenMs: number
  /** It has shown that it receives what is sent to this address (`RFC 9175 §2.4`). */
  verified: boolean
  probing = false
  bytesIn = 0
  bytesOut = 0
  /** Things that refer to it; while there are any it is not forgotten. */
  holds = 0
  /** Its message ids in the duplicate table: how many, and the oldest and newest ticket. */
  duplicates = 0
  oldestTicket = -1
  newestTicket = -1
  /** Confirmable messages in flight by message id, and those that wait for their turn. */
  transmissions: Map<number, Transmission> | undefined = undefined
  inFlight = 0
  waiting: Transmission[] | undefined = undefined
  /** Observers by token. */
  observers: Map<string, Observer> | undefined = undefined
  #nextMessageId: number

  constructor(id: number, key: string, remote: DatagramRemote, nowMs: number, firstMessageId: number) {
    this.id = id
    this.key = key
    this.address = remote.address
    this.port = remote.port
    this.loopback = remote.loopback
    this.verified = remote.loopback
    this.lastSeenMs = nowMs
    this.#nextMessageId = firstMessageId
  }

  /** A message id that is not in flight. They begin at a random place, so that an acknowledgement shows that it was read. */
  messageId(): number {
    do this.#nextMessageId = (this.#nextMessageId + 1) & 0xffff
    while (this.transmissions?.has(this.#nextMessageId))
    return this.#nextMessageId
  }
}

export function peerKey(address: string, port: number): string {
  return `${address} ${port}`
}

/** How many peers are looked at for one that can be forgotten when the table is full. */
const EVICTION_LOOKS = 32

/** All peers of an endpoint: at most `peersMax`; idle ones go after EXCHANGE_LIFETIME, or earlier when room is needed. */
export class PeerTable {
  readonly #peers = new Map<string, Peer>()
  readonly #clock: Clock
  readonly #limits: EndpointLimits
  readonly #counters: EndpointCounters
  #nextId = 1

  constructor(clock: Clock, limits: EndpointLimits, counters: EndpointCounters) {
    this.#clock = clock
    this.#limits = limits
    this.#counters = counters
  }

  get size(): number {
    return this.#peers.size
  }

  all(): IterableIterator<Peer> {
    return this.#peers.values()
  }

  find(remote: { address: string; port: number }): Peer | undefined {
    return this.#peers.get(peerKey(remote.address, remote.port))
  }

  /** The peer at an address, made if it is new. Undefined: the table is full of busy peers. */
  at(remote: DatagramRemote): Peer | undefined {
    const key = peerKey(remote.address, remote.port)
    const nowMs = this.#clock.monotonic()
    let peer = this.#peers.get(key)
    if (peer === undefined) {
      if (this.#peers.size >= this.#limits.peersMax && !this.#evict()) {
        this.#counters.peersRefused++
        return undefined
      }
      peer = new Peer(this.#nextId++, key, remote, nowMs, Math.floor(this.#clock.random() * 0x10000))
      this.#peers.set(key, peer)
    }
    peer.lastSeenMs = nowMs
    return peer
  }

  /** Forgets peers that nothing refers to and that were silent for EXCHANGE_LIFETIME. */
  sweep(): void {
    const beforeMs = this.#clock.monotonic() - this.#limits.exchangeLifetimeMs
    for (const peer of this.#peers.values()) if (peer.holds === 0 && peer.lastSeenMs < beforeMs) this.#peers.delete(peer.key)
  }

  #evict(): boolean {
    let idlest: Peer | undefined
    let looks = 0
    for (const peer of this.#peers.values()) {
      // Looked at once, it goes to the end: over several calls every peer has its turn.
      this.#peers.delete(peer.key)
      this.#peers.set(peer.key, peer)
      if (peer.holds === 0 && (idlest === undefined || peer.lastSeenMs < idlest.lastSeenMs)) idlest = peer
      if (++looks >= EVICTION_LOOKS) break
    }
    if (idlest === undefined) return false
    this.#peers.delete(idlest.key)
    this.#counters.peersForgotten++
    return true
  }
}
