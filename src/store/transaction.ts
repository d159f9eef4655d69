/** Carries out a packed batch, or only what it takes out of queues, as one transaction. */
import { ByteReader } from './bytes.ts'
import { type Connection, INSERT_ROWS, rowId } from './connection.ts'
import { readPage } from './page.ts'
import { type PageAnswer, QUEUE_OP, SEQ_MAX, TABLE_OP } from './protocol.ts'

/** The first field of a batch. */
export function positionOf(buffer: ArrayBuffer): number {
  return new DataView(buffer).getFloat64(0, true)
}

/** What one transaction gathers while it runs. */
class Work {
  readonly connection: Connection
  readonly reader: ByteReader
  readonly deletionsOnly: boolean
  readonly pages: PageAnswer[] = []
  /** References to take from shared messages at the end. */
  readonly released = new Map<number, number>()
  /** Rows that wait to be inserted together, as flat parameters. */
  readonly rows: unknown[] = []
  entries = 0
  bytes = 0
  /** The queue was counted anew or dropped, so that `entries` and `bytes` are absolute. */
  recounted = false

  constructor(connection: Connection, reader: ByteReader, deletionsOnly: boolean) {
    this.connection = connection
    this.reader = reader
    this.deletionsOnly = deletionsOnly
  }
}

/**
 * Commits a batch with its position, run and clocks. Reads see what stands before them.
 * @throws SQLite's errors; the transaction may be open, rolled back or committed then
 */
export function commitBatch(connection: Connection, buffer: ArrayBuffer, run: number): PageAnswer[] {
  const reader = new ByteReader(new Uint8Array(buffer))
  const position = reader.f64()
  const runningMs = reader.f64()
  const wallMs = reader.f64()
  const synchronised = reader.u8()
  const work = new Work(connection, reader, false)
  connection.begin.run()
  putMessages(work)
  changeQueues(work)
  changeTables(work)
  releaseMessages(work)
  connection.writeCommit.run(position, run, runningMs, wallMs, synchronised)
  connection.commit.run()
  return work.pages
}

/** Commits what a batch takes out of queues and nothing else of it: it is to make room for the rest. */
export function commitDeletions(connection: Connection, buffer: ArrayBuffer): void {
  const reader = new ByteReader(new Uint8Array(buffer), 25)
  const work = new Work(connection, reader, true)
  connection.begin.run()
  for (let count = reader.u32(); count > 0; count--) {
    reader.raw(12)
    reader.block()
  }
  changeQueues(work)
  releaseMessages(work)
  connection.commit.run()
}

function putMessages({ reader, connection }: Work): void {
  for (let count = reader.u32(); count > 0; count--) {
    const id = reader.f64()
    const references = reader.u32()
    connection.putMessage.run(id, references, reader.block())
  }
}

function changeQueues(work: Work): void {
  const { reader } = work
  for (let count = reader.u32(); count > 0; count--) {
    const queue = reader.u32()
    work.entries = 0
    work.bytes = 0
    work.recounted = false
    for (let operations = reader.u32(); operations > 0; operations--) changeQueue(work, queue)
    insertRest(work)
    keepTally(work, queue)
  }
}

/** Several rows at a time, which spares more than half of what the statement costs. */
function insert(work: Work, ...row: [id: number | bigint, message: number | null, size: number, record: Buffer]): void {
  work.rows.push(...row)
  if (work.rows.length < 4 * INSERT_ROWS) return
  work.connection.insertEntries.run(work.rows)
  work.rows.length = 0
}

/** Inserts the rows that wait: before anything else looks at the queue. */
function insertRest({ connection, rows }: Work): void {
  for (let at = 0; at < rows.length; at += 4) connection.insertEntry.run(rows[at], rows[at + 1], rows[at + 2], rows[at + 3])
  rows.length = 0
}

function changeQueue(work: Work, queue: number): void {
  const { reader, connection } = work
  const op = reader.u8()
  if (op !== QUEUE_OP.add) insertRest(work)
  if (op === QUEUE_OP.add) {
    const seq = reader.f64()
    const message = reader.f64()
    const size = reader.u32()
    const record = reader.block()
    if (work.deletionsOnly) return
    insert(work, rowId(queue, seq), message === 0 ? null : message, size, record)
    work.entries++
    work.bytes += size
  } else if (op === QUEUE_OP.removeInline) {
    removeInline(work, queue, reader.f64(), reader.f64(), reader.f64())
  } else if (op === QUEUE_OP.removeShared) {
    const seq = reader.f64()
    const message = reader.f64()
    const size = reader.u32()
    if (connection.deleteEntry.run(rowId(queue, seq)).changes === 0) return
    work.entries--
    work.bytes -= size
    work.released.set(message, (work.released.get(message) ?? 0) + 1)
  } else if (op === QUEUE_OP.removeRange) {
    removeRange(work, queue, reader.f64(), reader.f64())
  } else if (op === QUEUE_OP.move) {
    const seq = reader.f64()
    if (!work.deletionsOnly) removeRange(work, queue, seq, seq)
  } else if (op === QUEUE_OP.drop) {
    removeRange(work, queue, 0, SEQ_MAX)
    work.entries = 0
    work.bytes = 0
    work.recounted = true
  } else if (op === QUEUE_OP.received) {
    const seq = reader.f64()
    if (!work.deletionsOnly) connection.markReceived.run(rowId(queue, seq))
  } else {
    const request = { id: reader.f64(), queue, fromSeq: reader.f64(), entriesMax: reader.u32(), bytesMax: reader.f64() }
    if (!work.deletionsOnly) work.pages.push(readPage(connection, request))
  }
}

function removeInline(work: Work, queue: number, firstSeq: number, lastSeq: number, bytes: number): void {
  const { changes } = work.connection.deleteEntries.run(rowId(queue, firstSeq), rowId(queue, lastSeq))
  if (changes === lastSeq - firstSeq + 1) {
    work.entries -= changes
    work.bytes -= bytes
  } else if (changes > 0) recount(work, queue)
}

function removeRange(work: Work, queue: number, firstSeq: number, lastSeq: number): void {
  const { connection, released } = work
  const [first, last] = [rowId(queue, firstSeq), rowId(queue, lastSeq)]
  const shared = connection.sharedInRange.all(first, last) as [number, number][]
  for (const [message, count] of shared) released.set(message, (released.get(message) ?? 0) + count)
  const bytes = Number(connection.bytesInRange.get(first, last))
  work.entries -= connection.deleteEntries.run(first, last).changes
  work.bytes -= bytes
}

/** Some of what was to be removed was not there (a salvaged store has holes), so the difference is unknown. */
function recount(work: Work, queue: number): void {
  const [entries, bytes] = work.connection.sumOfRange.get(rowId(queue, 0), rowId(queue, SEQ_MAX)) as [number, number]
  work.entries = entries
  work.bytes = bytes
  work.recounted = true
}

function keepTally({ connection, entries, bytes, recounted }: Work, queue: number): void {
  if (!recounted) {
    if (entries !== 0 || bytes !== 0) connection.addToTally.run(queue + 1, entries, bytes)
  } else if (entries === 0) connection.dropTally.run(queue + 1)
  else connection.setTally.run(queue + 1, entries, bytes)
}

/** A message's row goes with its last reference. */
function releaseMessages({ connection, released }: Work): void {
  for (const [message, references] of released) {
    connection.releaseMessage.run(references, message)
    connection.deleteMessage.run(message)
  }
}

function changeTables({ reader, connection }: Work): void {
  for (let count = reader.u32(); count > 0; count--) {
    const op = reader.u8()
    const name = reader.string()
    if (op === TABLE_OP.putRecord) {
      const key = reader.string()
      connection.putRecord.run(name, key, reader.block())
    } else if (op === TABLE_OP.deleteRecord) connection.deleteRecord.run(name, reader.string())
    else if (op === TABLE_OP.dropOwner) connection.dropOwner.run(name)
    else if (op === TABLE_OP.setRetained) connection.putRetained.run(name, reader.block())
    else connection.deleteRetained.run(name)
  }
}
