import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '#base/logger.ts'
import { ServiceManager } from '#system/notify.ts'
import { NotifyChannel } from '#system/notify-channel.ts'
import type { NotifyWay, Outcome } from '#system/notify-ways.ts'
import { GatewayFixture } from '../e2e/gateway-fixture.ts'
import { peer } from '../support/peers.ts'
import { hasProgram } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { NotifyListener } from './notify-listener.ts'

/** A way that keeps what it is given, and answers as told. */
class FakeWay implements NotifyWay {
  readonly sent: string[] = []
  outcome: Outcome = 'sent'
  readonly name: string

  constructor(name = 'fake') {
    this.name = name
  }

  send(state: string): Outcome {
    if (this.outcome === 'sent') this.sent.push(state)
    return this.outcome
  }
}

function stage(watchdogMs?: number) {
  const clock = new VirtualClock()
  const way = new FakeWay()
  const manager = new ServiceManager({ ways: [way], watchdogMs, clock, monotonicUs: () => 123n, logger: silentLogger })
  const gateway = { line: 'serves', stateLine: () => gateway.line, heartbeat: async () => {} }
  return { clock, way, manager, gateway }
}

const settled = () => new Promise(resolve => setImmediate(resolve))

t.test('the manager hears of start, readiness, reload and stop', async t => {
  const { way, manager, gateway } = stage()
  manager.starting()
  manager.ready(gateway)
  manager.reloading()
  manager.reloaded()
  manager.stopping()
  t.strictSame(way.sent, [
    'STATUS=starting: opens the store, then the listeners',
    'READY=1\nSTATUS=serves',
    'RELOADING=1\nMONOTONIC_USEC=123\nSTATUS=loads the configuration again',
    'READY=1\nSTATUS=serves',
    'STOPPING=1\nSTATUS=stops: says goodbye and commits what is left',
  ])
})

t.test('the line of state is told again when it has changed, every 10 s at most', async t => {
  const { clock, way, manager, gateway } = stage()
  manager.ready(gateway)
  clock.advance(60_000)
  t.equal(way.sent.length, 1, 'nothing has changed')
  gateway.line = 'serves more'
  clock.advance(9_999)
  t.equal(way.sent.length, 1)
  clock.advance(1)
  t.strictSame(way.sent.slice(1), ['STATUS=serves more'])
  manager.stopping()
  gateway.line = 'is gone'
  clock.advance(60_000)
  t.equal(way.sent.length, 3)
})

t.test('a reload that failed stays in the line until one succeeds', async t => {
  const { way, manager, gateway } = stage()
  manager.ready(gateway)
  manager.reloaded('the new configuration is wrong')
  manager.reloaded()
  t.strictSame(way.sent.slice(1), ['READY=1\nSTATUS=serves; the new configuration is wrong', 'READY=1\nSTATUS=serves'])
})

t.test('a reload that ends after the stop began does not say READY', async t => {
  const { way, manager, gateway } = stage()
  manager.ready(gateway)
  manager.reloading()
  manager.stopping()
  manager.reloaded()
  manager.reloading()
  t.match(way.sent.at(-1), /^STOPPING=1/)
})

t.test('signs of life come while the worker answers, and end with the stop', async t => {
  const { clock, way, manager, gateway } = stage(15_000)
  const beats = () => way.sent.filter(message => message === 'WATCHDOG=1').length
  manager.ready(gateway)
  await settled()
  t.equal(beats(), 1)
  for (let round = 0; round < 3; round++) {
    clock.advance(15_000)
    await settled()
  }
  t.equal(beats(), 4)
  gateway.heartbeat = () => new Promise(() => {})
  for (let round = 0; round < 3; round++) {
    clock.advance(15_000)
    await settled()
  }
  t.equal(beats(), 4)
})

t.test('without a manager nothing runs', async t => {
  const clock = new VirtualClock()
  const manager = new ServiceManager({ ways: [], watchdogMs: 1000, clock, monotonicUs: () => 0n, logger: silentLogger })
  let asked = 0
  manager.ready({ stateLine: () => String(asked++), heartbeat: async () => void asked++ })
  clock.advance(100_000)
  manager.stopping()
  t.equal(asked, 0)
})

t.test('messages wait for a busy manager in their order, the oldest go beyond sixteen', async t => {
  const clock = new VirtualClock()
  const way = new FakeWay()
  const channel = new NotifyChannel([way], clock, silentLogger)
  way.outcome = 'busy'
  for (let number = 1; number <= 18; number++) channel.tell(`STATUS=${number}`)
  clock.advance(1000)
  way.outcome = 'sent'
  clock.advance(100)
  t.strictSame(
    way.sent,
    Array.from({ length: 16 }, (_, index) => `STATUS=${index + 3}`),
  )
  channel.tell('STATUS=at once')
  t.equal(way.sent.at(-1), 'STATUS=at once')
})

t.test('a way that fails is left for the next, with the message that failed', async t => {
  const logged: string[] = []
  const log = (message: string) => void logged.push(message)
  const first = new FakeWay('first')
  const second = new FakeWay('second')
  const channel = new NotifyChannel([first, second], new VirtualClock(), { ...silentLogger, info: log, warn: log })
  first.outcome = { fault: 'EACCES' }
  channel.tell('READY=1')
  t.strictSame(second.sent, ['READY=1'])
  second.outcome = { fault: 'gone' }
  channel.tell('STATUS=a')
  channel.tell('STATUS=b')
  t.equal(channel.open, false)
  t.strictSame(logged, ['the service manager is told another way', 'the service manager cannot be told how the gateway is'])
})

t.test('a value cannot begin a field of its own', async t => {
  const way = new FakeWay()
  new NotifyChannel([way], new VirtualClock(), silentLogger).tell('STATUS=a\nMAINPID=1', 'READY=1')
  t.strictSame(way.sent, ['STATUS=a MAINPID=1\nREADY=1'])
})

t.test('the built program tells its whole life', async t => {
  const python = peer(t, 'paho-python')
  if (python === undefined || !hasProgram(t)) return
  const folder = temporaryFolder(t)
  const listener = await NotifyListener.open(python, join(folder, 'notify'))
  t.teardown(() => listener.close())
  const fixture = await GatewayFixture.make(t, folder)
  const environment = { NOTIFY_SOCKET: listener.address, WATCHDOG_USEC: '200000' }
  const gateway = await fixture.start(environment)
  t.match(await listener.next(/STATUS=starting/), /STATUS=starting/)
  t.equal(await listener.next(/READY=1/), 'READY=1\nSTATUS=0 clients; 0 messages wait')
  for (let beat = 0; beat < 3; beat++) await listener.next(/^WATCHDOG=1$/)
  const before = process.hrtime.bigint() / 1000n
  gateway.signal('SIGHUP')
  const reloading = await listener.next(/RELOADING=1/)
  const told = BigInt(/MONOTONIC_USEC=(\d+)/.exec(reloading)![1]!)
  t.ok(told >= before && told <= process.hrtime.bigint() / 1000n, 'the time is the one that other processes see')
  await listener.next(/^READY=1/)
  gateway.signal('SIGTERM')
  await listener.next(/^STOPPING=1/)
  t.strictSame(await gateway.ended, { code: 0, signal: null })
})
