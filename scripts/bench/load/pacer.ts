/**
 * Keeps a rate. Timers of the event loop are a millisecond coarse, so a thread of its own sleeps to the microsecond and tells
 * how many messages are due; the thread that sends stays asleep in between.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

export interface Pacer {
  /** When message 0 was due, in milliseconds of `performance.now()`; message n is due `n * intervalMs` later. */
  startMs: number
  intervalMs: number
  stop(): Promise<void>
}

/** Calls `due` with the number of messages that are due from the beginning, each time there are more. */
export async function startPacer(ratePerSecond: number, due: (messages: number) => void): Promise<Pacer> {
  const intervalMs = 1000 / ratePerSecond
  const worker = new Worker(new URL(import.meta.url))
  // Its first word says that it is up, and may take a while.
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  worker.on('message', due)
  const startMs = performance.now()
  worker.postMessage({ startMs: nowMs(), intervalMs })
  return { startMs, intervalMs, stop: async () => void (await worker.terminate()) }
}

function pace({ startMs, intervalMs }: Pick<Pacer, 'startMs' | 'intervalMs'>): never {
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let next = 0; ; ) {
    const left = startMs + next * intervalMs - nowMs()
    if (left > 0) Atomics.wait(never, 0, 0, left)
    const messages = Math.floor((nowMs() - startMs) / intervalMs) + 1
    if (messages <= next) continue
    next = messages
    parentPort!.postMessage(messages)
  }
}

if (!isMainThread && parentPort !== null) {
  parentPort.once('message', pace)
  parentPort.postMessage(0)
}
