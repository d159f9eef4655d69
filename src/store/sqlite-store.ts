import type { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '#base/clock.ts'
import { describeError, GatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import type { Entry, Message, Position, Store, StoreCondition, StoreCounters, StoredState } from '#broker/ports.ts'
import { Batch, OP, type Op, type Operand } from './batch.ts'
import { Budget } from './budget.ts'
import { Gather } from './gather.ts'
import { Heartbeats } from './heartbeat.ts'
import type { StoreOptions } from './index.ts'
import { decodeRecords, decodeRetained } from './loading.ts'
import { Packer } from './packing.ts'
import { type CorruptRow, sizeOf } from './page.ts'
import { closedError, PageReads } from './page-reads.ts'
import { type FromWorker, type LoadedState, type PageAnswer, QUEUE_MAX, type ToWorker } from './protocol.ts'

/** A batch of this weight is committed as soon as the worker is free. */
const BATCH_BYTES = 256 * 1024
/** Removals alone wait this long: losing one only costs a redelivery. */
const REMOVALS_WAIT_MS = 50
const RETRY_FIRST_MS = 100
const RETRY_LAST_MS = 3000
const RECORD_OVERHEAD_BYTES = 64
const NO_COUNTS: StoreCounters = { operations: 0, entries: 0, elided: 0, commits: 0, emptyBatches: 0, failures: 0, bytes: 0, pagesRead: 0 }

/** When the open batch is sealed: not planned, at a timer, at the end of this turn. */
type Plan = 'none' | 'timer' | 'turn'

/**
 * The store on SQLite. Appending keeps light references; a batch is sealed between turns, packed and sent to the
 * worker, one at a time, while the next gathers.
 */
export class SqliteStore implements Store {
  position: Position = 0
  committed: Position = 0
  condition: StoreCondition = 'ok'
  uncommittedBytes = 0
  readonly counters: StoreCounters = { ...NO_COUNTS }
  /** Rows of queues and retained messages that made no sense and were dropped. */
  corruptRecords = 0
  onCommitted: (committed: Position) => void = () => {}
  onCondition: (condition: StoreCondition, reason: string) => void = () => {}
  onDamaged: (queue: number, entries: number, bytes: number) => void = () => {}
  readonly #worker: Worker
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #options: StoreOptions & { bytesMax: number }
  readonly #gather: Gather
  #packer = new Packer(1)
  #open = new Batch()
  /** With the worker. */
  #sealed: Batch | undefined
  #spare: Batch | undefined
  #plan: Plan = 'none'
  #timer: Timer | undefined
  /** What the open batch waits for is not worth waiting for any longer. */
  #hurry = false
  /** The disk does not take writes: 0, or the delay before the next attempt. */
  #retryMs = 0
  readonly #budget: Budget
  readonly #reads: PageReads
  #heartbeats = new Heartbeats()
  #runningOriginMs: number
  #loaded: { resolve: (state: LoadedState) => void; reject: (error: Error) => void } | undefined
  #state: 'new' | 'open' | 'closing' | 'ending' | 'closed' = 'new'
  #closed: (() => void) | undefined

  constructor(worker: Worker, options: StoreOptions & { bytesMax: number }) {
    this.#worker = worker
    this.#options = options
    this.#clock = options.clock
    this.#logger = options.logger
    this.#budget = new Budget(options.bytesMax)
    this.#gather = new Gather(options.commitIntervalMs ?? 5)
    this.#runningOriginMs = -this.#clock.monotonic()
    this.#reads = new PageReads({
      clock: this.#clock,
      uncommitted: () => ({ sealed: this.#sealed, open: this.#open }),
      ask: request => this.#send({ type: 'read', request }),
      corrupt: (queue, rows) => this.#dropCorrupt(queue, rows),
      answered: () => this.counters.pagesRead++,
    })
    worker.on('message', (message: FromWorker) => this.#receive(message))
    worker.on('error', error =>
      this.#dead(new GatewayError('store-failed', `the store's worker has died: ${describeError(error)}`, { cause: error })),
    )
    worker.on('exit', code => this.#exited(code))
    worker.unref()
  }

  get usedBytes(): number {
    return this.#budget.usedBytes
  }

  async load(): Promise<StoredState> {
    this.#worker.ref()
    const state = await new Promise<LoadedState>((resolve, reject) => {
      this.#loaded = { resolve, reject }
      this.#send({ type: 'load' })
    })
    this.#state = 'open'
    this.#packer = new Packer(state.nextMessageId)
    this.#budget.keep(state.usedBytes)
    const { clock, queues, faults } = state
    if (clock !== undefined) {
      const between = clock.synchronised && this.#clock.synchronised() ? Math.max(0, this.#clock.now() - clock.wallMs) : 0
      this.#runningOriginMs = clock.runningMs + between - this.#clock.monotonic()
    }
    for (const { message, file } of faults) this.#logger.error(message, { file })
    return {
      records: decodeRecords(state),
      queues,
      retained: decodeRetained(state, error => this.#corrupt('a retained message', error)),
      clock,
      faults,
    }
  }

  enqueue(queue: number, entry: Entry): Position {
    if (queue > QUEUE_MAX) throw new RangeError(`queue ${queue} is beyond ${QUEUE_MAX}`)
    this.counters.entries++
    const bytes = entry.message.size
    this.uncommittedBytes += bytes
    if (!this.#open.urgent) this.#becomeUrgent()
    this.#open.add(queue, entry, bytes)
    return this.#appended()
  }

  remove(queue: number, entry: Entry): Position {
    const open = this.#open
    if (entry.qos === 2 || !open.holds(entry)) return this.#append(queue, OP.remove, entry, 0, false)
    const bytes = entry.message.size
    this.counters.elided++
    this.uncommittedBytes -= bytes
    open.elide(entry, bytes)
    if (open.live === 0) this.flush()
    return this.#appended()
  }

  removeRange(queue: number, firstSeq: number, lastSeq: number): Position {
    return this.#append(queue, OP.removeRange, { firstSeq, lastSeq }, 0, false)
  }

  markReceived(queue: number, entry: Entry): Position {
    return this.#append(queue, OP.received, entry, 0, true)
  }

  dropQueue(queue: number): Position {
    return this.#append(queue, OP.drop, undefined, 0, true)
  }

  readPage(queue: number, fromSeq: number, entriesMax: number, bytesMax: number): Promise<Entry[]> {
    if (this.#state !== 'open') return Promise.reject(closedError())
    return this.#reads.start(queue, fromSeq, entriesMax, bytesMax, read => {
      this.#append(queue, OP.read, read, 0, true)
      if (this.#retryMs > 0) this.#reads.now(read)
      else this.flush()
    })
  }

  setRetained(topic: string, message: Message | undefined): Position {
    return this.#append(0, OP.setRetained, { topic, message }, message?.size ?? 0, true)
  }

  putRecord(owner: string, key: string, value: Uint8Array): Position {
    return this.#append(0, OP.putRecord, { owner, key, value }, value.length + RECORD_OVERHEAD_BYTES, true)
  }

  deleteRecord(owner: string, key: string): Position {
    return this.#append(0, OP.deleteRecord, { owner, key, value: undefined }, 0, true)
  }

  dropOwner(owner: string): Position {
    return this.#append(0, OP.dropOwner, { owner, key: '', value: undefined }, 0, true)
  }

  #append(queue: number, op: Op, operand: Operand, bytes: number, urgent: boolean): Position {
    const open = this.#open
    open.push(queue, op, operand)
    open.bytes += bytes
    this.uncommittedBytes += bytes
    if (urgent && !open.urgent) this.#becomeUrgent()
    return this.#appended()
  }

  /** The open batch holds more than removals now: it waits no longer than others do. */
  #becomeUrgent(): void {
    this.#open.urgent = true
    if (this.#plan === 'timer' && this.#retryMs === 0) this.#unplan()
  }

  #appended(): Position {
    if (this.#state !== 'open' && this.#state !== 'closing') throw closedError()
    this.counters.operations++
    const position = ++this.position
    this.#open.position = position
    if (this.#plan === 'none' && this.#sealed === undefined) this.#makePlan()
    else if (this.#plan === 'timer' && this.#open.bytes > BATCH_BYTES && this.#retryMs === 0) this.flush()
    return position
  }

  flush(): void {
    if (this.#open.length === 0) return
    this.#hurry = true
    if (this.#plan === 'turn' || this.#sealed !== undefined || this.#retryMs > 0) return
    this.#unplan()
    this.#makePlan()
  }

  #unplan(): void {
    this.#clock.clearTimer(this.#timer)
    this.#timer = undefined
    this.#plan = 'none'
  }

  /** Nothing is with the worker and something waits: decides how long. */
  #makePlan(): void {
    if (this.#retryMs > 0) return
    const open = this.#open
    const wait = this.#hurry || open.bytes > BATCH_BYTES ? 0 : open.urgent ? this.#gather.waitMs : REMOVALS_WAIT_MS
    if (wait > 0) {
      this.#plan = 'timer'
      this.#timer = this.#clock.setTimer(wait, () => this.#seal())
    } else {
      this.#plan = 'turn'
      this.#clock.defer(() => this.#seal())
    }
  }

  /** Between turns: what has been appended goes to the worker as one transaction. */
  #seal(): void {
    this.#unplan()
    if (this.#sealed !== undefined || this.#state === 'closed') return
    const batch = this.#open
    this.#hurry = false
    if (batch.length === 0 && this.#retryMs === 0) return
    this.#open = this.#spare ?? new Batch()
    this.#spare = undefined
    this.#gather.sealed(this.#clock.monotonic(), batch.length)
    batch.position = this.position
    if (batch.live === batch.readCount && this.#retryMs === 0) {
      if (batch.readCount > 0) this.#reads.allNow(batch)
      this.counters.emptyBatches++
      this.#advance(batch)
      return
    }
    this.#sealed = batch
    const now = this.#clock.monotonic()
    const runningMs = this.#options.runningMs?.() ?? this.#runningOriginMs + now
    const buffer = this.#packer.pack(batch, { runningMs, wallMs: this.#clock.now(), synchronised: this.#clock.synchronised() })
    this.counters.bytes += this.#packer.packedBytes
    this.#send({ type: 'batch', buffer }, [buffer])
  }

  #advance(batch: Batch): void {
    this.uncommittedBytes -= batch.bytes
    this.committed = batch.position
    this.onCommitted(batch.position)
    this.#spare = batch.cleared()
    this.#goOn()
  }

  /** Plans the open batch, if there is anything in it. */
  #goOn(): void {
    if (this.#plan === 'none' && this.#sealed === undefined && this.#open.length > 0) this.#makePlan()
    if (this.#state === 'closing') this.#closeWhenDone()
  }

  #receive(message: FromWorker): void {
    if (message.type === 'committed') {
      this.#packer.recycle(message.buffer)
      this.#batchCommitted(message.usedBytes, message.pages)
    } else if (message.type === 'failed') this.#batchFailed(message.condition, message.reason, message.usedBytes)
    else if (message.type === 'trouble') this.#become(message.condition, message.reason)
    else if (message.type === 'page') this.#reads.arrived(message.id, message.page)
    else if (message.type === 'log') this.#logger[message.level](message.message, message.fields)
    else if (message.type === 'pong') this.#heartbeats.answered(message.id)
    else if (message.type === 'loaded') this.#loaded?.resolve(message.state)
    else if (message.type === 'refused') {
      const { code, message: text, hint } = message
      this.#state = 'closed'
      this.#loaded?.reject(new GatewayError(code, text, hint === undefined ? {} : { hint }))
    } else this.#closed?.()
  }

  #batchCommitted(usedBytes: number, pages: readonly PageAnswer[]): void {
    const batch = this.#sealed!
    this.#sealed = undefined
    this.#retryMs = 0
    this.counters.commits++
    this.#budget.keep(usedBytes)
    for (const page of pages) this.#reads.take(page)
    this.#reads.allNow(batch)
    this.#advance(batch)
    this.#becomeUsual()
  }

  /** The batch and what has gathered since are one batch again, tried after a while. */
  #batchFailed(condition: 'full' | 'failed', reason: string, usedBytes: number): void {
    const batch = this.#sealed!
    const later = this.#open
    this.#sealed = undefined
    this.counters.failures++
    this.#budget.usedBytes = usedBytes
    batch.reopen()
    batch.absorb(later)
    this.#open = batch
    this.#unplan()
    this.#retryMs = this.#retryMs === 0 ? RETRY_FIRST_MS : Math.min(this.#retryMs * 2, RETRY_LAST_MS)
    this.#plan = 'timer'
    this.#timer = this.#clock.setTimer(this.#retryMs, () => this.#seal())
    this.#reads.allNow(batch)
    this.#become(condition, reason)
  }

  #dropCorrupt(queue: number, rows: readonly CorruptRow[]): void {
    for (const { seq } of rows) {
      this.#corrupt(`entry ${seq} of queue ${queue}`, undefined)
      if (this.#state === 'open') this.removeRange(queue, seq, seq)
    }
    this.onDamaged(queue, rows.length, sizeOf(rows))
  }

  #corrupt(what: string, error: unknown): void {
    this.corruptRecords++
    this.#logger.error(`${what} cannot be read and is dropped`, error === undefined ? {} : { error: describeError(error) })
  }

  #becomeUsual(): void {
    if (this.#budget.spent) this.#become('full', `the store's budget of ${this.#budget.bytesMax} bytes is spent`)
    else this.#become('ok', '')
  }

  #become(condition: StoreCondition, reason: string): void {
    if (this.condition === condition) return
    this.condition = condition
    if (condition === 'ok') this.#logger.info('the store takes writes again')
    else this.#logger.error('the store does not take writes', { condition, reason })
    this.onCondition(condition, reason)
  }

  /** Resolves when the worker has answered, after what it was sent before. A worker that hangs never answers. */
  heartbeat(): Promise<void> {
    return this.#heartbeats.start(id => this.#send({ type: 'ping', id }))
  }

  async close(): Promise<void> {
    if (this.#state !== 'open') {
      if (this.#state === 'new') await this.#worker.terminate()
      this.#state = 'closed'
      return
    }
    this.#state = 'closing'
    const done = await new Promise<boolean>(resolve => {
      const timer = this.#clock.setTimer(this.#options.closeTimeoutMs ?? 3000, () => resolve(false))
      this.#closed = () => {
        this.#clock.clearTimer(timer)
        resolve(true)
      }
      this.#closeWhenDone()
    })
    this.#state = 'closed'
    this.#unplan()
    this.#reads.abandon()
    const { condition } = this
    if (!done) this.#logger.error('the store was not closed in time', { operationsLost: this.position - this.committed, condition })
    const ended = this.#worker.terminate()
    if (done) await ended
  }

  #closeWhenDone(): void {
    if (this.#sealed !== undefined || this.#retryMs > 0) return
    if (this.#open.length > 0) this.flush()
    else {
      this.#state = 'ending'
      this.#send({ type: 'close', checkpoint: true })
    }
  }

  #send(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    if (this.#state === 'closed') return
    this.#worker.postMessage(message, transfer)
  }

  #exited(code: number): void {
    if (this.#state !== 'closed' && this.#state !== 'ending')
      this.#dead(new GatewayError('store-failed', `the store's worker has ended with code ${code}`))
  }

  #dead(error: Error): void {
    if (this.#state === 'closed') return
    const loading = this.#state === 'new'
    this.#state = 'closed'
    this.#reads.abandon()
    this.#closed?.()
    if (loading) this.#loaded?.reject(error)
    else this.#options.onFatal(error)
  }
}
