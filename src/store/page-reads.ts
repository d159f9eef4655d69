/**
 * Reads of pages on their way. A read is an operation of the stream and comes with its batch; where batches fail, or
 * there is nothing else in its batch, it overtakes them, and what they take out is left out of its page.
 */
import type { Clock } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import type { Entry } from '#broker/ports.ts'
import type { Batch, PageRead } from './batch.ts'
import { type CorruptRow, decodePage } from './page.ts'
import type { PageAnswer, PageRequest } from './protocol.ts'

const RETRY_MS = 100

/** What the reads need of the store around them. */
export interface PageReadsHost {
  readonly clock: Clock
  /** Batches that are not committed: the one with the worker, if any, and the open one after it. */
  uncommitted(): { sealed: Batch | undefined; open: Batch }
  /** Asks the worker for a page outside of a batch. */
  ask(request: PageRequest): void
  /** Rows that made no sense were left out of a page. */
  corrupt(queue: number, rows: readonly CorruptRow[]): void
  answered(): void
}

export class PageReads {
  readonly #host: PageReadsHost
  #reads = new Map<number, PageRead>()
  #lastId = 0

  constructor(host: PageReadsHost) {
    this.#host = host
  }

  /** Makes a read; `append` puts it into the stream. */
  start(queue: number, fromSeq: number, entriesMax: number, bytesMax: number, append: (read: PageRead) => void): Promise<Entry[]> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const read: PageRead = { id, queue, fromSeq, entriesMax, bytesMax, answered: false, resolve, reject }
      this.#reads.set(id, read)
      append(read)
    })
  }

  /** Reads what is committed, without waiting for a batch that fails; what is not suits the contract: a shorter page. */
  now({ id, queue, fromSeq, entriesMax, bytesMax }: PageRead): void {
    this.#host.ask({ id, queue, fromSeq, entriesMax, bytesMax })
  }

  /** The reads of a batch that have no answer yet go to the worker by themselves. */
  allNow(batch: Batch): void {
    if (this.#reads.size > 0) for (const read of batch.reads()) this.now(read)
  }

  /** A page that came outside of a batch; undefined: the database could not be read. */
  arrived(id: number, page: PageAnswer | undefined): void {
    const read = this.#reads.get(id)
    if (read === undefined) return
    if (page !== undefined) this.take(page, true)
    else if (!this.#waits(read)) this.#host.clock.setTimer(RETRY_MS, () => this.now(read))
  }

  /** A page has come, with its batch or overtaking. */
  take(answer: PageAnswer, overtaking = false): void {
    const read = this.#reads.get(answer.id)
    if (read === undefined || read.answered) return
    const { entries, corrupt, lastSeq } = decodePage(answer)
    const { sealed, open } = this.#host.uncommitted()
    const gone = (seq: number) => open.takesOut(read.queue, seq) || sealed?.takesOut(read.queue, seq) === true
    const damaged = overtaking ? corrupt.filter(({ seq }) => !gone(seq)) : corrupt
    if (damaged.length > 0) this.#host.corrupt(read.queue, damaged)
    const page = overtaking ? entries.filter(({ seq }) => !gone(seq)) : entries
    if (page.length === 0 && answer.rows > 0) {
      read.fromSeq = lastSeq + 1
      this.now(read)
      return
    }
    if (page.length === 0 && overtaking && this.#waits(read)) return
    read.answered = true
    this.#reads.delete(read.id)
    this.#host.answered()
    read.resolve(page)
  }

  /** The store is closed: nothing comes any more. */
  abandon(): void {
    for (const read of this.#reads.values()) read.reject(closedError())
    this.#reads.clear()
  }

  /** Whether a read will come with a batch that is not committed yet and may hold what it asks for. */
  #waits(read: PageRead): boolean {
    const { sealed, open } = this.#host.uncommitted()
    const comesWith = (batch: Batch | undefined) => batch?.reads().includes(read) === true
    if (comesWith(sealed)) return sealed!.addsTo(read.queue)
    return comesWith(open) && (open.addsTo(read.queue) || sealed?.addsTo(read.queue) === true)
  }
}

export function closedError(): GatewayError {
  return new GatewayError('server-busy', 'the store is closed')
}
