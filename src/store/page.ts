/** Pages of a queue: read and packed by the worker, taken apart by the main thread. */
import { isGatewayError } from '#base/errors.ts'
import type { Entry, Message } from '#broker/ports.ts'
import { STORED_INLINE, STORED_SHARED } from './batch.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { type Connection, rowId } from './connection.ts'
import { type PageAnswer, type PageRequest, SEQ_MAX } from './protocol.ts'
import { decodeEntry, decodeMessage } from './record.ts'

type Row = [seq: number, message: number | null, size: number, received: number | null, record: Buffer]

const NO_MESSAGE = 0xffffffff
const writer = new ByteWriter(16_384)

export function readPage(connection: Connection, request: PageRequest): PageAnswer {
  const { queue, fromSeq, entriesMax, bytesMax } = request
  const rows: Row[] = []
  let bytes = 0
  const [first, last] = [rowId(queue, fromSeq), rowId(queue, SEQ_MAX)]
  for (const row of connection.readRows.iterate(first, last, Math.max(1, entriesMax)) as IterableIterator<Row>) {
    if (rows.length > 0 && bytes + row[2] > bytesMax) break
    bytes += row[2]
    rows.push(row)
  }
  for (const [seq, message, size, received, record] of rows) {
    writer.reserve(40 + record.length)
    writer.f64(seq)
    writer.u8(received ? 1 : 0)
    writer.f64(message ?? 0)
    writer.u32(size)
    writer.block(record)
    const shared = message === null ? undefined : (connection.readMessage.get(message) as Buffer | undefined)
    if (shared === undefined) {
      writer.u32(NO_MESSAGE)
      continue
    }
    writer.reserve(4 + shared.length)
    writer.block(shared)
  }
  return { id: request.id, rows: rows.length, buffer: writer.take() }
}

/** A row whose record makes no sense; `size` is what it counted. */
export interface CorruptRow {
  seq: number
  size: number
}

export function sizeOf(rows: readonly CorruptRow[]): number {
  return rows.reduce((sum, { size }) => sum + size, 0)
}

export interface Page {
  entries: Entry[]
  /** Rows that could not be read. */
  corrupt: CorruptRow[]
  lastSeq: number
}

/** The entries of a page; payloads are ranges of its buffer. A row that makes no sense is left out and named. */
export function decodePage({ rows, buffer }: PageAnswer): Page {
  const reader = new ByteReader(new Uint8Array(buffer))
  const page: Page = { entries: [], corrupt: [], lastSeq: 0 }
  const shared = new Map<number, Message>()
  for (let row = 0; row < rows; row++) {
    const seq = reader.f64()
    const received = reader.u8() === 1
    const messageId = reader.f64()
    const size = reader.u32()
    const record = span(reader, reader.u32())
    const messageLength = reader.u32()
    const message = messageLength === NO_MESSAGE ? undefined : span(reader, messageLength)
    page.lastSeq = seq
    try {
      const entry = decodeEntry(record, seq, messageId === 0 ? undefined : sharedMessage(shared, messageId, message))
      entry.storeBatch = messageId === 0 ? STORED_INLINE : STORED_SHARED
      entry.storeIndex = messageId
      if (received) entry.state = 'received'
      page.entries.push(entry)
    } catch (error) {
      if (!isGatewayError(error)) throw error
      page.corrupt.push({ seq, size })
    }
  }
  return page
}

/** A reader of the next `length` bytes alone; the outer one moves past them. */
function span(reader: ByteReader, length: number): ByteReader {
  const start = reader.position
  reader.position += length
  return new ByteReader(reader.bytes, start, start + length)
}

function sharedMessage(known: Map<number, Message>, id: number, record: ByteReader | undefined): Message {
  let message = known.get(id)
  if (message !== undefined) return message
  // A row whose message is gone is as bad as one that is cut short.
  message = decodeMessage(record ?? new ByteReader(new Uint8Array(0)))
  message.storedId = id
  known.set(id, message)
  return message
}
