import t from 'tap'
import { REOPEN_MAX_MS, REOPEN_MIN_MS, SerialEngine } from '#adapters/serial/engine.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { FakePort, turn } from './fake-port.ts'

function setUp(options: { idleMs?: number; port?: FakePort } = {}) {
  const clock = new VirtualClock()
  const port = options.port ?? new FakePort()
  const log: string[] = []
  const engine = new SerialEngine({
    settings: { path: '/dev/fake', baud: 9600, dataBits: 8, parity: 'none', stopBits: 1, rtsCts: false },
    opener: port,
    clock,
    idleMs: options.idleMs ?? 0,
    events: {
      data: bytes => log.push(`data ${Buffer.from(bytes).toString()}`),
      idle: () => log.push('idle'),
      online: gap => log.push(gap ? `online after ${gap.to - gap.from} until ${gap.to === clock.now() ? 'now' : gap.to}` : 'online'),
      offline: reason => log.push(`offline ${reason.code}: ${reason.message}`),
    },
  })
  return { clock, port, log, engine }
}

t.test('a port that is there is opened at once, without a gap', async t => {
  const { port, log, engine } = setUp()
  engine.start()
  engine.start()
  await turn()
  port.say('x')
  t.same(log, ['online', 'data x'])
  t.equal(engine.online, true)
  await engine.stop()
  t.equal(port.openNow, 0)
  t.equal(port.attempts, 1)
})

t.test('a port that is not there at the start is looked for, at least once a second', async t => {
  const { clock, port, log, engine } = setUp()
  port.plugged = false
  engine.start()
  for (let i = 0; i < 600; i++) {
    await turn()
    clock.advance(10)
  }
  await turn()
  t.ok(port.attempts >= 9 && port.attempts <= 11, `${port.attempts} attempts in six seconds`)
  t.same(log, ['offline port-unavailable: /dev/fake is not there'], 'the same reason is told once')
  port.plugged = true
  clock.advance(REOPEN_MAX_MS)
  await turn()
  t.match(log[1], /^online after \d+ until now$/)
  t.ok(Number(/after (\d+)/.exec(log[1]!)?.[1]) >= 6000, 'the gap begins with the start')
  await engine.stop()
})

t.test('a lost port is found again and the gap is measured in running time', async t => {
  const { clock, port, log, engine } = setUp()
  engine.start()
  await turn()
  clock.advance(60_000)
  port.pull()
  clock.advance(REOPEN_MIN_MS)
  await turn()
  clock.jumpWall(86_400_000)
  port.plugged = true
  clock.advance(2 * REOPEN_MIN_MS)
  await turn()
  t.same(log, [
    'online',
    'offline connection-lost: the port was lost: hung up',
    'offline port-unavailable: /dev/fake is not there',
    'online after 300 until now',
  ])
  port.pull()
  port.plugged = true
  clock.advance(REOPEN_MAX_MS)
  await turn()
  t.equal(engine.online, true)
  await engine.stop()
})

t.test('a new reason is told', async t => {
  const { clock, port, log, engine } = setUp()
  port.plugged = false
  engine.start()
  await turn()
  port.plugged = true
  port.locked = true
  clock.advance(REOPEN_MIN_MS)
  await turn()
  t.same(log, ['offline port-unavailable: /dev/fake is not there', 'offline port-unavailable: /dev/fake is in use by another program'])
  await engine.stop()
})

t.test('a port that is lost at once every time is not tried ever faster', async t => {
  const { clock, port, engine } = setUp()
  engine.start()
  for (let ms = 0; ms < 10_000; ms += 50) {
    await turn()
    port.pull()
    port.plugged = true
    clock.advance(50)
  }
  t.ok(port.opens < 20, `${port.opens} opens in ten seconds`)
  await engine.stop()
})

t.test('stopped while a port is being opened, it is closed as soon as it is open', async t => {
  const { clock, port, log, engine } = setUp()
  port.held = []
  engine.start()
  await turn()
  await engine.stop()
  for (const release of port.held) release()
  await turn()
  clock.advance(10_000)
  await turn()
  t.equal(port.openNow, 0)
  t.equal(port.attempts, 1)
  t.same(log, [])
})

t.test('stopped while waiting, nothing is tried any more, and it can begin anew', async t => {
  const { clock, port, log, engine } = setUp()
  port.plugged = false
  engine.start()
  await turn()
  await engine.stop()
  clock.advance(10_000)
  await turn()
  t.equal(port.attempts, 1)
  port.plugged = true
  engine.start()
  await turn()
  t.equal(log.at(-1), 'online')
  await engine.stop()
})

t.test('silence is told once after each run of bytes', async t => {
  const { clock, port, log, engine } = setUp({ idleMs: 50 })
  engine.start()
  await turn()
  clock.advance(1000)
  port.say('a')
  clock.advance(40)
  port.say('b')
  clock.advance(49)
  t.same(log, ['online', 'data a', 'data b'])
  clock.advance(1)
  clock.advance(1000)
  t.same(log.slice(3), ['idle'])
  port.say('c')
  port.pull()
  clock.advance(1000)
  t.notOk(log.slice(5).includes('idle'), 'a lost port is not silent')
  await engine.stop()
})

t.test('writes go to the open port and fail without one', async t => {
  const { clock, port, engine } = setUp()
  await t.rejects(engine.write(Buffer.from('x')), { code: 'port-unavailable' })
  engine.start()
  await turn()
  await engine.write(Buffer.from('hello'))
  t.same(port.heard, ['hello'])
  engine.pause()
  t.equal(port.paused, true)
  port.pull()
  port.plugged = true
  port.paused = false
  clock.advance(REOPEN_MAX_MS)
  await turn()
  t.equal(port.paused, true, 'a reopened port is held as the lost one was')
  engine.resume()
  t.equal(port.paused, false)
  await engine.stop()
})
