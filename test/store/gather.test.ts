import t from 'tap'
import { Gather } from '#store/gather.ts'

const INTERVAL_MS = 5

/** Runs batches in which operations arrive by themselves, so many a millisecond; commits take half a millisecond. */
function openLoop(gather: Gather, perMs: number, batches: number, startMs = 0): { gathered: number; endMs: number } {
  let gathered = 0
  let now = startMs
  for (let batch = 0; batch < batches; batch++) {
    if (gather.waitMs > 0) gathered++
    const took = Math.max(0.5, gather.waitMs, 1 / perMs)
    now += took
    gather.sealed(now, Math.max(1, Math.round(took * perMs)))
  }
  return { gathered, endMs: now }
}

/** Runs batches of clients that send the next operation once the last is acknowledged. */
function closedLoop(gather: Gather, clients: number, batches: number): number {
  let gathered = 0
  let now = 0
  for (let batch = 0; batch < batches; batch++) {
    if (gather.waitMs > 0) gathered++
    now += Math.max(0.3, gather.waitMs)
    gather.sealed(now, clients)
  }
  return gathered
}

t.test('little is committed at once', async t => {
  t.equal(openLoop(new Gather(INTERVAL_MS), 1, 500).gathered, 0)
})

t.test('much gathers', async t => {
  t.ok(openLoop(new Gather(INTERVAL_MS), 40, 500).gathered > 450)
})

t.test('it stops gathering when little comes again', async t => {
  const gather = new Gather(INTERVAL_MS)
  const { endMs } = openLoop(gather, 40, 100)
  openLoop(gather, 0.5, 100, endMs)
  t.equal(gather.waitMs, 0)
})

t.test('clients that wait for their acknowledgements are not made to wait for company that cannot come', async t => {
  for (const clients of [1, 4, 20]) {
    const gathered = closedLoop(new Gather(INTERVAL_MS), clients, 10_000)
    t.ok(gathered < 100, `${clients} clients waited ${gathered} times of 10,000`)
  }
})

t.test('an interval of 0 never gathers', async t => {
  t.equal(openLoop(new Gather(0), 1000, 100).gathered, 0)
})
