import t from 'tap'
import { SerialDevice } from '#adapters/serial/device.ts'
import { PUBLISH_WINDOW, RETRY_MIN_MS } from '#adapters/serial/outbox.ts'
import { RecordingLogger } from '../../support/recording-logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { FakeBroker } from './fake-broker.ts'
import { FakePort, turn } from './fake-port.ts'
import { deviceConfig, LIMITS } from './support.ts'

async function setUp(keys: string, prepare: (parts: { port: FakePort; broker: FakeBroker }) => void = () => {}) {
  const clock = new VirtualClock()
  const port = new FakePort()
  const broker = new FakeBroker()
  const logger = new RecordingLogger()
  prepare({ port, broker })
  const device = new SerialDevice({
    name: 'dev',
    config: deviceConfig(keys),
    broker: broker.port,
    clock,
    logger,
    opener: port,
    limits: LIMITS,
  })
  device.start()
  await turn()
  return { clock, port, broker, logger, device }
}

t.test('a device is a client of the broker, with its own will and subscriptions', async t => {
  const { broker, device, port } = await setUp(
    `parse = "json"\npoints.t = { set = "T \${value}" }\nbaud = 19200\nparity = "even"\nrts_cts = true`,
  )
  t.match(broker.request, {
    identity: { clientId: '$serial:dev' },
    protocol: 'serial',
    cleanStart: true,
    sessionExpiryMs: 0,
    will: { message: { topic: 'serial/dev/$state', retain: true } },
  })
  t.same(broker.subscriptions, [
    { filter: 'serial/dev/write', qos: 1, retainHandling: 2 },
    { filter: 'serial/dev/+/set', qos: 1, retainHandling: 2 },
  ])
  t.match(port.settings, { path: '/dev/fake', baud: 19200, parity: 'even', rtsCts: true, dataBits: 8, stopBits: 1 })
  await device.stop()
  t.equal(broker.detached, 1)
  t.equal(broker.pressureListeners, 0)
  t.equal(port.openNow, 0)
})

t.test('lines become values, at QoS 1, with the time at which they were read', async t => {
  const { clock, broker, port, device } = await setUp('parse = "regex"\npattern = "^T=(?<t>[-.0-9]+) H=(?<h>[.0-9]+)$"\nretain = true')
  clock.advance(1234)
  port.say('T=-4.50 H=81\r\nboot')
  port.say('ing\nT=5 H=80\n')
  t.same(broker.values, [
    ['serial/dev/t', '-4.50'],
    ['serial/dev/h', '81'],
    ['serial/dev/t', '5'],
    ['serial/dev/h', '80'],
  ])
  const message = broker.published.find(each => each.topic === 'serial/dev/t')
  t.match(message, { qos: 1, retain: true, publisher: '$serial:dev', timeMs: clock.now(), timeQuality: 'synced', takenAtMs: 4711 })
  t.match(device.status(), { lines: { lines: 2, unmatched: 1 }, messages: { dropped: 0 }, framing: { frames: 3 } })
  await device.stop()
})

t.test('raw lines go out whole', async t => {
  const { broker, port, device } = await setUp('')
  port.say('hello wörld\nnext\n')
  t.same(broker.values, [
    ['serial/dev/line', 'hello wörld'],
    ['serial/dev/line', 'next'],
  ])
  await device.stop()
})

t.test('CSV values and the line beside them', async t => {
  const { broker, port, device } = await setUp('parse = "csv"\ncolumns = ["a", "", "b"]\nline = true')
  port.say('1,x,2\n')
  t.same(broker.values, [
    ['serial/dev/line', '1,x,2'],
    ['serial/dev/a', '1'],
    ['serial/dev/b', '2'],
  ])
  await device.stop()
})

t.test('JSON out says value, unit, time and quality, and bad values too', async t => {
  const { clock, broker, port, device } = await setUp('parse = "json"\nformat = "json"\npoints.t = { unit = "°C", type = "number" }')
  clock.isSynchronised = false
  port.say('{"t":21.5}\n{"t":"n/a"}\n')
  const time = clock.now()
  t.same(
    broker.values.map(([, payload]) => JSON.parse(payload)),
    [
      { value: 21.5, unit: '°C', time, timeQuality: 'unsynced', quality: 'good' },
      { value: null, unit: '°C', time, timeQuality: 'unsynced', quality: 'bad' },
    ],
  )
  t.equal(device.status().lines.invalid, 1)
  await device.stop()
})

t.test('as text a bad value is counted and not published', async t => {
  const { broker, port, device } = await setUp('parse = "json"\npoints.t = { type = "number" }')
  port.say('{"t":"n/a"}\n{"t":null}\n{"t":1}\n')
  t.same(broker.values, [['serial/dev/t', '1']])
  t.equal(device.status().lines.invalid, 2)
  await device.stop()
})

t.test('broken lines are counted, warned of once in a while, and end nothing', async t => {
  const { clock, broker, port, logger, device } = await setUp('parse = "json"')
  for (let i = 0; i < 100; i++) port.say('{"t":\n')
  port.say('\xff\xfe{"t":2}\n{"t":1}\n')
  t.equal(device.status().lines.malformed, 101)
  t.equal(logger.messages('warn').length, 1)
  clock.advance(10_000)
  port.say('x\n')
  t.equal(logger.records.at(-1)?.fields.alsoBefore, 100)
  t.same(broker.values, [['serial/dev/t', '1']])
  await device.stop()
})

t.test('a flood of names is bounded', async t => {
  const { broker, port, device } = await setUp('parse = "json"')
  for (let i = 0; i < 1100; i++) port.say(`{"k${i}":1}\n`)
  t.equal(broker.values.length, 1024)
  t.equal(device.status().lines.invalid, 76)
  await device.stop()
})

t.test('the state tells of unplugging, of coming back and of the gap', async t => {
  const { clock, broker, port, device } = await setUp('')
  port.say('half a li')
  clock.advance(5000)
  port.pull()
  port.plugged = true
  clock.advance(100)
  await turn()
  port.say('ne\nwhole\n')
  const start = clock.now() - 5100
  t.same(broker.states, [
    { state: 'offline', since: start, port: '/dev/fake' },
    { state: 'online', since: start, port: '/dev/fake' },
    { state: 'offline', since: start + 5000, port: '/dev/fake', reason: 'the port was lost: hung up' },
    { state: 'online', since: start + 5100, port: '/dev/fake', gap: { from: start + 5000, to: start + 5100 } },
  ])
  t.ok(broker.published.filter(each => each.topic.endsWith('$state')).every(each => each.retain && each.qos === 1))
  t.same(
    broker.values.map(([, line]) => line),
    ['ne', 'whole'],
  )
  await device.stop()
  t.match(broker.states.at(-1), { state: 'stopped', gap: { to: start + 5100 } })
})

t.test('values wait while the broker is congested, and keep their order and time', async t => {
  const { clock, broker, port, device } = await setUp('')
  const before = clock.now()
  broker.congested = true
  port.say('1\n2\n')
  clock.advance(3000)
  port.say('3\n')
  t.same(broker.values, [])
  t.equal(device.status().waiting, 3)
  broker.relieve()
  t.same(
    broker.values.map(([, line]) => line),
    ['1', '2', '3'],
  )
  t.same(
    broker.published.slice(-3).map(each => each.timeMs - before),
    [0, 0, 3000],
  )
  await device.stop()
})

t.test('no more than a window of values awaits its commit', async t => {
  const { broker, port, device } = await setUp('', ({ broker }) => (broker.prompt = false))
  const lines = Array.from({ length: PUBLISH_WINDOW + 10 }, (_, i) => `${i}`)
  port.say(`${lines.join('\n')}\n`)
  t.equal(broker.values.length, PUBLISH_WINDOW)
  broker.commit()
  t.same(
    broker.values.map(([, line]) => line),
    lines,
  )
  broker.commit()
  await device.stop()
})

t.test('a refusal that may pass holds everything back, one that cannot drops its message alone', async t => {
  const { clock, broker, port, logger, device } = await setUp('parse = "json"')
  broker.refuse = message => (message.topic.endsWith('/b') ? 0x87 : 0)
  port.say('{"a":1,"b":2,"c":3}\n')
  t.same(broker.values, [
    ['serial/dev/a', '1'],
    ['serial/dev/c', '3'],
  ])
  t.equal(device.status().messages.refused, 1)
  let asked = 0
  broker.refuse = () => {
    asked++
    return 0x97
  }
  port.say('{"a":4}\n{"a":5}\n')
  t.equal(asked, 1)
  clock.advance(RETRY_MIN_MS)
  t.equal(asked, 2)
  clock.advance(60_000)
  t.ok(asked < 20, `asked ${asked} times in a minute`)
  broker.refuse = () => 0
  clock.advance(5000)
  t.same(broker.values.slice(2), [
    ['serial/dev/a', '4'],
    ['serial/dev/a', '5'],
  ])
  t.same(logger.messages('warn').slice(0, 2), ['a value was refused', 'the broker takes no values at the moment, they wait'])
  await device.stop()
})

t.test('beyond the backlog the oldest are dropped, counted and reported', async t => {
  const { clock, broker, port, logger, device } = await setUp('backlog = "16KiB"')
  broker.congested = true
  for (let i = 0; i < 1000; i++) port.say(`${String(i).padStart(100, '0')}\n`)
  const { waiting, messages } = device.status()
  t.ok(waiting > 50 && waiting < 100, `${waiting} wait`)
  t.equal(messages.dropped, 1000 - waiting)
  t.match(broker.states.at(-1), { state: 'online', dropped: 1 })
  clock.advance(1000)
  t.match(broker.states.at(-1), { dropped: 1000 - waiting })
  const reports = broker.states.length
  clock.advance(60_000)
  t.equal(broker.states.length, reports, 'nothing new, no new report')
  t.ok(logger.messages('warn').some(text => text.startsWith('values were dropped')))
  broker.relieve()
  t.equal(Number(broker.values[0]![1]), 1000 - waiting, 'what is left is the newest, in order')
  t.equal(Number(broker.values.at(-1)![1]), 999)
  await device.stop()
})

t.test('with flow control the device is held before anything is dropped', async t => {
  const { broker, port, device } = await setUp('backlog = "16KiB"\nrts_cts = true')
  broker.congested = true
  for (let i = 0; i < 1000 && !port.paused; i++) port.say(`${String(i).padStart(100, '0')}\n`)
  t.equal(port.paused, true)
  t.equal(device.status().messages.dropped, 0)
  broker.relieve()
  t.equal(port.paused, false)
  await device.stop()
})

t.test('the state is published as soon as the broker takes it', async t => {
  const { clock, broker, port, device } = await setUp('', ({ broker }) => (broker.refuse = () => 0x97))
  t.same(broker.states, [])
  port.say('1\n')
  broker.refuse = () => 0
  clock.advance(RETRY_MIN_MS)
  t.match(broker.states, [{ state: 'online' }])
  t.same(broker.values.length, 1)
  await device.stop()
})

t.test('messages to the device become lines and are acknowledged once they are sent', async t => {
  const { broker, port, device } = await setUp(`parse = "json"\nwrite_end = "\\r\\n"\npoints.t = { scale = 0.1, set = "SET \${value}" }`)
  const ids = [
    broker.deliver('serial/dev/t/set', '21.5'),
    broker.deliver('serial/dev/write', 'RESET'),
    broker.deliver('serial/dev/write', 'A\r\n'),
  ].map(entry => entry.packetId)
  await turn()
  t.same(port.heard, ['SET 215\r\n', 'RESET\r\n', 'A\r\n'])
  t.same(broker.acknowledged, ids)
  port.stuck = true
  broker.deliver('serial/dev/write', 'B')
  await turn()
  t.equal(broker.acknowledged.length, 3, 'not before the system has it')
  await device.stop()
})

t.test('writes that cannot be sent are acknowledged, counted and warned of', async t => {
  const { broker, port, logger, device } = await setUp(
    `parse = "json"\npoints.t = { type = "number", set = "SET \${value}" }\nmax_length = "32B"`,
  )
  broker.deliver('serial/dev/t/set', 'hot')
  broker.deliver('serial/dev/x/set', '1')
  broker.deliver('serial/dev/write', 'x'.repeat(33))
  port.pull()
  broker.deliver('serial/dev/write', 'late')
  await turn()
  t.same(port.heard, [])
  t.equal(broker.acknowledged.length, 4)
  t.match(device.status().writes, { sent: 0, failed: 4 })
  t.ok(logger.messages('warn').includes('a write did not reach the device'))
  await device.stop()
})

t.test('a retained QoS 0 message is no command of now', async t => {
  const { broker, port, device } = await setUp('')
  const { message } = broker.deliver('serial/dev/write', 'now')
  broker.request?.sink.send(message, true, undefined)
  broker.request?.sink.send(message, false, undefined)
  await turn()
  t.same(port.heard, ['now\n', 'now\n'])
  await device.stop()
})

t.test('a kicked device comes back, and what it read meanwhile with it', async t => {
  const { clock, broker, port, device } = await setUp('')
  broker.kick()
  port.say('meanwhile\n')
  t.same(broker.values, [])
  clock.advance(1000)
  t.equal(broker.attached.length, 2)
  t.same(
    broker.values.map(([, line]) => line),
    ['meanwhile'],
  )
  await device.stop()
})

t.test('stopping waits for what is still on its way, and not for ever', async t => {
  const { clock, broker, port, logger, device } = await setUp('')
  broker.congested = true
  port.say('1\n')
  let done = false
  const stopped = device.stop().then(() => (done = true))
  await turn()
  t.equal(done, false)
  broker.relieve()
  await stopped
  t.same(
    broker.values.map(([, line]) => line),
    ['1'],
  )

  const late = await setUp('')
  late.broker.congested = true
  late.port.say('1\n')
  const ending = late.device.stop()
  await turn()
  late.clock.advance(500)
  await ending
  t.ok(late.logger.messages('warn').includes('values were not taken before the stop'))
  t.equal(late.broker.detached, 1)
  t.notOk(logger.messages('warn').includes('values were not taken before the stop'))
  clock.advance(60_000)
})

t.test('silence ends a line where that is configured', async t => {
  const { clock, broker, port, device } = await setUp('idle_flush = "100ms"')
  port.say('12.5')
  clock.advance(100)
  t.same(
    broker.values.map(([, line]) => line),
    ['12.5'],
  )
  await device.stop()
})
