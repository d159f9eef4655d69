import { Entry, Message, type Position, type Store, type StoredState } from '#broker/ports.ts'

/** What the store must hold after a step, entry by entry. */
interface Expected {
  seq: number
  text: string
  /** Undefined for one from before the last start. */
  entry: Entry | undefined
}

const QUEUES = 5
const QUEUE_LENGTH = 40

/**
 * Numbered steps, each one transaction's worth: what the store holds after step n follows from n alone. So after any
 * crash the step that the store names tells what else it must hold, no more and no less.
 */
export class Workload {
  readonly queues = new Map<number, Expected[]>(Array.from({ length: QUEUES }, (_, index) => [index + 1, []]))
  retained = ''
  step = 0

  /** Brings the model to a step without a store. */
  replay(step: number): void {
    while (this.step < step) this.#next(undefined)
  }

  /** Carries out the next step within one turn. */
  next(store: Store): Position {
    return this.#next(store)
  }

  #next(store: Store | undefined): Position {
    const step = ++this.step
    const queue = 1 + (step % QUEUES)
    const qos = step % 7 === 0 ? 2 : 1
    const message = Message.from({ topic: `w/${queue}`, payload: Buffer.from(textOf(step)), qos, timeMs: step })
    const targets = step % 3 === 0 ? [queue, 1 + ((step + 1) % QUEUES), 1 + ((step + 3) % QUEUES)] : [queue]
    for (const target of targets) this.#add(store, target, step, message, qos)
    if (step % 2 === 0) this.#take(store, queue, step)
    if (step % 997 === 0) this.#drop(store, queue)
    if (step % 11 === 0) {
      this.retained = textOf(step)
      store?.setRetained('w/retained', Message.from({ topic: 'w/retained', payload: Buffer.from(this.retained), qos: 1 }))
    }
    return store?.putRecord('workload', 'step', Buffer.from(String(step))) ?? 0
  }

  #add(store: Store | undefined, queue: number, seq: number, message: Message, qos: 1 | 2): void {
    const entry = new Entry(seq, message, qos, false, undefined)
    store?.enqueue(queue, entry)
    this.queues.get(queue)!.push({ seq, text: textOf(seq), entry: store && entry })
  }

  /** Takes the newest entry or the oldest ones out, or marks one as received. */
  #take(store: Store | undefined, queue: number, step: number): void {
    const entries = this.queues.get(queue)!
    if (step % 4 === 0) this.#remove(store, queue, entries.pop()!)
    const pubrec = entries.find(({ entry }) => entry?.qos === 2 && entry.state === 'queued')?.entry
    if (pubrec !== undefined) {
      pubrec.state = 'received'
      store?.markReceived(queue, pubrec)
    }
    while (entries.length > QUEUE_LENGTH) this.#remove(store, queue, entries.shift()!)
  }

  #remove(store: Store | undefined, queue: number, { seq, entry }: Expected): void {
    if (entry === undefined) store?.removeRange(queue, seq, seq)
    else store?.remove(queue, entry)
  }

  #drop(store: Store | undefined, queue: number): void {
    store?.dropQueue(queue)
    this.queues.set(queue, [])
  }
}

function textOf(step: number): string {
  return `${step}:`.padEnd(20 + ((step * 37) % 300), String.fromCharCode(97 + (step % 26)))
}

/** The step that a store says it is at. */
export function stepOf({ records }: StoredState): number {
  return Number(Buffer.from(records.get('workload')?.get('step') ?? '0').toString())
}

/** Compares a store with what it must hold at its step; returns the differences. */
export async function differences(store: Store, state: StoredState): Promise<string[]> {
  const model = new Workload()
  model.replay(stepOf(state))
  const found: string[] = []
  for (const [queue, expected] of model.queues) {
    const page = await store.readPage(queue, 0, 1_000_000, 1e9)
    const tally = state.queues.find(stored => stored.queue === queue)
    if ((tally?.count ?? 0) !== page.length) found.push(`queue ${queue} counts ${tally?.count} and holds ${page.length}`)
    const bytes = page.reduce((sum, { message }) => sum + message.size, 0)
    if ((tally?.bytes ?? 0) !== bytes) found.push(`queue ${queue} says ${tally?.bytes} bytes and holds ${bytes}`)
    const actual = page.map(({ seq, message }) => `${seq} ${Buffer.from(message.payload).toString()}`)
    const wanted = expected.map(({ seq, text }) => `${seq} ${text}`)
    if (actual.join('\n') !== wanted.join('\n')) {
      found.push(
        `queue ${queue} at step ${model.step}: ${actual.map(line => line.split(' ')[0])} instead of ${wanted.map(line => line.split(' ')[0])}`,
      )
    }
  }
  const retained = [...state.retained].map(({ payload }) => Buffer.from(payload).toString()).join()
  if (retained !== model.retained) found.push(`retained ${retained} instead of ${model.retained}`)
  return found
}
