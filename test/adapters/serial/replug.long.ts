/** Plugs pulled a thousand times, and a line at full load: what they cost. */
import { readdirSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SerialDevice } from '#adapters/serial/device.ts'
import { serialPorts } from '#adapters/serial/transport.ts'
import { silentLogger } from '#base/logger.ts'
import { systemClock } from '#base/system-clock.ts'
import { eventually } from '../../support/eventually.ts'
import { peer } from '../../support/peers.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { FakeBroker } from './fake-broker.ts'
import { openPty } from './pty.ts'
import { deviceConfig, LIMITS } from './support.ts'

const CYCLES = Number(process.env['REPLUG_CYCLES'] ?? 1000)
const LOAD_MS = 20_000
/** Memory that a thousand cycles may take at most beyond the first hundred, in bytes. */
const GROWTH_MAX = 8 * 1024 * 1024

function open(path: string, keys = '') {
  const broker = new FakeBroker()
  const device = new SerialDevice({
    name: 'dev',
    config: deviceConfig(keys, path),
    broker: broker.port,
    clock: systemClock(),
    logger: silentLogger,
    opener: serialPorts,
    limits: LIMITS,
  })
  device.start()
  return { broker, device }
}

const descriptors = () => readdirSync('/proc/self/fd').length

t.test(
  `${CYCLES} times pulled out and back under another name: read again within 2 s, the gap told, nothing leaked`,
  { timeout: 1_500_000 },
  async t => {
    const socat = peer(t, 'socat')
    if (socat === undefined) return
    const link = join(temporaryFolder(t), 'by-id')
    let pty = await openPty(socat)
    symlinkSync(pty.path, link)
    const { broker, device } = open(link)
    await broker.until(() => broker.states.at(-1)?.['state'] === 'online')
    let slowest = 0
    let descriptorsAt = 0
    let memoryAt = 0
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      if (cycle === 100) {
        globalThis.gc?.()
        descriptorsAt = descriptors()
        memoryAt = process.memoryUsage().rss
      }
      await pty.pull()
      unlinkSync(link)
      await eventually('the loss is told', () => broker.states.at(-1)?.['state'] === 'offline', 5000)
      pty = await openPty(socat)
      const back = performance.now()
      symlinkSync(pty.path, link)
      await eventually('it is read again', () => broker.states.at(-1)?.['state'] === 'online', 5000)
      pty.send(`${cycle}\n`)
      await eventually('the line arrives', () => broker.values.at(-1)?.[1] === String(cycle), 5000)
      slowest = Math.max(slowest, performance.now() - back)
      const gap = broker.states.at(-1)?.['gap'] as { from: number; to: number } | undefined
      if (gap === undefined || gap.to <= gap.from) t.fail(`cycle ${cycle}: no gap`)
      broker.published.splice(0, broker.published.length - 2)
    }
    globalThis.gc?.()
    const growth = process.memoryUsage().rss - memoryAt
    t.ok(slowest < 2000, `slowest ${Math.round(slowest)} ms`)
    t.equal(descriptors(), descriptorsAt)
    t.ok(growth < GROWTH_MAX, `memory grew by ${Math.round(growth / 1024)} KiB, ${Math.round(growth / (CYCLES - 100))} B a cycle`)
    t.comment(`slowest ${Math.round(slowest)} ms, memory ${Math.round(growth / 1024)} KiB in ${CYCLES - 100} cycles`)
    await device.stop()
    await pty.pull()
  },
)

t.test('a line at 115200 baud under full load is read without loss at under 10 % of a core', { timeout: 60_000 }, async t => {
  const socat = peer(t, 'socat')
  if (socat === undefined) return
  const pty = await openPty(socat)
  const { broker, device } = open(pty.path, 'baud = 115200\nparse = "regex"\npattern = "^N=(?<n>[0-9]{8});$"')
  await broker.until(() => broker.states.at(-1)?.['state'] === 'online')
  const LINE = 12
  let sent = 0
  let next = 0
  let lost = 0
  const push = broker.published.push.bind(broker.published)
  broker.published.push = (...messages) => {
    for (const message of messages) {
      if (message.topic !== 'serial/dev/n') push(message)
      else if (Number(Buffer.from(message.payload).toString()) !== next++) lost++
    }
    return 0
  }
  const began = performance.now()
  const before = process.cpuUsage()
  await new Promise<void>(resolve => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - began
      // 10 bits a character.
      const due = Math.floor((Math.min(elapsed, LOAD_MS) * 11.52) / LINE)
      let text = ''
      for (; sent < due; sent++) text += `N=${String(sent).padStart(8, '0')};\n`
      if (text !== '') pty.send(text)
      if (elapsed < LOAD_MS) return
      clearInterval(timer)
      resolve()
    }, 16)
  })
  await eventually(
    'all lines arrive',
    () => next === sent,
    5000,
    () => `${next} of ${sent}`,
  )
  const { user, system } = process.cpuUsage(before)
  const share = (user + system) / 1000 / LOAD_MS
  t.equal(lost, 0)
  t.ok(share < 0.1, `${(share * 100).toFixed(1)} % of a core, with the device's side of it, for ${sent} lines`)
  t.comment(`${sent} lines, ${(share * 100).toFixed(1)} % of a core`)
  await device.stop()
  await pty.pull()
})
