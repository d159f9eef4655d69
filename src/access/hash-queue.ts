import { availableParallelism } from 'node:os'
import { GatewayError } from '#base/errors.ts'

interface Job {
  run: () => Promise<void>
}

/** Threads that hash at a time: one of Node's four stays free for files and name look-ups, one processor for the gateway itself. */
const RUNNING_MAX = Math.max(1, Math.min(3, availableParallelism() - 1))
/** Logins that wait for a thread. */
const WAITING_MAX = 10_000

/**
 * Slow hashes, a few at a time. Addresses take turns, so that one that sends thousands of passwords delays its own and
 * not the others'. Full: the newcomer is told that the gateway is busy.
 */
export class HashQueue {
  readonly #byAddress = new Map<string, Job[]>()
  readonly #runningMax: number
  #waiting = 0
  #running = 0
  /** Hashes computed since the start. */
  computed = 0

  constructor(runningMax = RUNNING_MAX) {
    this.#runningMax = runningMax
  }

  /** Hashes that are computed or wait for it. */
  get pending(): number {
    return this.#waiting + this.#running
  }

  /** @throws GatewayError `server-busy` */
  run<T>(address: string, hash: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_MAX) {
      return Promise.reject(new GatewayError('server-busy', 'too many logins wait to be checked', { reason: 0x89, retryable: true }))
    }
    return new Promise((resolve, reject) => {
      const job: Job = { run: () => hash().then(resolve, reject) }
      const waiting = this.#byAddress.get(address)
      if (waiting === undefined) this.#byAddress.set(address, [job])
      else waiting.push(job)
      this.#waiting++
      this.#next()
    })
  }

  #next(): void {
    while (this.#running < this.#runningMax && this.#waiting > 0) {
      const [address, jobs] = this.#byAddress.entries().next().value as [string, Job[]]
      const job = jobs.shift() as Job
      // To the end of the line with the rest of this address.
      this.#byAddress.delete(address)
      if (jobs.length > 0) this.#byAddress.set(address, jobs)
      this.#waiting--
      this.#running++
      this.computed++
      void job.run().finally(() => {
        this.#running--
        this.#next()
      })
    }
  }
}
