/** Connections for their own sake: many that stay and do nothing, or many that come and go. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Figures, IdleLoad, Job, StormLoad } from '../job.ts'
import { openAll } from './clients.ts'
import { Connection } from './connection.ts'
import { cpuEachUs, known, Meter, spanFigures } from './meter.ts'
import { Network } from './network.ts'

export async function runIdle(job: Job, load: IdleLoad): Promise<Figures> {
  const network = new Network(job.port, load.transport)
  const connections = Array.from({ length: load.connections }, (_, index) => {
    return new Connection(network, { clientId: `bench-i${index}`, cleanSession: true, filters: [`bench/idle/${index}`], qos: 0 })
  })
  const meter = new Meter(job.serverPid)
  const empty = meter.memory()
  const before = meter.read()
  await openAll(connections, load.connectionWindow)
  const open = meter.read()
  await sleep(load.holdSeconds * 1000)
  const held = meter.read()
  const full = meter.memory()
  const { disconnects } = network
  for (const connection of connections) connection.drop()
  const { seconds, ...busy } = spanFigures(before, open)
  return known({
    ...busy,
    seconds,
    connectsPerSecond: load.connections / seconds,
    cpuPerConnectUs: cpuEachUs(before, open, load.connections),
    connectP50Us: network.connectTimes.quantileUs(0.5),
    connectP99Us: network.connectTimes.quantileUs(0.99),
    rssBytes: empty.rssBytes,
    rssPerConnectionBytes: (full.rssBytes - empty.rssBytes) / load.connections,
    pssPerConnectionBytes: (full.pssBytes - empty.pssBytes) / load.connections,
    idleCpuPercent: spanFigures(open, held).serverCpuPercent,
    disconnects,
  })
}

export async function runStorm(job: Job, load: StormLoad): Promise<Figures> {
  const network = new Network(job.port, load.transport)
  const meter = new Meter(job.serverPid)
  let connects = 0
  let ended = false
  const lanes = Array.from({ length: load.connectionWindow }, async (_, lane) => {
    const connection = new Connection(network, { clientId: `bench-c${lane}`, cleanSession: true, filters: [], qos: 0 })
    while (!ended) {
      await connection.open()
      connection.drop()
      connects++
    }
  })
  const all = Promise.all(lanes)
  // A lane that fails ends the run at once, not only when the others have had their time.
  const pause = (seconds: number) => Promise.race([sleep(seconds * 1000), all])
  await pause(job.warmupSeconds)
  const memoryBefore = meter.memory()
  const before = meter.read()
  const from = connects
  network.connectTimes.reset()
  await pause(job.durationSeconds)
  const after = meter.read()
  const memoryAfter = meter.memory()
  const count = connects - from
  const figures = known({
    ...spanFigures(before, after),
    connectsPerSecond: count / ((after.atMs - before.atMs) / 1000),
    cpuPerConnectUs: cpuEachUs(before, after, count),
    connectP50Us: network.connectTimes.quantileUs(0.5),
    connectP99Us: network.connectTimes.quantileUs(0.99),
    rssGrowthBytes: memoryAfter.rssBytes - memoryBefore.rssBytes,
    disconnects: network.disconnects,
  })
  ended = true
  await all
  return figures
}
