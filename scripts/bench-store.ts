/**
 * What a message costs in the store: `bench-store.ts [BYTES]`. One message is one addition and one later removal;
 * `main` is the CPU of the main thread, `all` that of the process, in microseconds a message.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../src/base/logger.ts'
import { systemClock } from '../src/base/system-clock.ts'
import { Entry, Message } from '../src/broker/ports.ts'
import { openStore } from '../src/store/index.ts'
import { WORKER_FILE } from '../test/store/open-store.ts'

const bytes = Number(process.argv[2] ?? 256)
const SECONDS = 4

interface Scenario {
  name: string
  queues: number
  perSecond: number
  /** Entries that a queue holds before its oldest are removed. */
  lag: number
}

const SCENARIOS: Scenario[] = [
  { name: 'one queue', queues: 1, perSecond: 1000, lag: 2000 },
  { name: 'one queue', queues: 1, perSecond: 20_000, lag: 2000 },
  { name: 'one queue', queues: 1, perSecond: 100_000, lag: 5000 },
  { name: 'one queue, all at once', queues: 1, perSecond: 1e9, lag: 5000 },
  { name: '50 queues', queues: 50, perSecond: 20_000, lag: 100 },
  { name: '50 queues', queues: 50, perSecond: 100_000, lag: 200 },
  { name: '50 queues, all at once', queues: 50, perSecond: 1e9, lag: 200 },
]

for (const scenario of SCENARIOS)
  if (process.argv[3] === undefined || `${scenario.name} ${scenario.perSecond}` === process.argv[3]) await measure(scenario)

async function measure({ name, queues, perSecond, lag }: Scenario): Promise<void> {
  const dataDir = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'tidegate-bench-'))
  const onFatal = (error: Error) => {
    throw error
  }
  const store = openStore({ dataDir, worker: { file: WORKER_FILE }, clock: systemClock(), logger: silentLogger, onFatal })
  await store.load()
  const payload = Buffer.alloc(bytes, 'x')
  const lines = Array.from({ length: queues }, () => [] as Entry[])
  let sent = 0
  const one = () => {
    const queue = sent % queues
    const seq = ++sent
    const message = new Message(`plant/${queue}/temperature`, payload, 0, bytes, 1, false)
    message.timeMs = 1.8e12
    const entry = new Entry(seq, message, 1, false, undefined)
    store.enqueue(queue + 1, entry)
    const line = lines[queue]!
    line.push(entry)
    if (line.length > lag) store.remove(queue + 1, line.shift()!)
  }
  const mainCpu = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1000
  const written = () => Number(/write_bytes: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1])
  const before = { cpu: process.cpuUsage(), main: mainCpu(), written: written() }
  const start = performance.now()
  let append = 0
  await new Promise<void>(resolve => {
    const turn = () => {
      const elapsed = performance.now() - start
      if (elapsed > SECONDS * 1000) return resolve()
      let due = Math.min((elapsed * perSecond) / 1000 - sent, 20_000)
      if (store.uncommittedBytes > 4e6) due = 0
      const from = performance.now()
      for (; due >= 1; due--) one()
      append += performance.now() - from
      if (perSecond > 1e6) setImmediate(turn)
      else setTimeout(turn, 1)
    }
    turn()
  })
  const cpu = process.cpuUsage(before.cpu)
  const all = (cpu.user + cpu.system) / sent
  const main = (mainCpu() - before.main) / sent
  const { commits, elided } = store.counters
  console.log(
    `${name.padEnd(24)} ${Math.round(sent / SECONDS)}/s  append ${((append * 1000) / sent).toFixed(2)}  main ${main.toFixed(2)}  all ${all.toFixed(2)} us  ` +
      `${Math.round(sent / commits)} a commit  ${Math.round((written() - before.written) / sent)} B written  ${elided} elided`,
  )
  await store.close()
  rmSync(dataDir, { recursive: true, force: true })
}
