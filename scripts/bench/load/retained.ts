/** Retained messages on many topics: stored one by one, then asked for at once. */
import type { Figures, Job, RetainedLoad } from '../job.ts'
import { makeCast, openAll } from './clients.ts'
import { sendFreely } from './flow.ts'
import { cpuEachUs, known, Meter, spanFigures } from './meter.ts'
import { quiet, settle } from './waiting.ts'

const QUIET_MS = 200

/** The load's quality of service is the publishers': only an acknowledgement says that a message is stored. They are read at QoS 0. */
export async function runRetained(job: Job, load: RetainedLoad): Promise<Figures> {
  if (load.messages % load.publishers !== 0 || load.qos === 0) throw new Error('retained messages: equal parts and QoS 1 or 2')
  const topics = load.messages / load.publishers
  const cast = makeCast(job.port, load, { messages: load.messages, topics, retain: true, unseen: true, subscriberQos: 0 })
  const { ledger, network, receipts, subscribers } = cast
  const progress = () => ledger.progress()
  await openAll(cast.publishers)
  const meter = new Meter(job.serverPid)
  const memoryBefore = meter.memory()
  const before = meter.read()
  let after = before
  ledger.alarmAt = load.messages
  ledger.alarm = () => {
    after = meter.read()
  }
  const stopSending = sendFreely(cast)
  if (!(await settle(() => ledger.acknowledged >= load.messages, progress, job.stallSeconds * 1000))) {
    throw new Error(`storing stalled: ${ledger.acknowledged} of ${ledger.sent} messages acknowledged`)
  }
  await stopSending()
  const memoryAfter = meter.memory()
  const asked = meter.read()
  await openAll(subscribers)
  const expected = ledger.expected()
  await settle(() => ledger.delivered >= expected, progress, job.stallSeconds * 1000)
  const { lastAtMs, firstAtMs } = receipts
  const read = meter.read()
  await quiet(progress, QUIET_MS)
  const { disconnects } = network
  for (const connection of [...cast.publishers, ...subscribers]) connection.drop()
  return known({
    ...spanFigures(before, after),
    messagesPerSecond: load.messages / ((after.atMs - before.atMs) / 1000),
    cpuPerMessageUs: cpuEachUs(before, after, load.messages),
    rssPerMessageBytes: (memoryAfter.rssBytes - memoryBefore.rssBytes) / load.messages,
    firstReadMs: firstAtMs > 0 ? firstAtMs - asked.atMs : undefined,
    drainPerSecond: lastAtMs > asked.atMs ? ledger.delivered / ((lastAtMs - asked.atMs) / 1000) : 0,
    drainCpuPerMessageUs: cpuEachUs(asked, read, ledger.delivered),
    expected,
    lost: expected - ledger.delivered,
    duplicated: ledger.duplicated,
    reordered: ledger.reordered,
    foreign: ledger.foreign,
    disconnects,
  })
}
