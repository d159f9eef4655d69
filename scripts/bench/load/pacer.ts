/**
 * Keeps a rate. Timers of the event loop are a millisecond coarse, so a thread of its own sleeps to the microsecond and tells
 * how many messages are due; the thread that sends stays asleep in between.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

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
  // Long enough from now for the thread to be up.
  const leadMs = 100
  const startMs = performance.now() + leadMs
  const worker = new Worker(new URL(import.meta.url), { workerData: { startMs: nowMs() + leadMs, intervalMs } })
  worker.on('message', due)
  await new Promise((resolve, reject) => worker.once('online', () => resolve(undefined)).once('error', reject))
  return { startMs, intervalMs, stop: async () => void (await worker.terminate()) }
}

function pace({ startMs, intervalMs }: { startMs: number; intervalMs: number }): never {
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

if (!isMainThread && parentPort !== null && workerData?.intervalMs > 0) pace(workerData)
