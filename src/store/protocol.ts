/**
 * What the main thread and the store's worker say to each other, and the layout of a batch.
 *
 * A batch is one buffer, little-endian: position f64, running time f64, wall clock f64, synchronised u8, then
 * - messages: count u32, each id f64, references u32, record (length u32, bytes)
 * - queues: count u32, each number u32, operations u32 and these in their order, see {@link QUEUE_OP}
 * - table operations: count u32, each kind u8 and its fields, see {@link TABLE_OP}
 */
import type { ErrorCode } from '#base/errors.ts'
import type { LogLevel } from '#base/logger.ts'
import type { Position, StoredQueue, StoredState, StoreFault } from '#broker/ports.ts'

export const QUEUE_OP = {
  /** seq f64, message id f64 (0: the record is inline), size u32, record (length u32, bytes) */
  add: 1,
  /** first seq f64, last seq f64, their sizes f64: entries with inline records, none missing in between */
  removeInline: 2,
  /** seq f64, message id f64, size u32: an entry whose message has a row of its own */
  removeShared: 3,
  /** first seq f64, last seq f64: whatever is there */
  removeRange: 4,
  /** nothing more */
  drop: 5,
  /** seq f64 */
  received: 6,
  /** read id f64, from seq f64, entries at most u32, bytes at most f64 */
  read: 7,
  /** seq f64: an entry whose message is added to another queue by the same batch; not to be taken out ahead of it */
  move: 8,
} as const

export const TABLE_OP = {
  /** owner, key, value */
  putRecord: 1,
  /** owner, key */
  deleteRecord: 2,
  /** owner */
  dropOwner: 3,
  /** topic, record */
  setRetained: 4,
  /** topic */
  deleteRetained: 5,
} as const

/** A sequence number takes the low bits of a row's id, the queue's number the rest: 2^42 entries, 2^21 queues. */
export const SEQ_BITS = 42
export const SEQ_MAX = 2 ** SEQ_BITS - 1
export const QUEUE_MAX = 2 ** (63 - SEQ_BITS) - 1

/** What the worker is started with. */
export interface WorkerSettings {
  dataDir: string
  /** The SQLite addon, where it is not to be found beside better-sqlite3. */
  addonFile: string | undefined
  /** Pages in use and WAL at most; beyond it the WAL is cut back with each commit. */
  bytesMax: number
}

/** One page asked for outside of a batch. */
export interface PageRequest {
  id: number
  queue: number
  fromSeq: number
  entriesMax: number
  bytesMax: number
}

/** A page as read: rows of seq f64, received u8, message id f64, size u32, entry, message (each length u32, bytes; no message: u32 max). */
export interface PageAnswer {
  id: number
  rows: number
  buffer: ArrayBuffer
}

export type ToWorker =
  | { type: 'load' }
  | { type: 'batch'; buffer: ArrayBuffer }
  | { type: 'read'; request: PageRequest }
  | { type: 'ping'; id: number }
  | { type: 'close'; checkpoint: boolean }

export interface LoadedState {
  /** owner, key, value: strings and block, one after the other */
  records: ArrayBuffer
  recordCount: number
  queues: StoredQueue[]
  /** Records of retained messages as blocks, in buffers of bounded size. */
  retained: { count: number; buffer: ArrayBuffer }[]
  clock: StoredState['clock']
  faults: StoreFault[]
  usedBytes: number
  /** The first id that a shared message may get. */
  nextMessageId: number
}

export type FromWorker =
  | { type: 'loaded'; state: LoadedState }
  | { type: 'refused'; code: ErrorCode; message: string; hint: string | undefined }
  /** `buffer` is the batch's, given back. */
  | { type: 'committed'; position: Position; usedBytes: number; pages: PageAnswer[]; buffer: ArrayBuffer }
  | { type: 'failed'; condition: 'full' | 'failed'; reason: string; usedBytes: number }
  /** A batch whose outcome is not known yet: the worker goes on trying to find out. */
  | { type: 'trouble'; condition: 'full' | 'failed'; reason: string }
  | { type: 'page'; page: PageAnswer | undefined; id: number }
  | { type: 'pong'; id: number }
  | { type: 'log'; level: LogLevel; message: string; fields: Record<string, unknown> }
  | { type: 'closed' }
