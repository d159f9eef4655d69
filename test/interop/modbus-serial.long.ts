import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { peer } from '../support/peers.ts'
import { gapsOf, openModbusRig } from './modbus-rig.ts'

const INTERVAL_MS = 5000
const RUN_MS = Number(process.env['MODBUS_RUN_MS'] ?? 300_000)

t.test(
  '20 units, 2,000 registers, every 5 s at 115200 baud, one dead, one slow, 1 % of the frames corrupted',
  { timeout: RUN_MS + 60_000 },
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
      slowMs: 400,
      corrupted: 0.01,
      seed: 1,
    }
    const rig = await openModbusRig(options)
    const before = process.cpuUsage()
    await sleep(RUN_MS)
    const { user, system } = process.cpuUsage(before)
    const { times, wrong } = rig.seen
    const status = rig.device.status()
    await rig.close()
    t.same(wrong, [])
    t.equal(times.size, 1900)
    const gaps = gapsOf(times, unit => unit !== 7)
    const p99 = gaps[Math.floor(gaps.length * 0.99)] ?? Number.POSITIVE_INFINITY
    t.ok(p99 <= 2 * INTERVAL_MS, `p99 ${Math.round(p99)} ms`)
    t.comment(
      `${gaps.length} values, p50 ${Math.round(gaps[gaps.length >> 1] ?? 0)} ms, p99 ${Math.round(p99)} ms, longest ${Math.round(gaps.at(-1) ?? 0)} ms, ` +
        `${rig.corrupted()} frames corrupted, ${status.framing.malformed} broken answers, CPU of gateway, server and wire ${(((user + system) / 1000 / RUN_MS) * 100).toFixed(1)} %`,
    )
  },
)
