import { setTimeout as sleep } from 'node:timers/promises'

/** Looks again until `holds` says so. Rejects after `timeoutMs`, with `state` to say what was instead. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  state: () => string = () => '',
): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs / 1000} s: ${what} ${state()}`)
    await sleep(20)
  }
}

/** What is promised, or a rejection after `timeoutMs`. */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${timeoutMs / 1000} s: ${what}`)), timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
