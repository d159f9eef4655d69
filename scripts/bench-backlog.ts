/** A backlog of a million messages: what it costs in memory to build, how long the start takes, and to drain it again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../src/base/logger.ts'
import { systemClock } from '../src/base/system-clock.ts'
import { Entry, Message } from '../src/broker/ports.ts'
import { openStore } from '../src/store/index.ts'
import { WORKER_FILE } from '../test/store/open-store.ts'

const MESSAGES = 1_000_000
const dataDir = mkdtempSync(join(tmpdir(), 'tidegate-bench-'))
const payload = Buffer.alloc(256, 'x')
const onFatal = (error: Error) => {
  throw error
}
const open = () => openStore({ dataDir, worker: { file: WORKER_FILE }, clock: systemClock(), logger: silentLogger, onFatal })
const megabytes = () => process.memoryUsage.rss() / 1e6

let store = open()
await store.load()
const base = megabytes()
let peak = 0
await timed('build', async () => {
  for (let seq = 1; seq <= MESSAGES; ) {
    for (let count = 0; count < 100 && seq <= MESSAGES; count++, seq++) {
      store.enqueue(1, new Entry(seq, new Message('plant/1/temperature', payload, 0, 256, 1, false), 1, false, undefined))
    }
    peak = Math.max(peak, megabytes())
    await new Promise(resolve => setImmediate(resolve))
    while (store.uncommittedBytes > 2e6) await new Promise(resolve => setTimeout(resolve, 1))
  }
})
await store.close()
store = open()
await timed('load', () => store.load())
await timed('drain', async () => {
  for (let from = 0; ; ) {
    const page = await store.readPage(1, from, 256, 256 * 1024)
    for (const entry of page) store.remove(1, entry)
    if (page.length === 0) break
    from = page[page.length - 1]!.seq + 1
    peak = Math.max(peak, megabytes())
  }
})
await store.close()
rmSync(dataDir, { recursive: true, force: true })

async function timed(name: string, run: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  const seconds = ((performance.now() - start) / 1000).toFixed(2)
  console.log(
    `${name.padEnd(6)} ${seconds} s, ${((user + system) / MESSAGES).toFixed(2)} us CPU a message, RSS at most ${(peak - base).toFixed(0)} MB above ${base.toFixed(0)} MB`,
  )
}
