import t from 'tap'
import { SerialDevice } from '#adapters/serial/device.ts'
import { RecordingLogger } from '../../../support/recording-logger.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { FakeBroker } from '../fake-broker.ts'
import { turn } from '../fake-port.ts'
import { deviceConfig, LIMITS } from '../support.ts'
import { BenchLine, pass } from './bench.ts'

async function setUp(keys: string, prepare: (line: BenchLine) => void, framing = 'modbus-rtu') {
  const clock = new VirtualClock()
  const line = new BenchLine(clock)
  const broker = new FakeBroker()
  const logger = new RecordingLogger()
  prepare(line)
  const config = deviceConfig(`framing = "${framing}"\nbaud = 115200\n${keys}`)
  const device = new SerialDevice({ name: 'dev', config, broker: broker.port, clock, logger, opener: line, limits: LIMITS })
  device.start()
  await turn()
  const last = (topic: string) => {
    const found = broker.published.findLast(message => message.topic === `serial/dev/${topic}`)
    return found && Buffer.from(found.payload).toString()
  }
  const count = (topic: string) => broker.published.filter(message => message.topic === `serial/dev/${topic}`).length
  return { clock, line, broker, logger, device, last, count }
}

t.test('points are read by their types, orders, scales, words and bits', async t => {
  const { clock, device, last } = await setUp(
    `
interval = "1s"
[serial.dev.points]
volt = { register = 0, table = "input", type = "float32", unit = "V" }
swapped = { register = 2, table = "input", type = "float32", byte_order = "CDAB", decimals = 1 }
temp = { register = 10, type = "int16", scale = 0.1 }
mode = { register = 11, values = { 0 = "off", 1 = "heat" } }
alarm = { register = 12, bit = 3 }
level = { register = 12, bit = 4, bits = 4 }
faults = { register = 12, flags = { 0 = "door", 3 = "fan" } }
energy = { register = 13, type = "uint64" }
name = { register = 17, type = "string", length = 5 }
none = { register = 20, type = "int16", invalid = [-32768] }
relay = { register = 5, table = "coil" }
door = { register = 6, table = "discrete", values = { 0 = "shut", 1 = "open" } }`,
    line => {
      line
        .add(1)
        .set('input', 0, 0x4366, 0x3333, 0x3333, 0x4366)
        .set('holding', 10, 0xff38, 1, 0x00a9, 0xffff, 0xffff, 0xffff, 0xffff, 0x4142, 0x4320, 0x4400, 0x8000)
        .set('coil', 5, 1)
        .set('discrete', 6, 1)
    },
  )
  await pass(clock, 200)
  for (const [point, value] of Object.entries({
    volt: '230.2',
    swapped: '230.2',
    temp: '-20',
    mode: 'heat',
    alarm: 'true',
    level: '10',
    faults: 'door,fan,5,7',
    energy: '18446744073709551615',
    name: 'ABC D',
    relay: 'true',
    door: 'open',
  }))
    t.equal(last(point), value, point)
  t.equal(last('none'), undefined)
  t.match(last('none/$quality'), /^bad/)
  t.equal(last('volt/$quality'), 'good')
  t.match(JSON.parse(last('$state')!), { state: 'online', answering: true })
  await device.stop()
})

t.test('registers that lie together are one request, each group keeps its interval', async t => {
  const { clock, line, device, count } = await setUp(
    `
interval = "10s"
max_gap = 4
max_registers = 20
groups.fast.interval = "1s"
[serial.dev.points]
a = { register = 0 }
b = { register = 5 }
c = { register = 11 }
d = { register = 30, type = "uint32" }
e = { register = 1, group = "fast" }`,
    line => line.add(1).set('holding', 0, ...Array.from({ length: 40 }, (_, index) => index)),
  )
  await pass(clock, 10_500, 5)
  const requests = line.units.get(1)!.heard.map(each => each.split(' ')[1])
  t.equal(requests.filter(each => each === '0300000006').length, 2, 'a and b together, at 0 s and 10 s')
  t.equal(requests.filter(each => each === '03000b0001').length, 2, 'c lies too far')
  t.equal(requests.filter(each => each === '03001e0002').length, 2)
  t.equal(requests.filter(each => each === '0300010001').length, 11)
  t.equal(count('e'), 11)
  await device.stop()
})

const TWO = `
interval = "1s"
timeout = "100ms"
[serial.dev.units.a]
unit = 1
points.x = { register = 0 }
[serial.dev.units.b]
unit = 2
points.x = { register = 0 }`

t.test('a dead unit costs one time-out in its back-off, and is asked for everything once it is back', async t => {
  const { clock, line, device, last, count } = await setUp(TWO, line => {
    line.add(1).set('holding', 0, 7)
    line.add(2).set('holding', 0, 8).silent = true
  })
  await pass(clock, 1000, 5)
  t.match(JSON.parse(last('b/$state')!), { state: 'offline' })
  t.match(last('b/x/$quality'), /no answer/)
  const before = line.units.get(2)!.heard.length
  t.equal(before, 2)
  await pass(clock, 29_000, 5)
  t.equal(line.units.get(2)!.heard.length, before, 'left alone for 30 s')
  await pass(clock, 30_000, 5)
  t.ok(line.units.get(2)!.heard.length - before <= 2)
  t.ok(count('a/x') >= 59, `${count('a/x')} values of the good unit in 60 s`)
  line.units.get(2)!.silent = false
  await pass(clock, 31_000, 5)
  t.equal(last('b/x'), '8')
  t.equal(last('b/x/$quality'), 'good')
  t.match(JSON.parse(last('b/$state')!), { state: 'online' })
  await device.stop()
})

t.test('the late answer of a slow unit is never taken for that to another question', async t => {
  const { clock, line, device, broker } = await setUp(
    `
interval = "500ms"
timeout = "50ms"
late = "2s"
max_gap = 0
[serial.dev.points]
a = { register = 0 }
b = { register = 10 }
c = { register = 20 }`,
    line => line.add(1).set('holding', 0, 100).set('holding', 10, 200).set('holding', 20, 300),
  )
  const unit = line.units.get(1)!
  // Fast at first, then slow now and then, by more than the time-out.
  let turn = 0
  const delays = [5, 5, 5, 5, 120, 5, 5, 300, 5, 180, 60, 5]
  Object.defineProperty(unit, 'delayMs', { get: () => delays[turn++ % delays.length] })
  await pass(clock, 30_000, 2)
  const wrong = broker.values.filter(([topic, value]) => {
    const wanted = { 'serial/dev/a': '100', 'serial/dev/b': '200', 'serial/dev/c': '300' }[topic]
    return wanted !== undefined && wanted !== value
  })
  t.same(wrong, [])
  for (const point of ['a', 'b', 'c']) t.ok(broker.values.filter(([topic]) => topic === `serial/dev/${point}`).length > 10, point)
  await device.stop()
})

t.test('a unit that always answers later than the time-out is given the time that it needs', async t => {
  const { clock, line, device, count } = await setUp(`interval = "1s"\ntimeout = "50ms"\npoints.a = { register = 0 }`, line =>
    line.add(1).set('holding', 0, 1),
  )
  line.units.get(1)!.delayMs = 80
  await pass(clock, 20_000, 2)
  t.ok(count('a') >= 15, `${count('a')} values`)
  await device.stop()
})

t.test('broken answers are asked for again at once', async t => {
  const { clock, line, device, count, last } = await setUp(`interval = "1s"\npoints.a = { register = 0, type = "uint32" }`, line =>
    line.add(1).set('holding', 0, 1, 2),
  )
  let turn = 0
  line.units.get(1)!.spoil = answer => {
    const broken = answer.slice()
    // Each byte in turn, in every other answer; at times the last is missing.
    if (turn++ % 2 === 0) broken[(turn >> 1) % broken.length]! ^= 0x40
    return turn % 10 === 1 ? broken.subarray(0, -1) : broken
  }
  await pass(clock, 20_000, 2)
  t.ok(count('a') >= 19, `${count('a')} values in 20 s`)
  t.equal(last('a'), '65538')
  t.ok(device.status().framing.malformed > 5)
  await device.stop()
})

t.test('a register that is not there costs no other its value', async t => {
  const { clock, device, last } = await setUp(
    `interval = "1s"\n[serial.dev.points]\na = { register = 0 }\nb = { register = 1 }\nc = { register = 2 }\nd = { register = 3 }`,
    line => line.add(1).set('holding', 0, 10, 11).set('holding', 3, 13),
  )
  await pass(clock, 500)
  t.same(['a', 'b', 'd'].map(last), ['10', '11', '13'])
  t.match(last('c/$quality'), /illegal data address/)
  await device.stop()
})

t.test('writes: by single, multiple and mask function, read back and published', async t => {
  const { clock, line, broker, device, last } = await setUp(
    `
interval = "1h"
[serial.dev.points]
set = { register = 100, type = "int16", scale = 0.5, write = "auto", min = -10, max = 50 }
`.replace('set =', 'target =') +
      `long = { register = 101, type = "uint32", byte_order = "CDAB", write = "auto" }
one = { register = 103, write = "multiple" }
mode = { register = 104, values = { 0 = "off", 2 = "cool" }, write = "single" }
bit = { register = 105, bit = 2, write = "auto" }
mask = { register = 105, bit = 8, bits = 4, write = "mask" }
relay = { register = 0, table = "coil", write = "auto" }
relay2 = { register = 1, table = "coil", write = "auto" }
locked = { register = 106 }`,
    line => line.add(1).set('holding', 100, 0, 0, 0, 0, 0, 0xf0f0, 0).set('coil', 0, 0, 0),
  )
  await pass(clock, 200)
  const unit = line.units.get(1)!
  const write = async (topic: string, payload: string) => {
    const before = unit.heard.length
    const entry = broker.deliver(`serial/dev/${topic}`, payload)
    await pass(clock, 100)
    t.ok(broker.acknowledged.includes(entry.packetId), `${topic} acknowledged`)
    return unit.heard.slice(before).map(each => each.split(' ')[1])
  }
  t.same(await write('target/set', '-4.5'), ['060064fff7', '0300640001'])
  t.equal(last('target'), '-4.5')
  t.same(await write('long/set', '305419896'), ['1000650002045678' + '1234', '0300650002'])
  t.same(await write('one/set', '9'), ['10006700010200' + '09', '0300670001'])
  t.same(await write('mode/set', 'cool'), ['0600680002', '0300680001'])
  t.equal(last('mode'), 'cool')
  t.same(await write('bit/set', 'on'), ['0300690001', '060069f0f4', '0300690001'])
  t.same(await write('mask/set', '5'), ['160069f0ff0500', '0300690001'])
  t.equal(unit.get('holding', 105), 0xf5f4)
  t.same(await write('relay/set', 'true'), ['050000ff00', '0100000001'])
  t.equal(last('relay'), 'true')
  t.same(await write('set', '{"relay":0,"relay2":1}'), ['0f0000000201' + '02', '0100000002'])
  t.same(await write('set', '{"mode":"off"}'), ['0600680000', '0300680001'])
  for (const [topic, payload] of [
    ['target/set', '51'],
    ['target/set', 'warm'],
    ['locked/set', '1'],
    ['nothing/set', '1'],
    ['relay/set', '2'],
    ['long/set', '-1'],
    ['set', '[1]'],
    ['set', 'x'],
  ] as const)
    t.same(await write(topic, payload), [], `${topic} ${payload}`)
  t.equal(device.status().writes.failed, 8)
  await device.stop()
})

t.test('whoever asks is told what became of a write', async t => {
  const { clock, broker, device } = await setUp(`interval = "1h"\npoints.a = { register = 0, write = "auto", max = 5 }`, line =>
    line.add(1).set('holding', 0, 0),
  )
  await pass(clock, 100)
  const properties = { responseTopic: 'me/answers', correlationData: Buffer.from('7') }
  broker.deliver('serial/dev/a/set', '3', properties)
  broker.deliver('serial/dev/a/set', '9', properties)
  await pass(clock, 200)
  const answers = broker.published.filter(message => message.topic === 'me/answers')
  t.same(answers.map(message => JSON.parse(Buffer.from(message.payload).toString()).ok).toSorted(), [false, true])
  t.same(Buffer.from(answers[0]!.properties!.correlationData!).toString(), '7')
  await device.stop()
})

t.test('on change: a dead band, a heartbeat, and bad said once', async t => {
  const { clock, line, device, count, last } = await setUp(
    `interval = "1s"\nformat = "json"\npublish = "change"\ndead_band = 2\nheartbeat = "10s"\ntimeout = "100ms"\npoints.a = { register = 0, unit = "V" }`,
    line => line.add(1).set('holding', 0, 100),
  )
  await pass(clock, 3500, 5)
  t.equal(count('a'), 1)
  t.match(JSON.parse(last('a')!), { value: 100, unit: 'V', quality: 'good', timeQuality: 'synced' })
  line.units.get(1)!.set('holding', 0, 102)
  await pass(clock, 2000, 5)
  t.equal(count('a'), 1, 'within the dead band')
  line.units.get(1)!.set('holding', 0, 103)
  await pass(clock, 2000, 5)
  t.equal(count('a'), 2)
  await pass(clock, 11_000, 5)
  t.equal(count('a'), 3, 'heartbeat')
  line.units.get(1)!.silent = true
  await pass(clock, 8000, 5)
  t.equal(count('a'), 4)
  t.match(JSON.parse(last('a')!), { value: null, quality: 'bad', error: 'no answer' })
  await device.stop()
})

t.test('a pulled plug spoils the values, a plugged one brings them back at once', async t => {
  const { clock, line, device, last } = await setUp(TWO, line => {
    line.add(1).set('holding', 0, 7)
    line.add(2).set('holding', 0, 8)
  })
  await pass(clock, 2000, 5)
  line.pull()
  await pass(clock, 3000, 5)
  t.match(last('a/x/$quality'), /port is not open/)
  line.plugged = true
  line.units.get(1)!.set('holding', 0, 9)
  await pass(clock, 1500, 5)
  t.equal(last('a/x'), '9')
  t.equal(last('a/x/$quality'), 'good')
  t.ok(JSON.parse(last('$state')!).gap.to > JSON.parse(last('$state')!).gap.from)
  await device.stop()
})

t.test('ASCII frames, and adapters that hear themselves', async t => {
  for (const [mode, echo] of [
    ['ascii', false],
    ['rtu', true],
    ['ascii', true],
  ] as const) {
    const { clock, device, last, count } = await setUp(
      `interval = "1s"\necho = ${echo}\npoints.a = { register = 0, write = "auto" }`,
      line => {
        line.mode = mode
        line.echo = echo
        line.add(1).set('holding', 0, 4711)
      },
      `modbus-${mode}`,
    )
    await pass(clock, 3500, 2)
    t.equal(last('a'), '4711', `${mode} ${echo}`)
    t.ok(count('a') >= 3)
    t.equal(device.status().framing.malformed, 0)
    await device.stop()
  }
})

t.test('after a repeated request nothing of its kind is starved', async t => {
  const { clock, line, device, count } = await setUp(
    `interval = "200ms"\ntimeout = "50ms"\nlate = "1s"\nmax_gap = 0\n[serial.dev.points]\na = { register = 0 }\nb = { register = 10 }`,
    line => line.add(1).set('holding', 0, 1).set('holding', 10, 2),
  )
  const unit = line.units.get(1)!
  await pass(clock, 1000, 2)
  unit.silent = true
  await pass(clock, 60, 2)
  unit.silent = false
  await pass(clock, 3000, 2)
  const before = [count('a'), count('b')]
  await pass(clock, 4000, 2)
  t.ok(count('a') - before[0]! >= 18, `a ${count('a') - before[0]!}`)
  t.ok(count('b') - before[1]! >= 18, `b ${count('b') - before[1]!}`)
  await device.stop()
})
