/**
 * Packs what is left of a batch into one buffer for the worker (layout: protocol.ts). Operations are grouped by
 * queue, because a queue's rows lie together on disk; within a queue their order is kept. Here it is decided
 * which messages are stored inline and which get a row of their own.
 */
import type { Entry, Message } from '#broker/ports.ts'
import {
  type Batch,
  LAST_QUEUE_OP,
  OP,
  type PageRead,
  type RecordChange,
  type RetainedChange,
  type SeqRange,
  STORED_INLINE,
  STORED_SHARED,
} from './batch.ts'
import { ByteWriter } from './bytes.ts'
import { QUEUE_OP, TABLE_OP } from './protocol.ts'
import { encodeEntry, encodeMessage } from './record.ts'

export interface CommitClock {
  runningMs: number
  wallMs: number
  synchronised: boolean
}

interface PendingRemoval {
  firstSeq: number
  lastSeq: number
  bytes: number
}

export class Packer {
  /** Bytes of the batch that was packed last; its buffer may be longer. */
  packedBytes = 0
  #nextMessageId: number
  /** Goes to the worker and back, so that batches leave no garbage outside of the heap. */
  #spare: ArrayBuffer | undefined
  readonly #head = new ByteWriter(4096)
  readonly #messages = new ByteWriter()
  readonly #queues = new ByteWriter()
  readonly #tables = new ByteWriter(16_384)
  #messageCount = 0
  /** Ids below it were given in earlier batches. */
  #firstId = 0
  /** Operations of the queue that is being written. */
  #operations = 0
  /** Messages that are stored inline, whose `storedId` is still a count of entries. */
  readonly #inline: (Message | undefined)[] = []
  #inlineCount = 0
  /** Older messages with rows of their own that this batch adds references to. */
  readonly #reused = new Set<number>()
  readonly #removal: PendingRemoval = { firstSeq: 0, lastSeq: -1, bytes: 0 }
  /** Groups of the batch: queue number → group, and each group's operations as a linked list. */
  readonly #groupOf = new Map<number, number>()
  #first: number[] = []
  #last: number[] = []
  #next: number[] = []

  constructor(nextMessageId: number) {
    this.#nextMessageId = nextMessageId
  }

  pack(batch: Batch, clock: CommitClock): ArrayBuffer {
    const tableCount = this.#group(batch)
    this.#firstId = this.#nextMessageId
    this.#messageCount = 0
    const numbers = [...this.#groupOf.keys()].sort((a, b) => a - b)
    for (const queue of numbers) this.#packQueue(batch, queue, this.#first[this.#groupOf.get(queue)!]!)
    const head = this.#head
    head.reserve(64)
    head.f64(batch.position)
    head.f64(clock.runningMs)
    head.f64(clock.wallMs)
    head.u8(clock.synchronised ? 1 : 0)
    const packed = this.#join(numbers.length, tableCount)
    this.#letGo()
    this.#reused.clear()
    this.#groupOf.clear()
    this.#first = []
    this.#last = []
    return packed
  }

  #letGo(): void {
    const inline = this.#inline
    for (let index = 0; index < this.#inlineCount; index++) {
      inline[index]!.storedId = 0
      inline[index] = undefined
    }
    this.#inlineCount = 0
    if (inline.length > INLINE_KEPT_MAX) inline.length = INLINE_KEPT_MAX
  }

  /** Links the operations of each queue, counts the entries of each message, writes the table operations. */
  #group(batch: Batch): number {
    const { codes, operands, length } = batch
    const next = this.#next
    let tableCount = 0
    for (let index = 0; index < length; index++) {
      const code = codes[index]!
      const op = code & 15
      if (op === OP.elided) continue
      if (op > LAST_QUEUE_OP) {
        tableCount++
        this.#packTable(op, operands[index] as RecordChange | RetainedChange)
        continue
      }
      if (op === OP.add) {
        const { message } = operands[index] as Entry
        if (message.storedId <= 0) message.storedId--
      }
      const queue = (code - op) / 16
      next[index] = -1
      const group = this.#groupOf.get(queue)
      if (group === undefined) {
        this.#groupOf.set(queue, this.#first.length)
        this.#first.push(index)
        this.#last.push(index)
      } else {
        next[this.#last[group]!] = index
        this.#last[group] = index
      }
    }
    return tableCount
  }

  #packQueue(batch: Batch, queue: number, firstIndex: number): void {
    const writer = this.#queues
    writer.reserve(8)
    writer.u32(queue)
    const countAt = writer.position
    writer.u32(0)
    this.#operations = 0
    for (let index = firstIndex; index !== -1; index = this.#next[index]!) {
      const op = batch.codes[index]! & 15
      const operand = batch.operands[index]
      if (op === OP.add) this.#packAdd(operand as Entry)
      else if (op === OP.remove) this.#packRemove(operand as Entry)
      else this.#packRare(op, operand)
    }
    this.#writeRemoval()
    writer.patchU32(countAt, this.#operations)
  }

  #packAdd(entry: Entry): void {
    const { message } = entry
    const writer = this.#queues
    const inline = message.storedId === -1
    if (inline) {
      this.#inline[this.#inlineCount++] = message
      entry.storeBatch = STORED_INLINE
    } else {
      if (message.storedId < 0) this.#share(entry, -message.storedId)
      else if (message.storedId < this.#firstId) this.#share(entry, 1)
      entry.storeBatch = STORED_SHARED
      entry.storeIndex = message.storedId
    }
    this.#operations++
    writer.reserve(64)
    writer.u8(QUEUE_OP.add)
    writer.f64(entry.seq)
    writer.f64(inline ? 0 : message.storedId)
    writer.u32(message.size)
    const lengthAt = writer.position
    writer.u32(0)
    encodeEntry(writer, entry)
    if (inline) encodeMessage(writer, message)
    writer.patchU32(lengthAt, writer.position - lengthAt - 4)
  }

  /** Writes a message's own row, or adds references to it: it may be there from an earlier batch, or gone since. */
  #share({ message }: Entry, references: number): void {
    if (message.storedId <= 0) message.storedId = this.#nextMessageId++
    else this.#reused.add(message.storedId)
    const writer = this.#messages
    writer.reserve(32)
    writer.f64(message.storedId)
    writer.u32(references)
    const lengthAt = writer.position
    writer.u32(0)
    encodeMessage(writer, message)
    writer.patchU32(lengthAt, writer.position - lengthAt - 4)
    this.#messageCount++
  }

  #packRemove(entry: Entry): void {
    const { seq, message } = entry
    const removal = this.#removal
    if (this.#adds(message)) {
      this.#packMove(seq)
      return
    }
    if (entry.storeBatch === STORED_INLINE) {
      if (seq !== removal.lastSeq + 1 || removal.lastSeq < 0) {
        this.#writeRemoval()
        removal.firstSeq = seq
      }
      removal.lastSeq = seq
      removal.bytes += message.size
      return
    }
    if (entry.storeBatch !== STORED_SHARED) {
      this.#packRange(seq, seq)
      return
    }
    const writer = this.#queues
    this.#operations++
    writer.reserve(32)
    writer.u8(QUEUE_OP.removeShared)
    writer.f64(seq)
    writer.f64(entry.storeIndex)
    writer.u32(message.size)
  }

  /** Whether this batch adds an entry of a message. */
  #adds({ storedId }: Message): boolean {
    return storedId < 0 || storedId >= this.#firstId || (storedId > 0 && this.#reused.has(storedId))
  }

  #packMove(seq: number): void {
    this.#writeRemoval()
    const writer = this.#queues
    this.#operations++
    writer.reserve(16)
    writer.u8(QUEUE_OP.move)
    writer.f64(seq)
  }

  /** Writes the run of removals that has gathered. */
  #writeRemoval(): void {
    const removal = this.#removal
    if (removal.lastSeq < 0) return
    const writer = this.#queues
    this.#operations++
    writer.reserve(32)
    writer.u8(QUEUE_OP.removeInline)
    writer.f64(removal.firstSeq)
    writer.f64(removal.lastSeq)
    writer.f64(removal.bytes)
    removal.lastSeq = -1
    removal.bytes = 0
  }

  #packRange(firstSeq: number, lastSeq: number): void {
    this.#writeRemoval()
    const writer = this.#queues
    this.#operations++
    writer.reserve(32)
    writer.u8(QUEUE_OP.removeRange)
    writer.f64(firstSeq)
    writer.f64(lastSeq)
  }

  #packRare(op: number, operand: unknown): void {
    if (op === OP.removeRange) {
      const { firstSeq, lastSeq } = operand as SeqRange
      this.#packRange(firstSeq, lastSeq)
      return
    }
    this.#writeRemoval()
    const writer = this.#queues
    this.#operations++
    writer.reserve(40)
    if (op === OP.drop) writer.u8(QUEUE_OP.drop)
    else if (op === OP.received) {
      writer.u8(QUEUE_OP.received)
      writer.f64((operand as Entry).seq)
    } else {
      const read = operand as PageRead
      writer.u8(QUEUE_OP.read)
      writer.f64(read.id)
      writer.f64(read.fromSeq)
      writer.u32(read.entriesMax)
      writer.f64(read.bytesMax)
    }
  }

  #packTable(op: number, change: RecordChange | RetainedChange): void {
    const writer = this.#tables
    if (op === OP.setRetained) {
      const { topic, message } = change as RetainedChange
      writer.reserve(16 + 3 * topic.length)
      writer.u8(message === undefined ? TABLE_OP.deleteRetained : TABLE_OP.setRetained)
      writer.string(topic)
      if (message === undefined) return
      const lengthAt = writer.position
      writer.u32(0)
      encodeMessage(writer, message)
      writer.patchU32(lengthAt, writer.position - lengthAt - 4)
      return
    }
    const { owner, key, value } = change as RecordChange
    writer.reserve(16 + 3 * (owner.length + key.length) + (value?.length ?? 0))
    writer.u8(op === OP.putRecord ? TABLE_OP.putRecord : op === OP.deleteRecord ? TABLE_OP.deleteRecord : TABLE_OP.dropOwner)
    writer.string(owner)
    if (op !== OP.dropOwner) writer.string(key)
    if (value !== undefined) writer.block(value)
  }

  #join(queueCount: number, tableCount: number): ArrayBuffer {
    const head = this.#head
    head.u32(this.#messageCount)
    const length = head.position + this.#messages.position + 4 + this.#queues.position + 4 + this.#tables.position
    const packed = this.#take(length)
    const bytes = new Uint8Array(packed)
    const view = new DataView(packed)
    let at = 0
    const put = (writer: ByteWriter) => {
      bytes.set(writer.bytes.subarray(0, writer.position), at)
      at += writer.position
      writer.clear()
    }
    put(head)
    put(this.#messages)
    view.setUint32(at, queueCount, true)
    at += 4
    put(this.#queues)
    view.setUint32(at, tableCount, true)
    at += 4
    put(this.#tables)
    this.packedBytes = length
    return packed
  }

  /** A buffer of at least `length` bytes: the one that came back, if it is long enough. */
  #take(length: number): ArrayBuffer {
    const spare = this.#spare
    this.#spare = undefined
    return spare !== undefined && spare.byteLength >= length
      ? spare
      : new ArrayBuffer(Math.max(2 ** Math.ceil(Math.log2(length)), BUFFER_BYTES))
  }

  /** Gives a buffer back that the worker is done with. */
  recycle(buffer: ArrayBuffer): void {
    if (buffer.byteLength <= BUFFER_BYTES_MAX) this.#spare = buffer
  }
}

/** Room for messages of a batch that is kept. */
const INLINE_KEPT_MAX = 16_384
const BUFFER_BYTES = 64 * 1024
/** A longer buffer is not kept. */
const BUFFER_BYTES_MAX = 4 * 1024 * 1024
