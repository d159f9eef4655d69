/** Messages for a time: warm up, measure, let everything arrive, and check that it did. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Figures, FlowLoad, Job } from '../job.ts'
import { type Cast, makeCast, openAll } from './clients.ts'
import { cpuEachUs, known, Meter, spanFigures } from './meter.ts'
import { startPacer } from './pacer.ts'
import { quiet, settle } from './waiting.ts'

/** How long duplicates may lag behind. */
const QUIET_MS = 200

export async function runFlow(job: Job, load: FlowLoad): Promise<Figures> {
  const cast = makeCast(job.port, load)
  const { ledger, network, receipts, acknowledgeTimes } = cast
  await openAll(cast.subscribers)
  await openAll(cast.publishers)
  const meter = new Meter(job.serverPid)
  const stopSending = load.ratePerSecond > 0 ? await sendAtRate(cast, load.ratePerSecond) : sendFreely(cast)
  const stalls = watchStalls(cast, job.stallSeconds * 1000)
  await sleep(job.warmupSeconds * 1000)
  const before = meter.read()
  const from = { sent: ledger.sent, delivered: ledger.delivered, acknowledged: ledger.acknowledged }
  receipts.latency.reset()
  acknowledgeTimes.reset()
  await sleep(job.durationSeconds * 1000)
  const after = meter.read()
  const delivered = ledger.delivered - from.delivered
  const figures = known({
    ...spanFigures(before, after),
    sent: ledger.sent - from.sent,
    delivered,
    acknowledged: ledger.acknowledged - from.acknowledged,
    messagesPerSecond: delivered / ((after.atMs - before.atMs) / 1000),
    cpuPerMessageUs: cpuEachUs(before, after, delivered),
    latencyP50Us: receipts.latency.quantileUs(0.5),
    latencyP99Us: receipts.latency.quantileUs(0.99),
    latencyP999Us: receipts.latency.quantileUs(0.999),
    acknowledgeP50Us: acknowledgeTimes.quantileUs(0.5),
    acknowledgeP99Us: acknowledgeTimes.quantileUs(0.99),
    stalls: stalls(),
  })
  await stopSending()
  const progress = () => ledger.progress()
  const due = () => ledger.delivered >= ledger.expected() && (load.qos === 0 || ledger.acknowledged >= ledger.sent)
  await settle(due, progress, job.stallSeconds * 1000)
  await quiet(progress, QUIET_MS)
  const { disconnects } = network
  for (const connection of [...cast.publishers, ...cast.subscribers]) connection.drop()
  const expected = ledger.expected()
  return {
    ...figures,
    expected,
    lost: expected - ledger.delivered,
    duplicated: ledger.duplicated,
    reordered: ledger.reordered,
    foreign: ledger.foreign,
    disconnects,
  }
}

/** As fast as the windows allow. Returns how to stop. */
export function sendFreely({ network, publishers }: Cast): () => Promise<void> {
  network.turn.work = () => {
    const nowMs = performance.now()
    let more = false
    for (const publisher of publishers) if (publisher.fill(nowMs)) more = true
    return more
  }
  network.turn.schedule()
  return async () => {
    network.turn.work = undefined
  }
}

/**
 * The publishers in turn, at a fixed rate. A message carries the time at which it was due, so that a stall of the server counts
 * for all that had to wait behind it.
 */
async function sendAtRate({ ledger, network, publishers }: Cast, ratePerSecond: number): Promise<() => Promise<void>> {
  let due = 0
  let next = 0
  const pacer = await startPacer(ratePerSecond, messages => {
    due = messages
    network.turn.schedule()
  })
  network.turn.work = () => {
    for (let refused = 0; ledger.sent < due && refused < publishers.length; next = (next + 1) % publishers.length) {
      const publisher = publishers[next]!
      if (publisher.add(pacer.startMs + ledger.sent * pacer.intervalMs)) {
        network.turn.touch(publisher)
        refused = 0
      } else refused++
    }
    return false
  }
  return async () => {
    network.turn.work = undefined
    await pacer.stop()
  }
}

/** Frees the windows when nothing has moved for `stallMs`. Returns how to end the watch and learn how often that was. */
function watchStalls({ ledger, network }: Cast, stallMs: number): () => number {
  let last = -1
  let stalls = 0
  const timer = setInterval(() => {
    if (ledger.progress() === last) {
      stalls++
      ledger.forgive()
      network.turn.schedule()
    }
    last = ledger.progress()
  }, stallMs)
  return () => {
    clearInterval(timer)
    return stalls
  }
}
