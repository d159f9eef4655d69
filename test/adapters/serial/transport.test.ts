import { readdirSync } from 'node:fs'
import { rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { SerialAdapter } from '#adapters/serial/index.ts'
import type { LineSettings, Port } from '#adapters/serial/port.ts'
import { serialPorts, WRITE_BACKLOG_BYTES_MAX } from '#adapters/serial/transport.ts'
import { systemClock } from '#base/system-clock.ts'
import { peer } from '../../support/peers.ts'
import { RecordingLogger } from '../../support/recording-logger.ts'
import { FakeBroker } from './fake-broker.ts'
import { openPty, type Pty } from './pty.ts'
import { deviceConfig, LIMITS } from './support.ts'

const CYCLES = 50

function settings(path: string): LineSettings {
  return { path, baud: 9600, dataBits: 8, parity: 'none', stopBits: 1, rtsCts: false }
}

/** An open port whose bytes and loss can be waited for. */
async function openLine(path: string) {
  let text = ''
  let watcher = () => {}
  let lose: (reason: string) => void = () => {}
  const lost = new Promise<string>(resolve => (lose = resolve))
  const port: Port = await serialPorts.open(settings(path), {
    data: bytes => {
      text += Buffer.from(bytes).toString()
      watcher()
    },
    lost: reason => lose(reason),
  })
  const until = (holds: () => boolean) =>
    new Promise<void>(resolve => {
      watcher = () => holds() && resolve()
      watcher()
    })
  return { port, lost, until, text: () => text }
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** Points `link` to another terminal in one step, as udev does. */
async function relink(link: string, target: string): Promise<void> {
  await symlink(target, `${link}.new`)
  await rename(`${link}.new`, link)
}

t.test('bytes go both ways', async t => {
  const socat = peer(t, 'socat')
  if (!socat) return
  const pty = await openPty(socat)
  t.teardown(() => pty.pull())
  const line = await openLine(pty.path)
  pty.send('T=21.5\n')
  await line.until(() => line.text() === 'T=21.5\n')
  await line.port.write(Buffer.from('SET 7\n'))
  await pty.until(heard => heard === 'SET 7\n')
  await line.port.close()
  await line.port.close()
  await t.rejects(line.port.write(Buffer.from('x')), { code: 'connection-lost' })
})

t.test('what cannot be opened says why', async t => {
  const folder = t.testdir({ file: 'text' })
  await t.rejects(serialPorts.open(settings(join(folder, 'none')), { data() {}, lost() {} }), {
    code: 'port-unavailable',
    message: /is not there/,
    retryable: true,
  })
  for (const path of [folder, join(folder, 'file'), '/dev/null']) {
    await t.rejects(
      serialPorts.open(settings(path), { data() {}, lost() {} }),
      { code: 'port-unavailable', message: /is not a serial port/ },
      path,
    )
  }
  await symlink('/dev/pts/99999', join(folder, 'dangling'))
  await t.rejects(serialPorts.open(settings(join(folder, 'dangling')), { data() {}, lost() {} }), {
    code: 'port-unavailable',
    message: /is not there/,
  })
})

t.test('a port that is in use is not taken', async t => {
  const socat = peer(t, 'socat')
  if (!socat) return
  const pty = await openPty(socat)
  t.teardown(() => pty.pull())
  const before = descriptors()
  const line = await openLine(pty.path)
  await t.rejects(openLine(pty.path), { code: 'port-unavailable', message: /in use by another program/, hint: /stop that program/ })
  await line.port.close()
  t.equal(descriptors(), before)
  const again = await openLine(pty.path)
  await again.port.close()
})

t.test('a terminal that hangs up is lost, reading or paused', async t => {
  const socat = peer(t, 'socat')
  if (!socat) return
  for (const paused of [false, true]) {
    const pty = await openPty(socat)
    const line = await openLine(pty.path)
    pty.send('x')
    await line.until(() => line.text() === 'x')
    if (paused) line.port.pause()
    const before = process.cpuUsage()
    await pty.pull()
    t.type(await line.lost, 'string')
    await line.port.close()
    const { user, system } = process.cpuUsage(before)
    t.ok(user + system < 2e6, `${user + system} µs of CPU`)
    await t.rejects(line.port.write(Buffer.from('x')), { code: 'connection-lost' })
  }
})

t.test('a paused port loses nothing that the system can hold', async t => {
  const socat = peer(t, 'socat')
  if (!socat) return
  const pty = await openPty(socat)
  t.teardown(() => pty.pull())
  const line = await openLine(pty.path)
  line.port.pause()
  const sent = `${Array.from({ length: 200 }, (_, i) => `line ${i}`).join('\n')}\n`
  pty.send(sent)
  // The answer to a write proves that time has passed on the far side.
  await line.port.write(Buffer.from('!'))
  await pty.until(heard => heard === '!')
  const already = line.text().length
  line.port.resume()
  await line.until(() => line.text().length === sent.length)
  t.equal(line.text(), sent)
  t.ok(already < sent.length, `${already} bytes came before`)
  await line.port.close()
})

t.test('a device that takes nothing does not fill memory, stop the reading, or hold up the closing', async t => {
  const socat = peer(t, 'socat')
  if (!socat) return
  const pty = await openPty(socat)
  t.teardown(() => pty.pull())
  const line = await openLine(pty.path)
  pty.send('before')
  await line.until(() => line.text() === 'before')
  pty.freeze()
  const piece = Buffer.alloc(1024, 'w')
  const outcomes: Promise<string>[] = []
  for (let i = 0; i < 200; i++)
    outcomes.push(
      line.port.write(piece).then(
        () => 'sent',
        error => error.code,
      ),
    )
  const refused = outcomes.length - WRITE_BACKLOG_BYTES_MAX / piece.length
  pty.thaw()
  const first = await Promise.all(outcomes)
  const sent = first.filter(each => each === 'sent').length
  t.ok(first.includes('quota-exceeded') && sent >= outcomes.length - refused, `${sent} of ${first.length} were sent`)
  await pty.until(heard => heard.length === sent * piece.length)

  pty.freeze()
  const stuck: Promise<string>[] = []
  for (let i = 0; i < 40; i++)
    stuck.push(
      line.port.write(piece).then(
        () => 'sent',
        error => error.code,
      ),
    )
  await line.port.close()
  t.ok((await Promise.all(stuck)).includes('connection-lost'))
  pty.thaw()
})

t.test(`${CYCLES} times unplugged and plugged in leak no descriptor`, async t => {
  const socat = peer(t, 'socat')
  if (!socat) return
  let before = 0
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const pty = await openPty(socat)
    const line = await openLine(pty.path)
    pty.send(`${cycle}`)
    await line.until(() => line.text() === `${cycle}`)
    // In turn: the plug is pulled, the port is closed, and something waits to be sent when the plug is pulled.
    if (cycle % 3 === 1) await line.port.close()
    if (cycle % 3 === 2) {
      pty.freeze()
      for (let i = 0; i < 20; i++) line.port.write(Buffer.alloc(1024)).catch(() => {})
    }
    await pty.pull()
    if (cycle % 3 !== 1) await line.lost
    await line.port.close()
    if (cycle === 4) before = descriptors()
  }
  t.equal(descriptors(), before)
})

t.test('an adapter moved to another terminal is found again by its link, and the gap is told', async t => {
  const socat = peer(t, 'socat')
  if (!socat) return
  const link = join(t.testdir(), 'by-id')
  const broker = new FakeBroker()
  let first: Pty = await openPty(socat)
  let second: Pty | undefined
  await symlink(first.path, link)
  const config = { dev: deviceConfig('parse = "csv"\ncolumns = ["n", "t"]', link) }
  const adapter = new SerialAdapter({ config, broker: broker.port, clock: systemClock(), logger: new RecordingLogger(), limits: LIMITS })
  t.teardown(async () => {
    await adapter.stop()
    await first.pull()
    await second?.pull()
  })
  adapter.start()
  await broker.until(() => broker.states.at(-1)?.['state'] === 'online')
  for (let cycle = 0; cycle < 3; cycle++) {
    first.send(`${cycle},20.5\n${cycle},cut o`)
    await broker.until(() => broker.values.length === cycle * 4 + 2)
    broker.deliver('serial/dev/write', `hello ${cycle}`)
    await first.until(heard => heard.includes(`hello ${cycle}\n`))

    second = await openPty(socat)
    t.not(second.path, first.path)
    await first.pull()
    await broker.until(() => broker.states.at(-1)?.['state'] === 'offline')
    const pulledAt = Date.now()
    await relink(link, second.path)
    await broker.until(() => broker.states.at(-1)?.['state'] === 'online')
    const { gap } = broker.states.at(-1) as { gap: { from: number; to: number } }
    t.ok(gap.to >= gap.from && gap.to - pulledAt < 2000, `back ${gap.to - pulledAt} ms after the link led elsewhere`)
    second.send(`${cycle},21\n`)
    await broker.until(() => broker.values.length === cycle * 4 + 4)
    first = second
    second = undefined
  }
  t.same(
    broker.values.filter(([topic]) => topic === 'serial/dev/t').map(([, value]) => value),
    ['20.5', '21', '20.5', '21', '20.5', '21'],
  )
  await adapter.stop()
  t.match(broker.states.at(-1), { state: 'stopped' })
})
