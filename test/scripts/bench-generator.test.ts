import t, { type Test } from 'tap'
import type { FlowLoad, Job, Load } from '../../scripts/bench/job.ts'
import { runJob } from '../../scripts/bench/load/run.ts'
import { type Fault, startFakeServer } from './bench-fake-server.ts'

const FLOW: FlowLoad = {
  kind: 'flow',
  qos: 0,
  publishers: 1,
  subscribers: 1,
  topology: 'pairs',
  filter: 'exact',
  payloadBytes: 64,
  window: 20,
  endToEndWindow: 100,
  batch: 16,
  persistent: false,
  ratePerSecond: 0,
}
const RIGHT = { lost: 0, duplicated: 0, reordered: 0, foreign: 0, disconnects: 0 }
const control = { restart: () => Promise.reject(new Error('nothing was to be killed')) }

async function run(t: Test, load: Load, fault?: (sequence: number) => Fault | undefined, stallSeconds = 0.5) {
  const server = await startFakeServer(fault)
  t.teardown(() => server.close())
  const job: Job = { port: server.port, serverPid: process.pid, load, warmupSeconds: 0.05, durationSeconds: 0.2, stallSeconds }
  return { figures: await runJob(job, control), received: server.received }
}

for (const qos of [0, 1, 2] as const) {
  t.test(`a faultless server is found faultless with QoS ${qos}`, async t => {
    const { figures, received } = await run(t, { ...FLOW, qos, publishers: 3, subscribers: 3 })
    t.match(figures, RIGHT)
    t.ok(figures.expected! > 0 && figures.delivered! > 0 && figures.messagesPerSecond! > 0)
    t.ok(figures.latencyP50Us! > 0 && figures.latencyP99Us! >= figures.latencyP50Us!)
    t.equal(received.get('publish'), figures.expected, 'everything that was sent has come')
    if (qos === 1) t.equal(received.get('puback'), figures.expected)
    if (qos === 2) t.match(Object.fromEntries(received), { pubrec: figures.expected, pubrel: figures.expected, pubcomp: figures.expected })
  })
}

t.test('everybody gets everything where everybody is to', async t => {
  const out = await run(t, { ...FLOW, topology: 'all', subscribers: 5 })
  t.match(out.figures, RIGHT)
  t.equal(out.figures.expected, out.received.get('publish')! * 5)
  const inwards = await run(t, { ...FLOW, topology: 'all', publishers: 5, filter: 'plus', endToEndWindow: 20 })
  t.match(inwards.figures, RIGHT)
  t.equal(inwards.figures.expected, inwards.received.get('publish'))
})

for (const qos of [0, 1, 2] as const) {
  t.test(`lost, repeated, swapped and invented messages are counted one by one with QoS ${qos}`, async t => {
    const faults = new Map<number, Fault>([
      [5, 'drop'],
      [17, 'drop'],
      [23, 'duplicate'],
      [31, 'swap'],
      [40, 'swap'],
      [44, 'invent'],
      [52, 'duplicate'],
      [53, 'duplicate'],
    ])
    const { figures } = await run(t, { ...FLOW, qos }, sequence => faults.get(sequence))
    t.match(figures, { lost: 2, duplicated: 3, reordered: 2, foreign: 2 })
  })
}

t.test('a server that delivers nothing does not hold the run up', async t => {
  const load = { ...FLOW, topology: 'all', subscribers: 2, endToEndWindow: 10 } as const
  const { figures, received } = await run(t, load, () => 'drop', 0.05)
  t.match(figures, { delivered: 0, messagesPerSecond: 0 })
  t.equal(figures.lost, figures.expected)
  t.equal(figures.cpuPerMessageUs, undefined)
  t.ok(figures.stalls! > 0)
  t.ok(received.get('publish')! > load.endToEndWindow, 'the window was freed')
})

t.test('windows bound what is under way', async t => {
  const held = await run(t, { ...FLOW, endToEndWindow: 7 }, () => 'drop')
  t.equal(held.received.get('publish'), 7)
  const unacknowledged = await run(t, { ...FLOW, qos: 1, window: 5, endToEndWindow: 50 }, () => 'ignore')
  t.equal(unacknowledged.received.get('publish'), 5)
  const single = await run(t, { ...FLOW, qos: 1, window: 1, batch: 1, endToEndWindow: 1 })
  t.match(single.figures, RIGHT)
  t.ok(single.figures.acknowledgeP50Us! > 0)
})

t.test('a rate is kept, and is not exceeded', async t => {
  const startMs = performance.now()
  const { figures } = await run(t, { ...FLOW, qos: 1, publishers: 4, subscribers: 4, ratePerSecond: 200 })
  const seconds = (performance.now() - startMs) / 1000
  t.match(figures, RIGHT)
  t.ok(figures.expected! > 0 && figures.expected! <= 200 * seconds + 1, `${figures.expected} messages in ${seconds} s`)
  t.ok(figures.latencyP50Us! > 0)
})

t.test('a backlog is stored for sessions that are away and fetched when they return', async t => {
  const load = { ...FLOW, kind: 'backlog', qos: 1, publishers: 3, subscribers: 3, persistent: true, messages: 1000, killAfter: 0 } as const
  const right = await run(t, load)
  t.match(right.figures, { ...RIGHT, expected: 1000, sessionsPresent: 3, acknowledged: 1000, unacknowledgedKept: 0 })
  t.ok(right.figures.drainPerSecond! > 0)
  const wrong = await run(t, load, sequence => (sequence === 9 ? 'drop' : sequence === 12 ? 'duplicate' : undefined))
  t.match(wrong.figures, { lost: 3, duplicated: 3, reordered: 0 })
})

t.test('retained messages are stored on as many topics and all read back', async t => {
  const load = { ...FLOW, kind: 'retained', qos: 1, publishers: 4, topology: 'all', filter: 'hash', messages: 400 } as const
  const right = await run(t, load)
  t.match(right.figures, { expected: 400, lost: 0, duplicated: 0 })
  const wrong = await run(t, load, sequence => (sequence === 50 ? 'drop' : undefined))
  t.match(wrong.figures, { lost: 4 })
})

t.test('connections are opened, held and counted', async t => {
  const idle = await run(t, { kind: 'idle', connections: 30, connectionWindow: 10, holdSeconds: 0.1 })
  t.match(Object.fromEntries(idle.received), { connect: 30, subscribe: 30 })
  t.ok(idle.figures.connectsPerSecond! > 0 && idle.figures.connectP99Us! > 0)
  const storm = await run(t, { kind: 'storm', connectionWindow: 5 })
  t.ok(storm.figures.connectsPerSecond! > 0)
  t.equal(storm.figures.disconnects, 0)
})

t.test('a port that nobody listens on fails the run', async t => {
  const server = await startFakeServer()
  await server.close()
  const job = { port: server.port, serverPid: process.pid, load: FLOW, warmupSeconds: 0.1, durationSeconds: 0.1, stallSeconds: 0.1 }
  await t.rejects(runJob(job, control), { code: 'ECONNREFUSED' })
})
