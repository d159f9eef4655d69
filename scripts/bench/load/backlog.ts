/** Messages for persistent subscribers that are away: stored, perhaps with the server killed in between, then fetched. */
import type { BacklogLoad, Figures, Job } from '../job.ts'
import { type Cast, leaveAll, makeCast, openAll } from './clients.ts'
import { sendFreely } from './flow.ts'
import { cpuEachUs, known, Meter, spanFigures } from './meter.ts'
import { quiet, settle } from './waiting.ts'

/** How long a server that has been killed may take to vanish; acknowledgements on their way still count. */
const DYING_MS = 2_000
/** The kill comes up to this long after the acknowledgement that calls for it: some other moment of the server's work each time. */
const KILL_DELAY_MS_MAX = 5
/** How long messages that were never acknowledged, and duplicates, may lag behind. */
const QUIET_MS = 500

export interface Control {
  /** Starts the killed server again on the data it has. */
  restart(): Promise<{ serverPid: number; restartMs: number }>
}

export async function runBacklog(job: Job, load: BacklogLoad, control: Control): Promise<Figures> {
  const cast = makeCast(job.port, { ...load, persistent: true }, { messages: load.messages, unseen: true })
  await openAll(cast.subscribers)
  await leaveAll(cast.subscribers)
  await openAll(cast.publishers)
  const meter = new Meter(job.serverPid)
  const stored = await store(cast, load, meter, job.stallSeconds * 1000)
  let restarted: { serverPid: number; restartMs: number } | undefined
  if (load.killAfter > 0) {
    restarted = await control.restart()
    cast.network.leaving = false
  }
  const drained = await drain(cast, restarted === undefined ? meter : new Meter(restarted.serverPid), job.stallSeconds * 1000)
  for (const connection of [...cast.publishers, ...cast.subscribers]) connection.drop()
  return known({ ...stored, ...drained, restartMs: restarted?.restartMs })
}

async function store(cast: Cast, load: BacklogLoad, meter: Meter, stallMs: number): Promise<Figures> {
  const { acknowledgeTimes, ledger, network, publishers } = cast
  const memoryBefore = meter.memory()
  const before = meter.read()
  let after = before
  let killed = false
  const finish = () => {
    after = meter.read()
  }
  const kill = () => {
    network.leaving = true
    for (const pid of meter.serverPids) process.kill(pid, 'SIGKILL')
    killed = true
    network.turn.work = undefined
  }
  ledger.alarmAt = load.killAfter > 0 ? load.killAfter : load.messages
  ledger.alarm = load.killAfter > 0 ? () => setTimeout(kill, Math.random() * KILL_DELAY_MS_MAX) : finish
  const stopSending = sendFreely(cast)
  const done = await settle(
    () => (load.killAfter > 0 ? killed : ledger.acknowledged >= load.messages),
    () => ledger.progress(),
    stallMs,
  )
  if (!done) throw new Error(`storing stalled: ${ledger.acknowledged} of ${ledger.sent} messages acknowledged`)
  await stopSending()
  if (killed)
    await settle(
      () => publishers.every(publisher => !publisher.up),
      () => ledger.progress(),
      DYING_MS,
    )
  const figures = {
    acknowledgeP50Us: acknowledgeTimes.quantileUs(0.5),
    acknowledgeP99Us: acknowledgeTimes.quantileUs(0.99),
    sent: ledger.sent,
    acknowledged: ledger.acknowledged,
  }
  // A killed process has no CPU time and no memory left to read.
  if (killed) return known(figures)
  return known({
    ...figures,
    ...spanFigures(before, after),
    messagesPerSecond: load.messages / ((after.atMs - before.atMs) / 1000),
    cpuPerMessageUs: cpuEachUs(before, after, load.messages),
    rssPerMessageBytes: (meter.memory().rssBytes - memoryBefore.rssBytes) / load.messages,
  })
}

async function drain(cast: Cast, meter: Meter, stallMs: number): Promise<Figures> {
  const { ledger, network, receipts, subscribers } = cast
  const progress = () => ledger.progress()
  network.sessionsPresent = 0
  const before = meter.read()
  await openAll(subscribers, subscribers.length, false)
  const due = ledger.kept().expected
  // A server that has forgotten the sessions has nothing for them.
  if (network.sessionsPresent > 0) await settle(() => ledger.delivered >= due, progress, stallMs)
  await quiet(progress, QUIET_MS)
  const after = meter.read()
  const kept = ledger.kept()
  const seconds = (receipts.lastAtMs - before.atMs) / 1000
  return known({
    expected: kept.expected,
    delivered: ledger.delivered,
    lost: kept.expected - kept.delivered,
    unacknowledgedKept: ledger.delivered - kept.delivered,
    duplicated: ledger.duplicated,
    reordered: ledger.reordered,
    foreign: ledger.foreign,
    disconnects: network.disconnects,
    sessionsPresent: network.sessionsPresent,
    drainPerSecond: seconds > 0 ? ledger.delivered / seconds : 0,
    drainCpuPerMessageUs: cpuEachUs(before, after, ledger.delivered),
  })
}
