import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import { Entry, type EntryState, Message } from '#broker/message.ts'
import type { Position, Store, StoreCondition, StoreCounters, StoredQueue, StoredState } from '#broker/store-port.ts'

interface StoredEntry {
  seq: number
  message: Message
  qos: Entry['qos']
  retain: boolean
  identifiers: readonly number[] | undefined
  state: EntryState
}

/** What survives a crash. Give the same one to the next {@link MemoryStore}. */
export class MemoryDisk {
  readonly queues = new Map<number, Map<number, StoredEntry>>()
  readonly records = new Map<string, Map<string, Uint8Array>>()
  readonly retained = new Map<string, Message>()
  clock: StoredState['clock']
}

interface Operation {
  position: Position
  bytes: number
  /** The entry that it adds, while it may still be elided. */
  entry?: Entry
  /** What it takes out, so that a read which overtakes a failing batch leaves it out. */
  removes?: { queue: number; firstSeq: number; lastSeq: number }
  apply: (disk: MemoryDisk) => void
  read?: PageRead
}

interface PageRead {
  queue: number
  fromSeq: number
  entriesMax: number
  bytesMax: number
  resolve: (page: Entry[]) => void
  reject: (error: Error) => void
}

export interface MemoryStoreOptions {
  clock: Clock
  disk?: MemoryDisk
  /** Running time that goes with each commit; default: the clock's own. */
  runningMs?: () => number
}

let openings = 0

/**
 * The `Store` port in memory, with the order of events of the real one: what is appended in one turn is one
 * transaction, committed at the end of the turn by `clock.defer`. A test holds commits back (`hold`, `release`),
 * lets the disk fill or fail (`fail`, `heal`) and crashes it (`crash`, then a new store on the same disk).
 */
export class MemoryStore implements Store {
  readonly disk: MemoryDisk
  readonly counters: StoreCounters = {
    operations: 0,
    entries: 0,
    elided: 0,
    commits: 0,
    emptyBatches: 0,
    failures: 0,
    bytes: 0,
    pagesRead: 0,
  }
  position = 0
  committed = 0
  condition: StoreCondition = 'ok'
  uncommittedBytes = 0
  onCommitted: (committed: Position) => void = () => {}
  onCondition: (condition: StoreCondition, reason: string) => void = () => {}
  onDamaged: (queue: number, entries: number, bytes: number) => void = () => {}
  #clock: Clock
  #runningMs: () => number
  #pending: Operation[] = []
  /** Marks entries of the unwritten batch; another number after each commit. */
  #batch = ++openings * 1e6
  #scheduled = false
  #held = false
  #fault: 'full' | 'failed' | undefined
  #state: 'open' | 'closed' | 'crashed' = 'open'

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock
    this.disk = options.disk ?? new MemoryDisk()
    this.#runningMs = options.runningMs ?? (() => this.#clock.monotonic())
  }

  get usedBytes(): number {
    let bytes = 0
    for (const queue of this.disk.queues.values()) for (const entry of queue.values()) bytes += entry.message.size
    return bytes
  }

  // -- what a test does to it

  /** Commits nothing until `release`. */
  hold(): void {
    this.#held = true
  }

  /** Commits what waits, now, and goes on as usual. */
  release(): void {
    this.#held = false
    this.commitNow()
  }

  /** From now on attempts to commit fail; the condition changes at the first of them. */
  fail(condition: 'full' | 'failed' = 'full'): void {
    this.#fault = condition
  }

  /** The disk takes writes again: commits what waits, now. */
  heal(): void {
    this.#fault = undefined
    this.commitNow()
    this.#become('ok', '')
  }

  /** The process dies: what is not committed is lost, pending reads never answer. Go on with a new store on `disk`. */
  crash(): void {
    this.#state = 'crashed'
    this.#pending = []
  }

  /** Tries to commit what waits, unless held. */
  commitNow(): void {
    this.#scheduled = false
    if (this.#held || this.#state !== 'open' || this.#pending.length === 0) return
    const batch = this.#pending
    const wrote = batch.some(operation => operation.apply !== nothing && operation.read === undefined)
    if (wrote && this.#fault !== undefined) {
      this.#failed(this.#fault)
      return
    }
    this.#pending = []
    this.#batch++
    for (const operation of batch) {
      operation.apply(this.disk)
      this.uncommittedBytes -= operation.bytes
    }
    if (wrote) {
      this.counters.commits++
      this.disk.clock = { runningMs: this.#runningMs(), wallMs: this.#clock.now(), synchronised: this.#clock.synchronised() }
    } else this.counters.emptyBatches++
    this.#advance(batch[batch.length - 1]!.position)
  }

  // -- the port

  load(): Promise<StoredState> {
    const queues: StoredQueue[] = []
    for (const [queue, entries] of this.disk.queues) {
      const list = [...entries.values()].sort((a, b) => a.seq - b.seq)
      if (list.length === 0) continue
      const bytes = list.reduce((sum, entry) => sum + entry.message.size, 0)
      queues.push({ queue, firstSeq: list[0]!.seq, lastSeq: list[list.length - 1]!.seq, count: list.length, bytes })
    }
    const records = new Map([...this.disk.records].map(([owner, entries]) => [owner, new Map(entries)]))
    return Promise.resolve({
      records,
      queues,
      retained: [...this.disk.retained.values()].map(copyMessage),
      clock: this.disk.clock,
      faults: [],
    })
  }

  enqueue(queue: number, entry: Entry): Position {
    this.counters.entries++
    entry.storeBatch = this.#batch
    entry.storeIndex = this.#pending.length
    const bytes = entry.message.size
    return this.#append({ bytes, entry, apply: disk => queueOf(disk, queue).set(entry.seq, storedEntry(entry)) })
  }

  remove(queue: number, entry: Entry): Position {
    const added = entry.storeBatch === this.#batch ? this.#pending[entry.storeIndex] : undefined
    if (added?.entry === entry && entry.qos < 2) {
      this.counters.elided++
      this.uncommittedBytes -= added.bytes
      added.bytes = 0
      added.apply = nothing
      delete added.entry
      return this.#append({ bytes: 0, apply: nothing })
    }
    return this.removeRange(queue, entry.seq, entry.seq)
  }

  removeRange(queue: number, firstSeq: number, lastSeq: number): Position {
    const apply = (disk: MemoryDisk) => {
      const entries = queueOf(disk, queue)
      for (const seq of entries.keys()) if (seq >= firstSeq && seq <= lastSeq) entries.delete(seq)
    }
    return this.#append({ bytes: 0, removes: { queue, firstSeq, lastSeq }, apply })
  }

  markReceived(queue: number, entry: Entry): Position {
    const apply = (disk: MemoryDisk) => {
      const stored = queueOf(disk, queue).get(entry.seq)
      if (stored) stored.state = 'received'
    }
    return this.#append({ bytes: 0, apply })
  }

  dropQueue(queue: number): Position {
    return this.#append({ bytes: 0, removes: { queue, firstSeq: 0, lastSeq: Infinity }, apply: disk => disk.queues.delete(queue) })
  }

  readPage(queue: number, fromSeq: number, entriesMax: number, bytesMax: number): Promise<Entry[]> {
    if (this.#state !== 'open') return Promise.reject(closedError())
    return new Promise((resolve, reject) => {
      const read: PageRead = { queue, fromSeq, entriesMax, bytesMax, resolve, reject }
      this.#append({
        bytes: 0,
        read,
        apply: disk => {
          this.counters.pagesRead++
          resolve(pageOf(disk, read, () => false))
        },
      })
    })
  }

  setRetained(topic: string, message: Message | undefined): Position {
    return this.#append({
      bytes: message?.size ?? 0,
      apply: disk => {
        if (message) disk.retained.set(topic, copyMessage(message))
        else disk.retained.delete(topic)
      },
    })
  }

  putRecord(owner: string, key: string, value: Uint8Array): Position {
    const apply = (disk: MemoryDisk) => {
      const entries = disk.records.get(owner) ?? new Map<string, Uint8Array>()
      disk.records.set(owner, entries.set(key, value.slice()))
    }
    return this.#append({ bytes: value.length, apply })
  }

  deleteRecord(owner: string, key: string): Position {
    const apply = (disk: MemoryDisk) => {
      const entries = disk.records.get(owner)
      entries?.delete(key)
      if (entries?.size === 0) disk.records.delete(owner)
    }
    return this.#append({ bytes: 0, apply })
  }

  dropOwner(owner: string): Position {
    return this.#append({ bytes: 0, apply: disk => disk.records.delete(owner) })
  }

  async heartbeat(): Promise<void> {}

  flush(): void {
    this.#schedule()
  }

  close(): Promise<void> {
    if (this.#state === 'open') {
      this.#held = false
      this.commitNow()
      this.#state = 'closed'
      for (const operation of this.#pending) operation.read?.reject(closedError())
    }
    return Promise.resolve()
  }

  #append(operation: Omit<Operation, 'position'>): Position {
    if (this.#state !== 'open') throw closedError()
    this.counters.operations++
    this.uncommittedBytes += operation.bytes
    const position = ++this.position
    this.#pending.push({ position, ...operation })
    this.#schedule()
    return position
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.defer(() => {
      if (this.#scheduled) this.commitNow()
    })
  }

  #advance(position: Position): void {
    this.committed = position
    this.onCommitted(position)
  }

  #become(condition: StoreCondition, reason: string): void {
    if (this.condition === condition) return
    this.condition = condition
    this.onCondition(condition, reason)
  }

  /** Nothing of the batch is committed; reads are answered from what is, leaving out what the batch takes out. */
  #failed(condition: 'full' | 'failed'): void {
    this.counters.failures++
    for (const operation of this.#pending) {
      if (operation.read === undefined) continue
      const read = operation.read
      const removed = (seq: number) =>
        this.#pending.some(
          ({ position, removes }) =>
            position < operation.position && removes?.queue === read.queue && seq >= removes.firstSeq && seq <= removes.lastSeq,
        )
      const page = pageOf(this.disk, read, removed)
      if (page.length === 0) continue
      delete operation.read
      operation.apply = nothing
      this.counters.pagesRead++
      read.resolve(page)
    }
    this.#become(condition, condition === 'full' ? 'the disk is full' : 'the disk does not take writes')
  }
}

/** What is left of an operation that needs no write. */
function nothing(): void {}

function closedError(): GatewayError {
  return new GatewayError('server-busy', 'the store is closed')
}

function queueOf(disk: MemoryDisk, queue: number): Map<number, StoredEntry> {
  let entries = disk.queues.get(queue)
  if (entries === undefined) disk.queues.set(queue, (entries = new Map()))
  return entries
}

function pageOf(disk: MemoryDisk, read: PageRead, removed: (seq: number) => boolean): Entry[] {
  const page: Entry[] = []
  let bytes = 0
  const stored = [...(disk.queues.get(read.queue)?.values() ?? [])].filter(({ seq }) => seq >= read.fromSeq && !removed(seq))
  for (const { seq, message, qos, retain, identifiers, state } of stored.sort((a, b) => a.seq - b.seq)) {
    if (page.length > 0 && (page.length >= read.entriesMax || bytes + message.size > read.bytesMax)) break
    const entry = new Entry(seq, copyMessage(message), qos, retain, identifiers)
    entry.state = state
    page.push(entry)
    bytes += message.size
  }
  return page
}

function storedEntry(entry: Entry): StoredEntry {
  const { seq, qos, retain } = entry
  return { seq, message: copyMessage(entry.message), qos, retain, identifiers: entry.identifiers?.slice(), state: 'queued' }
}

function copyMessage(message: Message): Message {
  const { topic, qos, retain, properties, publisher, expiresAtMs, timeMs, timeQuality, takenAtMs } = message
  const payload = message.payload.slice()
  return Message.from({ topic, payload, qos, retain, properties, publisher, expiresAtMs, timeMs, timeQuality, takenAtMs })
}
