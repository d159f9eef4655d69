import type { EndpointCounters, EndpointLimits } from './endpoint-types.ts'

/** What the table keeps about the sender of messages; see `Peer`. */
export interface DuplicateOwner {
  readonly id: number
  duplicates: number
  oldestTicket: number
  newestTicket: number
}

const NONE = -1
const FIRST_CAPACITY = 1024

/**
 * Message ids with what was answered, from the first reception on (`RFC 7252 §4.5`), in order of arrival: a ring of
 * columns instead of an object a message, so that the hundred thousands of a busy minute cost about a hundred bytes
 * each and nothing to the garbage collector. A message is named by its ticket, a running number; a ticket whose
 * entry is gone is simply not found. When full, overall or for one peer, the oldest goes.
 */
export class DuplicateTable {
  readonly #limits: EndpointLimits
  readonly #counters: EndpointCounters
  readonly #index = new Map<number, number>()
  #capacity = FIRST_CAPACITY
  #head = 0
  #tail = 0
  #owners: (DuplicateOwner | undefined)[] = new Array(FIRST_CAPACITY)
  #replies: (string | undefined)[] = new Array(FIRST_CAPACITY)
  /** 1: the entry counts; 0: it was forgotten and its place is free once all before it are. */
  #live = new Uint8Array(FIRST_CAPACITY)
  #messageIds = new Uint16Array(FIRST_CAPACITY)
  #hashes = new Int32Array(FIRST_CAPACITY)
  #expiries = new Float64Array(FIRST_CAPACITY)
  #nextOfOwner = new Float64Array(FIRST_CAPACITY)

  constructor(limits: EndpointLimits, counters: EndpointCounters) {
    this.#limits = limits
    this.#counters = counters
  }

  /** Messages remembered. */
  get size(): number {
    return this.#index.size
  }

  /**
   * The ticket of the message that this one repeats, or −1. A known message id with other content is not a repetition but
   * a peer that started anew or ran through all its ids: the old entry is forgotten.
   */
  find(owner: DuplicateOwner, messageId: number, hash: number, nowMs: number): number {
    const ticket = this.#index.get(owner.id * 0x10000 + messageId)
    if (ticket === undefined) return NONE
    const slot = ticket & (this.#capacity - 1)
    if (this.#hashes[slot] === hash && this.#expiries[slot] > nowMs) return ticket
    this.#kill(ticket)
    return NONE
  }

  /** Remembers a message; returns its ticket. */
  add(owner: DuplicateOwner, messageId: number, hash: number, nowMs: number, lifetimeMs: number): number {
    while (this.#tail < this.#head && this.#expired(this.#tail, nowMs)) this.#dropTail()
    if (owner.duplicates >= this.#limits.duplicatesPerPeerMax) this.#forgetOldestOf(owner)
    if (this.#head - this.#tail >= this.#capacity) this.#makeRoom()
    const ticket = this.#head++
    const slot = ticket & (this.#capacity - 1)
    this.#owners[slot] = owner
    this.#replies[slot] = undefined
    this.#live[slot] = 1
    this.#messageIds[slot] = messageId
    this.#hashes[slot] = hash
    this.#expiries[slot] = nowMs + lifetimeMs
    this.#nextOfOwner[slot] = NONE
    if (owner.newestTicket >= this.#tail) this.#nextOfOwner[owner.newestTicket & (this.#capacity - 1)] = ticket
    if (owner.oldestTicket < this.#tail) owner.oldestTicket = ticket
    owner.newestTicket = ticket
    owner.duplicates++
    this.#index.set(owner.id * 0x10000 + messageId, ticket)
    return ticket
  }

  /** Keeps what was answered, as a string of bytes (half the size of a buffer object). */
  answer(ticket: number, reply: Uint8Array): void {
    if (this.#alive(ticket)) this.#replies[ticket & (this.#capacity - 1)] = latin1(reply)
  }

  /** What was answered; undefined while the answer is being made. */
  reply(ticket: number): Uint8Array | undefined {
    if (!this.#alive(ticket)) return undefined
    const reply = this.#replies[ticket & (this.#capacity - 1)]
    return reply === undefined ? undefined : Buffer.from(reply, 'latin1')
  }

  /** Lets a repetition through as if it were new: for answers that are cheaper made again than kept. */
  forget(ticket: number): void {
    if (this.#alive(ticket)) this.#kill(ticket)
  }

  #alive(ticket: number): boolean {
    return ticket >= this.#tail && ticket < this.#head && this.#live[ticket & (this.#capacity - 1)] === 1
  }

  #expired(ticket: number, nowMs: number): boolean {
    const slot = ticket & (this.#capacity - 1)
    return this.#live[slot] === 0 || this.#expiries[slot] <= nowMs
  }

  #dropTail(): void {
    const slot = this.#tail & (this.#capacity - 1)
    const owner = this.#owners[slot]!
    if (this.#live[slot] === 1) this.#kill(this.#tail)
    if (owner.oldestTicket === this.#tail) owner.oldestTicket = this.#nextOfOwner[slot]
    this.#owners[slot] = undefined
    this.#tail++
  }

  #forgetOldestOf(owner: DuplicateOwner): void {
    while (owner.oldestTicket >= this.#tail && !this.#alive(owner.oldestTicket)) {
      owner.oldestTicket = this.#nextOfOwner[owner.oldestTicket & (this.#capacity - 1)]
    }
    if (owner.oldestTicket < this.#tail) return
    this.#kill(owner.oldestTicket)
    this.#counters.duplicatesForgotten++
  }

  #kill(ticket: number): void {
    const slot = ticket & (this.#capacity - 1)
    const owner = this.#owners[slot]!
    // A repetition with other content has the same key: it may have taken the place in the index.
    const key = owner.id * 0x10000 + this.#messageIds[slot]
    if (this.#index.get(key) === ticket) this.#index.delete(key)
    this.#live[slot] = 0
    this.#replies[slot] = undefined
    owner.duplicates--
    if (owner.oldestTicket === ticket) owner.oldestTicket = this.#nextOfOwner[slot]
  }

  #makeRoom(): void {
    if (this.#capacity * 2 > this.#limits.duplicatesMax) {
      if (this.#live[this.#tail & (this.#capacity - 1)] === 1) this.#counters.duplicatesForgotten++
      this.#dropTail()
      return
    }
    const oldMask = this.#capacity - 1
    this.#capacity *= 2
    this.#owners = this.#spread(this.#owners, new Array(this.#capacity), oldMask)
    this.#replies = this.#spread(this.#replies, new Array(this.#capacity), oldMask)
    this.#live = this.#spread(this.#live, new Uint8Array(this.#capacity), oldMask)
    this.#messageIds = this.#spread(this.#messageIds, new Uint16Array(this.#capacity), oldMask)
    this.#hashes = this.#spread(this.#hashes, new Int32Array(this.#capacity), oldMask)
    this.#expiries = this.#spread(this.#expiries, new Float64Array(this.#capacity), oldMask)
    this.#nextOfOwner = this.#spread(this.#nextOfOwner, new Float64Array(this.#capacity), oldMask)
  }

  #spread<Column extends { [slot: number]: unknown }>(from: Column, to: Column, oldMask: number): Column {
    const mask = this.#capacity - 1
    for (let ticket = this.#tail; ticket < this.#head; ticket++) to[ticket & mask] = from[ticket & oldMask] as never
    return to
  }
}

/** FNV-1a over a datagram. */
export function datagramHash(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 | 0
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193)
  return hash
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
