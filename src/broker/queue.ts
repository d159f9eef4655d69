/**
 * The durable queue: what waits for one recipient and what is in flight to it, as one run of sequence numbers.
 * Its part in memory is a prefix; while a tail waits on disk, what arrives goes to the tail, never past it.
 * A queue without a number in the store is kept in memory alone and ends with its client's connection.
 */
import { QUEUE_HEAD_BYTES_MAX, QUEUE_HEAD_ENTRIES_MAX, QUEUE_PAGE_BYTES_MAX, QUEUE_PAGE_ENTRIES_MAX } from '#base/limits.ts'
import { Entry, type Lender, type Loan, type Message, type Qos } from './message.ts'
import type { Store, StoredQueue } from './store-port.ts'

/** Told by the queue about what it does by itself. */
export interface QueueOwner {
  /** A page has come from disk: there may be something to deliver or to drop. */
  queueFilled(): void
}

const NO_LOANS: Loan[] = []

export class DeliveryQueue {
  readonly #store: Store
  readonly #owner: QueueOwner
  /** Its number in the store; 0: memory only. */
  number: number
  #items: Entry[] = []
  /** Items before `#head` are gone; from `#head` to `#next` they are in flight or done; from `#next` on they wait. */
  #head = 0
  #next = 0
  #nextSeq = 1
  /** Entries in flight: sent and not finished. */
  inFlight = 0
  /** Entries and bytes of the whole queue, in memory and on disk. */
  count = 0
  bytes = 0
  #waitingBytes = 0
  /** First sequence number of the tail on disk; 0: there is none. */
  #tailFirst = 0
  #loading = false
  /** Rises when the memory part is given up, so that a page that was asked for before is not taken. */
  #generation = 0
  /** What arrived while the page was read that may be the last; undefined: it did not fit. */
  #overlay: Entry[] | undefined
  /** The recipient is here: the head of the queue is kept in memory. Otherwise all that arrives waits on disk alone. */
  resident = true
  /** Entries up to this number may have been sent before: they go out with DUP. */
  sentThrough = 0
  /** Entries here that belong to another queue, and the lowest number that one of them has had meanwhile. */
  #loans = 0
  #loansFirst = Number.POSITIVE_INFINITY

  constructor(store: Store, number: number, owner: QueueOwner) {
    this.#store = store
    this.number = number
    this.#owner = owner
  }

  /** Takes over what the store holds; `maybeSent` entries at its front may have been delivered before. */
  restore(stored: StoredQueue): void {
    this.count = stored.count
    this.bytes = stored.bytes
    this.#tailFirst = stored.count > 0 ? stored.firstSeq : 0
    this.#nextSeq = stored.lastSeq + 1
  }

  /** Nothing waits, in memory or on disk (there may be entries in flight). */
  get idle(): boolean {
    return this.#next === this.#items.length && this.#tailFirst === 0
  }

  get waiting(): number {
    return this.count - this.inFlight
  }

  /** Nothing of it waits on disk alone: what is put in now is in memory. */
  get whole(): boolean {
    return this.#tailFirst === 0
  }

  /** From now on it is in the store too, with all that it holds. Only for a queue in memory alone. */
  persist(number: number): void {
    this.number = number
    for (let i = this.#head; i < this.#items.length; i++) {
      const entry = this.#items[i]
      if (entry.state !== 'done') entry.position = this.#store.enqueue(number, entry)
    }
  }

  /**
   * Takes in an entry that stays another queue's: it is not in the store under this one's number. Only while `whole`.
   * Under the number that it had here before, if it had one and its packet id is free, it goes out with that id and DUP.
   */
  borrow(loan: Loan, qos: Qos, retain: boolean, identifiers: readonly number[] | undefined, seqBefore = 0): Entry {
    const again = seqBefore !== 0 && this.find(((seqBefore - 1) % 65535) + 1) === undefined
    const entry = new Entry(again ? seqBefore : this.#takeSeq(), loan.entry.message, qos, retain, identifiers)
    entry.loan = loan
    entry.dup = again
    this.#loans++
    this.#loansFirst = Math.min(this.#loansFirst, entry.seq)
    this.count++
    this.bytes += entry.message.size
    this.#items.push(entry)
    this.#waitingBytes += entry.message.size
    return entry
  }

  /** Takes out all that is borrowed, to be given back; `seq` and `sent` of each loan say what became of it here. */
  recall(): Loan[] {
    if (this.#loans === 0) return NO_LOANS
    const loans: Loan[] = []
    const kept: Entry[] = []
    let next = 0
    for (let i = this.#head; i < this.#items.length; i++) {
      const entry = this.#items[i]
      const { loan } = entry
      if (entry.state === 'done') continue
      if (loan === undefined) {
        kept.push(entry)
        if (i < this.#next) next++
        continue
      }
      loan.seq = entry.seq
      loan.sent = i < this.#next
      loans.push(loan)
      entry.state = 'done'
      this.count--
      this.bytes -= entry.message.size
      if (i < this.#next) this.inFlight--
      else this.#waitingBytes -= entry.message.size
    }
    this.#items = kept
    this.#head = 0
    this.#next = next
    this.#loans = 0
    this.#loansFirst = Number.POSITIVE_INFINITY
    return loans
  }

  /** What it has borrowed of `lender` becomes its own: the caller takes it out there. */
  adopt(lender: Lender): Loan[] {
    const loans: Loan[] = []
    if (this.#loans === 0) return loans
    for (let i = this.#head; i < this.#items.length; i++) {
      const entry = this.#items[i]
      if (entry.state === 'done' || entry.loan?.lender !== lender) continue
      loans.push(entry.loan)
      entry.loan = undefined
      this.#loans--
      if (this.number !== 0) entry.position = this.#store.enqueue(this.number, entry)
    }
    return loans
  }

  /** Puts an entry at the end. Returns it when it is in memory, where it may be sent at once if the queue was idle. */
  add(message: Message, qos: Qos, retain: boolean, identifiers: readonly number[] | undefined): Entry {
    const entry = new Entry(this.#takeSeq(), message, qos, retain, identifiers)
    const size = message.size
    this.count++
    this.bytes += size
    if (this.number !== 0) entry.position = this.#store.enqueue(this.number, entry)
    if (this.#tailFirst !== 0) this.#addBehindTail(entry)
    else if (this.number !== 0 && (!this.resident || this.#headFull(size))) this.#tailFirst = entry.seq
    else {
      this.#items.push(entry)
      this.#waitingBytes += size
    }
    return entry
  }

  /** The entry to send next, without moving past it. */
  peek(): Entry | undefined {
    return this.#items[this.#next]
  }

  /** Moves past the entry that `peek` gave: it is in flight now. */
  advance(): void {
    const entry = this.#items[this.#next++]
    this.#waitingBytes -= entry.message.size
    this.inFlight++
    if (entry.state === 'queued') entry.state = 'sent'
    if (entry.seq > this.sentThrough) this.sentThrough = entry.seq
  }

  /** The entry in flight with this packet id. */
  find(packetId: number): Entry | undefined {
    for (let i = this.#head; i < this.#next; i++) {
      const entry = this.#items[i]
      if (entry.packetId === packetId && entry.state !== 'done') return entry
    }
    return undefined
  }

  /** Whether `entry` may not be sent yet because its packet id is still in flight. */
  collides(entry: Entry): boolean {
    if (this.inFlight === 0 || entry.seq - Math.min(this.#items[this.#head].seq, this.#loansFirst) < 65535) return false
    return entry.qos !== 0 && this.find(entry.packetId) !== undefined
  }

  /** An entry in flight has been acknowledged, or is given up: it leaves the queue. */
  finish(entry: Entry): void {
    entry.state = 'done'
    this.inFlight--
    this.#leave(entry)
    this.#dropHead()
  }

  /** Drops the oldest waiting entry that is in memory; undefined: there is none (it may be on disk, then it is being read). */
  dropOldest(): Entry | undefined {
    const entry = this.#items[this.#next]
    if (entry === undefined) {
      this.fill()
      return undefined
    }
    this.#waitingBytes -= entry.message.size
    this.#next++
    entry.state = 'done'
    this.#leave(entry)
    this.#dropHead()
    return entry
  }

  /** Entries that are on disk alone cannot be read: they are gone. */
  lose(entries: number, bytes: number): void {
    this.count -= entries
    this.bytes -= bytes
  }

  /** Drops all that waits and all in flight. Returns how many entries that were. */
  clear(): number {
    const dropped = this.count
    if (this.number !== 0) this.#store.dropQueue(this.number)
    this.#forget()
    this.#tailFirst = 0
    this.count = 0
    this.bytes = 0
    return dropped
  }

  /** Gives up the part in memory: the recipient is away. What was in flight will be sent again. Only for queues in the store. */
  unload(): void {
    const first = this.#firstLeft()
    if (first !== 0) this.#tailFirst = first
    this.resident = false
    this.#forget()
  }

  /** What is in flight waits again, to go out with DUP. Only for a queue in memory alone. */
  rewind(): void {
    for (let i = this.#head; i < this.#next; i++) {
      const entry = this.#items[i]
      if (entry.state === 'done') continue
      if (entry.state === 'sent') entry.state = 'queued'
      entry.dup = true
      this.#waitingBytes += entry.message.size
    }
    this.#items = this.#items.slice(this.#head).filter(entry => entry.state !== 'done')
    this.#head = this.#next = 0
    this.inFlight = 0
  }

  /** Reads the next page of the tail if there is one and memory has room for it. */
  fill(): void {
    if (this.#tailFirst === 0 || this.#loading) return
    if (this.#items.length - this.#next > QUEUE_HEAD_ENTRIES_MAX / 2 || this.#waitingBytes > QUEUE_HEAD_BYTES_MAX / 2) return
    this.#loading = true
    this.#overlay = []
    const generation = this.#generation
    const lastSeq = this.#nextSeq - 1
    this.#store.readPage(this.number, this.#tailFirst, QUEUE_PAGE_ENTRIES_MAX, QUEUE_PAGE_BYTES_MAX).then(
      page => {
        if (generation !== this.#generation) return
        this.#loading = false
        this.#takePage(page, lastSeq)
        this.#owner.queueFilled()
      },
      () => {}, // the store was closed: nothing is delivered any more
    )
  }

  #takeSeq(): number {
    let seq = this.#nextSeq
    if (this.inFlight > 0 && seq - Math.min(this.#items[this.#head].seq, this.#loansFirst) >= 65535) {
      while (this.find(((seq - 1) % 65535) + 1) !== undefined) seq++
    }
    this.#nextSeq = seq + 1
    return seq
  }

  #headFull(size: number): boolean {
    return this.#items.length - this.#next >= QUEUE_HEAD_ENTRIES_MAX || this.#waitingBytes + size > QUEUE_HEAD_BYTES_MAX
  }

  #addBehindTail(entry: Entry): void {
    if (this.#overlay === undefined) return
    if (this.#overlay.length < QUEUE_PAGE_ENTRIES_MAX) this.#overlay.push(entry)
    else this.#overlay = undefined
  }

  /** `lastSeq`: the last number that existed when the page was asked for. */
  #takePage(page: Entry[], lastSeq: number): void {
    for (const entry of page) {
      entry.dup = entry.seq <= this.sentThrough
      this.#items.push(entry)
      this.#waitingBytes += entry.message.size
    }
    const overlay = this.#overlay
    this.#overlay = undefined
    const reached = page.length > 0 ? page[page.length - 1].seq : lastSeq
    if (reached < lastSeq) this.#tailFirst = reached + 1
    else if (overlay !== undefined) {
      for (const entry of overlay) {
        this.#items.push(entry)
        this.#waitingBytes += entry.message.size
      }
      this.#tailFirst = 0
      this.#recount()
    } else this.#tailFirst = lastSeq + 1
  }

  /** All is in memory: what it holds is the truth, even where damaged rows were skipped on disk. */
  #recount(): void {
    this.count = 0
    this.bytes = 0
    for (let i = this.#head; i < this.#items.length; i++) {
      const entry = this.#items[i]
      if (entry.state === 'done') continue
      this.count++
      this.bytes += entry.message.size
    }
  }

  #leave(entry: Entry): void {
    this.count--
    this.bytes -= entry.message.size
    if (entry.loan !== undefined) this.#settle(entry.loan)
    else if (this.number !== 0) this.#store.remove(this.number, entry)
  }

  #settle(loan: Loan): void {
    if (--this.#loans === 0) this.#loansFirst = Number.POSITIVE_INFINITY
    loan.lender.settled(loan)
  }

  /** The lowest number in memory that is not done; 0: there is none. An adopted entry may stand behind higher ones. */
  #firstLeft(): number {
    let first = 0
    for (let i = this.#head; i < this.#items.length; i++) {
      const { state, seq } = this.#items[i]
      if (state !== 'done' && (first === 0 || seq < first)) first = seq
    }
    return first
  }

  #dropHead(): void {
    const items = this.#items
    while (this.#head < this.#next && items[this.#head].state === 'done') this.#head++
    if (this.#head === items.length) {
      if (items.length > 0) {
        if (items.length > 64) this.#items = []
        else items.length = 0
      }
      this.#head = this.#next = 0
      return
    }
    if (this.#head > 512 && this.#head * 2 > items.length) {
      items.splice(0, this.#head)
      this.#next -= this.#head
      this.#head = 0
    }
    const done = this.#next - this.#head - this.inFlight
    if (done > 64 + this.inFlight + (items.length - this.#next) / 8) this.#compact()
  }

  /** Entries that were finished behind one that never is would pile up: takes them out. */
  #compact(): void {
    const inFlight = this.#items.slice(this.#head, this.#next).filter(entry => entry.state !== 'done')
    this.#items = inFlight.concat(this.#items.slice(this.#next))
    this.#head = 0
    this.#next = inFlight.length
  }

  #forget(): void {
    this.#items = []
    this.#head = this.#next = 0
    this.inFlight = 0
    this.#waitingBytes = 0
    this.#loading = false
    this.#overlay = undefined
    this.#generation++
  }
}
