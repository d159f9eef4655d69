/**
 * The store as the broker sees it: one numbered stream of operations, committed in groups. Everything appended
 * within one turn of the event loop is in one transaction; `committed(n)` says that all operations up to n are
 * on disk. Reads are operations of the same stream and see all that was appended before them.
 */
import type { Entry, Message } from './message.ts'

/** Number of an operation in the stream: 1, 2, 3, … over one run of the process. 0 stands for "nothing to wait for". */
export type Position = number

/** What is in one queue, as read at the start. Sizes as {@link Message.size}. */
export interface StoredQueue {
  queue: number
  firstSeq: number
  lastSeq: number
  count: number
  bytes: number
}

/** All that the broker loads at its start; payloads of queues stay on disk. */
export interface StoredState {
  /** Every record, by owner, then key. */
  records: Map<string, Map<string, Uint8Array>>
  queues: StoredQueue[]
  /** Retained messages; to be gone through once. */
  retained: Iterable<Message>
  /** Running time and wall clock as of the last commit of the run before, and whether the clock was believed then. */
  clock: { runningMs: number; wallMs: number; synchronised: boolean } | undefined
  /** What was found wrong and what was done about it; empty after an ordinary start. */
  faults: StoreFault[]
}

/** A corrupt file that was set aside, and what could be saved of it. */
export interface StoreFault {
  code: 'store-corrupt'
  message: string
  /** The file that was set aside. */
  file: string
  salvaged: { entries: number; records: number; retained: number }
}

/**
 * How the store takes writes: `ok`; `full` (no space, or byte budget spent); `failed` (I/O errors). While it is
 * not `ok` the waiting batch is tried again with back-off, and the broker refuses what needs the disk.
 */
export type StoreCondition = 'ok' | 'full' | 'failed'

export interface StoreCounters {
  /** Operations appended. */
  operations: number
  /** Entries appended, and those of them that were acknowledged before they were written (never reached the disk). */
  entries: number
  elided: number
  /** Transactions committed, and batches of which nothing was left. */
  commits: number
  emptyBatches: number
  /** Attempts at a transaction that failed. */
  failures: number
  /** Bytes of records written. */
  bytes: number
  pagesRead: number
}

export interface Store {
  /** Number of the last operation appended. */
  readonly position: Position
  /** All operations up to this one are durable. */
  readonly committed: Position
  readonly condition: StoreCondition
  /** Bytes appended and not committed. */
  readonly uncommittedBytes: number
  /** Pages in use and WAL, as of the last commit. */
  readonly usedBytes: number
  readonly counters: Readonly<StoreCounters>

  /** Called after each advance of `committed`. One listener, set by the broker before `load`. */
  onCommitted: (committed: Position) => void
  /** Entries of a queue could not be read and have been taken out; called before the page that lacks them arrives. */
  onDamaged: (queue: number, entries: number, bytes: number) => void
  /** Called after each change of `condition`. */
  onCondition: (condition: StoreCondition, reason: string) => void

  /** Opens, checks, migrates, salvages if need be, and reads the state. Called once, first. */
  load(): Promise<StoredState>

  /** Adds an entry to a queue, at its end but for one that comes late; its number is not in use. The message is stored once for all its entries. */
  enqueue(queue: number, entry: Entry): Position
  /** Takes an entry out. One that is not yet written, and is not QoS 2, is elided with its addition. */
  remove(queue: number, entry: Entry): Position
  /** Takes all entries with firstSeq ≤ seq ≤ lastSeq out, without knowing them. */
  removeRange(queue: number, firstSeq: number, lastSeq: number): Position
  /** Remembers that the recipient of a QoS 2 entry has sent PUBREC; `readPage` gives it back as `received`. */
  markReceived(queue: number, entry: Entry): Position
  /** Takes out everything of a queue. Its number may be used again afterwards. */
  dropQueue(queue: number): Position
  /**
   * Up to `entriesMax` entries (at least one if there is one) of about `bytesMax` bytes in order from `fromSeq`
   * on; `bytes` is what they weigh. An empty page: there are none. Rejects only when the store is closed.
   */
  readPage(queue: number, fromSeq: number, entriesMax: number, bytesMax: number): Promise<Entry[]>

  /** Stores the retained message of its topic, or deletes that topic's when `message` is undefined. */
  setRetained(topic: string, message: Message | undefined): Position

  /** Stores a record, replacing the one of that owner and key. The value must not be changed afterwards. */
  putRecord(owner: string, key: string, value: Uint8Array): Position
  deleteRecord(owner: string, key: string): Position
  /** Deletes all records of an owner. */
  dropOwner(owner: string): Position

  /** Commits at the end of this turn instead of gathering on. */
  flush(): void
  /** Resolves once whoever does the work has answered, after all it was asked before. One that hangs never answers. */
  heartbeat(): Promise<void>
  /** Commits what is waiting, checkpoints (best effort) and closes. Appending afterwards throws. */
  close(): Promise<void>
}
