/** Reads the state of a store at its start, in buffers that are handed to the main thread. */
import type { Message, Position, StoredQueue, StoreFault } from '#broker/ports.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { Connection } from './connection.ts'
import { type LoadedState, SEQ_BITS, SEQ_MAX } from './protocol.ts'
import { decodeMessage } from './record.ts'

/** Retained messages share buffers of about this size, so that one that stays does not keep all others in memory. */
const RETAINED_CHUNK_BYTES = 65_536

export interface LastCommit {
  position: Position
  run: number
  running: number | null
  wall: number | null
  synchronised: number | null
}

export function lastCommit(connection: Connection): LastCommit {
  const row = connection.readCommit.get() as LastCommit | undefined
  return row ?? { position: 0, run: 0, running: null, wall: null, synchronised: null }
}

/** @throws SQLite's errors */
export function readState(connection: Connection, faults: StoreFault[], usedBytes: number): LoadedState {
  const { running, wall, synchronised } = lastCommit(connection)
  const clock = running === null ? undefined : { runningMs: running, wallMs: wall ?? 0, synchronised: synchronised === 1 }
  return {
    ...readRecords(connection),
    queues: readQueues(connection),
    retained: readRetained(connection),
    clock,
    faults,
    usedBytes,
    nextMessageId: nextMessageId(connection),
  }
}

function readRecords({ database }: Connection): Pick<LoadedState, 'records' | 'recordCount'> {
  const writer = new ByteWriter()
  let recordCount = 0
  const rows = database.prepare('SELECT owner, key, value FROM record').raw().iterate() as IterableIterator<[string, string, Buffer]>
  for (const [owner, key, value] of rows) {
    writer.reserve(12 + 3 * (owner.length + key.length) + value.length)
    writer.string(owner)
    writer.string(key)
    writer.block(value)
    recordCount++
  }
  return { records: writer.take(), recordCount }
}

/** Counts and sizes come from the tally, first and last from the ends of each queue: no row is read but these. */
function readQueues({ database }: Connection): StoredQueue[] {
  const tallies = database.prepare('SELECT id - 1, entries, bytes FROM tally WHERE id > 0 AND entries > 0').raw().all() as number[][]
  const end = (order: string) =>
    database
      .prepare(`SELECT id & ${SEQ_MAX} FROM queue WHERE id BETWEEN (? << ${SEQ_BITS}) AND (? << ${SEQ_BITS}) | ${SEQ_MAX} ${order}`)
      .pluck()
  const first = end('ORDER BY id LIMIT 1')
  const last = end('ORDER BY id DESC LIMIT 1')
  const queues: StoredQueue[] = []
  for (const [queue, count, bytes] of tallies as [number, number, number][]) {
    const firstSeq = first.get(queue, queue)
    if (firstSeq === undefined) continue
    queues.push({ queue, firstSeq: Number(firstSeq), lastSeq: Number(last.get(queue, queue)), count, bytes })
  }
  return queues
}

function readRetained({ database }: Connection): LoadedState['retained'] {
  const chunks: LoadedState['retained'] = []
  const writer = new ByteWriter(RETAINED_CHUNK_BYTES)
  let count = 0
  const finish = () => {
    if (count > 0) chunks.push({ count, buffer: writer.take() })
    count = 0
  }
  for (const record of database.prepare('SELECT record FROM retained').pluck().iterate() as IterableIterator<Buffer>) {
    if (writer.position + record.length > RETAINED_CHUNK_BYTES) finish()
    writer.reserve(4 + record.length)
    writer.block(record)
    count++
  }
  finish()
  return chunks
}

function nextMessageId({ database }: Connection): number {
  return Number(database.prepare('SELECT max(id) FROM message').pluck().get() ?? 0) + 1
}

/** The records of a loaded state, by owner, then key. */
export function decodeRecords({ records, recordCount }: LoadedState): Map<string, Map<string, Uint8Array>> {
  const reader = new ByteReader(new Uint8Array(records))
  const owners = new Map<string, Map<string, Uint8Array>>()
  for (let index = 0; index < recordCount; index++) {
    const owner = reader.string()
    let entries = owners.get(owner)
    if (entries === undefined) owners.set(owner, (entries = new Map()))
    const key = reader.string()
    entries.set(key, Uint8Array.from(reader.block()))
  }
  return owners
}

/** The retained messages of a state, made one by one as they are taken; one that makes no sense is left out and told of. */
export function* decodeRetained({ retained }: LoadedState, corrupt: (error: unknown) => void): Generator<Message> {
  for (const { count, buffer } of retained) {
    const reader = new ByteReader(new Uint8Array(buffer))
    for (let index = 0; index < count; index++) {
      const length = reader.u32()
      const start = reader.position
      reader.position += length
      try {
        yield decodeMessage(new ByteReader(reader.bytes, start, start + length))
      } catch (error) {
        corrupt(error)
      }
    }
  }
}
