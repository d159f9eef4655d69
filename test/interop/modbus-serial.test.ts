import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { peer } from '../support/peers.ts'
import { gapsOf, openModbusRig } from './modbus-rig.ts'

/** A bounded run of `modbus-serial.long.ts`: a shorter interval, fewer rounds. */
const INTERVAL_MS = 2000
const ROUNDS = 5

t.test(
  '20 units and 2,000 registers of modbus-serial, one dead, one slow, frames corrupted: values keep their interval and none is wrong',
  async t => {
    const socat = peer(t, 'socat')
    if (socat === undefined) return
    const options = {
      socat,
      units: 20,
      registersPerUnit: 100,
      intervalMs: INTERVAL_MS,
      dead: 7,
      slow: 13,
      slowMs: 150,
      corrupted: 0.01,
      seed: 4,
    }
    const rig = await openModbusRig(options)
    await sleep(INTERVAL_MS * ROUNDS)
    const { times, wrong } = rig.seen
    await rig.close()
    t.same(wrong, [])
    t.equal(times.size, 1900, 'every point of every unit that lives')
    const gaps = gapsOf(times, unit => unit !== 7)
    const p99 = gaps[Math.floor(gaps.length * 0.99)] ?? Number.POSITIVE_INFINITY
    t.ok(gaps.length >= 1900 * (ROUNDS - 2), `${gaps.length} values`)
    t.ok(
      p99 <= 2 * INTERVAL_MS,
      `p99 ${Math.round(p99)} ms, longest ${Math.round(gaps.at(-1) ?? 0)} ms, ${rig.corrupted()} frames corrupted`,
    )
    t.match(JSON.stringify(rig.broker.published.map(each => each.topic)), /u7\/\$state/)
  },
)
