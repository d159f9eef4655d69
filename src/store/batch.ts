/**
 * The open batch: what has been appended since the last one was sealed, as light references. Nothing is encoded
 * here, because much of it will be elided before it is sealed.
 */
import type { Entry, Message, Position } from '#broker/ports.ts'

export const OP = {
  elided: 0,
  add: 1,
  remove: 2,
  removeRange: 3,
  drop: 4,
  received: 5,
  read: 6,
  putRecord: 7,
  deleteRecord: 8,
  dropOwner: 9,
  setRetained: 10,
} as const
export type Op = (typeof OP)[keyof typeof OP]

/** Operations up to this one concern a queue; the others a table. */
export const LAST_QUEUE_OP = OP.read

export interface SeqRange {
  firstSeq: number
  lastSeq: number
}

export interface PageRead {
  id: number
  queue: number
  fromSeq: number
  entriesMax: number
  bytesMax: number
  answered: boolean
  resolve: (page: Entry[]) => void
  reject: (error: Error) => void
}

export interface RecordChange {
  owner: string
  key: string
  value: Uint8Array | undefined
}

export interface RetainedChange {
  topic: string
  message: Message | undefined
}

export type Operand = Entry | SeqRange | PageRead | RecordChange | RetainedChange | undefined

/** `Entry.storeBatch` of an entry that has been sealed: its record is inline in its row. */
export const STORED_INLINE = -1
/** The same, and its message has a row of its own, whose id is in `Entry.storeIndex`. */
export const STORED_SHARED = -2

/** A cleared batch keeps room for as many operations. */
const KEPT_LENGTH_MAX = 16_384

let batches = 0

export class Batch {
  /** What `Entry.storeBatch` says while an entry is in this batch. */
  id = ++batches
  length = 0
  /** Per operation: queue × 16 + {@link OP}. */
  readonly codes: number[] = []
  readonly operands: Operand[] = []
  /** Operations that are not elided. */
  live = 0
  /** Those of them that only read. */
  readCount = 0
  /** What it weighs: topics, payloads, values and a fixed share. */
  bytes = 0
  /** Position of its last operation. */
  position: Position = 0
  /** Holds more than removals, whose loss would only cost a redelivery. */
  urgent = false

  /**
   * Empties it for another use. What it referred to is let go at once: an array that has grown old would keep its
   * entries, and the buffers behind them, until the whole heap is looked through.
   */
  cleared(): this {
    if (this.operands.length > KEPT_LENGTH_MAX) {
      this.operands.fill(undefined)
      this.operands.length = this.codes.length = KEPT_LENGTH_MAX
    } else this.operands.fill(undefined, 0, this.length)
    this.id = ++batches
    this.length = this.live = this.readCount = this.bytes = this.position = 0
    this.urgent = false
    return this
  }

  push(queue: number, op: Op, operand: Operand): void {
    const index = this.length++
    this.codes[index] = queue * 16 + op
    this.operands[index] = operand
    this.live++
    if (op === OP.read) this.readCount++
  }

  add(queue: number, entry: Entry, bytes: number): void {
    entry.storeBatch = this.id
    entry.storeIndex = this.length
    this.bytes += bytes
    this.urgent = true
    this.push(queue, OP.add, entry)
  }

  /** Takes an entry's addition out again. */
  elide(entry: Entry, bytes: number): void {
    const index = entry.storeIndex
    this.codes[index] = OP.elided
    this.operands[index] = undefined
    this.live--
    this.bytes -= bytes
  }

  /** Whether an entry's addition is in this batch and can still be taken out. */
  holds(entry: Entry): boolean {
    return entry.storeBatch === this.id && this.operands[entry.storeIndex] === entry
  }

  /** Adds what a batch after this one holds, which is given up. */
  absorb(later: Batch): void {
    for (let index = 0; index < later.length; index++) {
      const code = later.codes[index]!
      const operand = later.operands[index]
      const op = code & 15
      if (op === OP.elided) continue
      this.codes[this.length] = code
      this.operands[this.length] = operand
      if (op === OP.add) {
        const entry = operand as Entry
        entry.storeBatch = this.id
        entry.storeIndex = this.length
      }
      this.length++
      this.live++
      if (op === OP.read) this.readCount++
    }
    this.bytes += later.bytes
    this.position = Math.max(this.position, later.position)
    this.urgent ||= later.urgent
  }

  /** Marks the entries that are still in it as unwritten: its transaction failed and it is open again. */
  reopen(): void {
    for (let index = 0; index < this.length; index++) {
      if ((this.codes[index]! & 15) !== OP.add) continue
      const entry = this.operands[index] as Entry
      entry.storeBatch = this.id
      entry.storeIndex = index
    }
  }

  /** Whether it takes out the entry of that number; for reads that overtake it. */
  takesOut(queue: number, seq: number): boolean {
    for (let index = 0; index < this.length; index++) {
      const code = this.codes[index]!
      if (Math.floor(code / 16) !== queue) continue
      const op = code & 15
      if (op === OP.drop) return true
      if (op === OP.remove && (this.operands[index] as Entry).seq === seq) return true
      if (op !== OP.removeRange) continue
      const { firstSeq, lastSeq } = this.operands[index] as SeqRange
      if (seq >= firstSeq && seq <= lastSeq) return true
    }
    return false
  }

  /** Whether it adds to a queue. */
  addsTo(queue: number): boolean {
    return this.codes.slice(0, this.length).includes(queue * 16 + OP.add)
  }

  /** The page reads in it that have no answer yet. */
  reads(): PageRead[] {
    const reads: PageRead[] = []
    for (let index = 0; index < this.length; index++) {
      if ((this.codes[index]! & 15) !== OP.read) continue
      const read = this.operands[index] as PageRead
      if (!read.answered) reads.push(read)
    }
    return reads
  }
}
