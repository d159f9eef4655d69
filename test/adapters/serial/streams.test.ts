import t from 'tap'
import { SerialDevice } from '#adapters/serial/device.ts'
import { HalfDuplexPort } from '#adapters/serial/half-duplex.ts'
import { RecordingLogger } from '../../support/recording-logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { FakeBroker } from './fake-broker.ts'
import { FakePort, turn } from './fake-port.ts'
import { deviceConfig, LIMITS } from './support.ts'

async function setUp(keys: string, broker = new FakeBroker(), clock = new VirtualClock()) {
  const port = new FakePort()
  const config = deviceConfig(keys)
  const device = new SerialDevice({
    name: 'dev',
    config,
    broker: broker.port,
    clock,
    logger: new RecordingLogger(),
    opener: port,
    limits: LIMITS,
  })
  device.start()
  await turn()
  return { clock, port, broker, device }
}

async function pass(clock: VirtualClock, byMs: number): Promise<void> {
  for (let left = byMs; left > 0; left -= 10) {
    clock.advance(Math.min(10, left))
    await turn()
  }
}

t.test('raw: bytes as they come, both ways', async t => {
  const { clock, port, broker, device } = await setUp('framing = "raw"\nmax_length = 4')
  t.same(
    broker.subscriptions.map(each => each.filter),
    ['serial/dev/raw/set'],
  )
  port.bytes(Uint8Array.of(0, 0xff, 1))
  t.same(broker.values, [])
  clock.advance(25)
  port.bytes(Uint8Array.of(1, 2, 3, 4, 5))
  clock.advance(25)
  const raw = broker.published.filter(each => each.topic === 'serial/dev/raw').map(each => Buffer.from(each.payload).toString('hex'))
  t.same(raw, ['00ff01', '01020304', '05'])
  broker.deliver('serial/dev/raw/set', 'AT\r')
  await turn()
  t.same(port.heard, ['AT\r'])
  await device.stop()
})

t.test('binary frames: points by their places; without points the frame itself', async t => {
  const { port, broker, device } = await setUp(
    `framing = "slip"\ncheck = "crc16-ccitt"\nbyte_order = "DCBA"\npoints.t = { at = 1, type = "int16", scale = 0.1, unit = "K" }\npoints.on = { at = 0, bit = 7, type = "uint8" }`,
  )
  const { encodeSlip } = await import('#codecs/framing/index.ts')
  port.bytes(encodeSlip(Uint8Array.of(0x80, 0x9c, 0xff), { lengthMax: 9, check: 'crc16-ccitt' }))
  t.same(broker.values, [
    ['serial/dev/t', '-10'],
    ['serial/dev/on', 'true'],
  ])
  await device.stop()
  const whole = await setUp('framing = "cobs"')
  whole.port.bytes(Uint8Array.of(0, 3, 1, 2, 0))
  t.same(whole.broker.values, [['serial/dev/frame', '\u0001\u0002']])
  await whole.device.stop()
})

const MODEM = `
encoding = "ascii"
delimiter = "\\r\\n"
write_end = "\\r"
parse = "regex"
pattern = "^RING(?<ring>)$"
[serial.dev.scripts.signal]
interval = "1m"
[[serial.dev.scripts.signal.steps]]
send = "AT\\r"
expect = "^OK$"
timeout = "500ms"
[[serial.dev.scripts.signal.steps]]
send = "AT+CSQ\\r"
expect = "^[+]CSQ: (?<rssi>[0-9]{1,2}),(?<ber>[0-9]{1,2})$"
fail = "ERROR"
[serial.dev.points]
signal = { from = "rssi", type = "number", scale = 2, offset = -113, unit = "dBm", invalid = [99] }
`

t.test('a script asks a modem step by step, passes over what is no answer, and says when there is none', async t => {
  const { clock, port, broker, device } = await setUp(MODEM)
  await pass(clock, 10)
  t.same(port.heard, ['AT\r'])
  port.say('AT\r\r\nOK\r\n')
  await pass(clock, 10)
  t.same(port.heard.slice(1), ['AT+CSQ\r'])
  broker.deliver('serial/dev/write', 'AT+X')
  await pass(clock, 10)
  t.equal(port.heard.length, 2, 'a write waits for the end of the script')
  port.say('+CREG: 1\r\n+CSQ: 17,0\r\nOK\r\n')
  await pass(clock, 10)
  t.equal(port.heard[2], 'AT+X\r')
  t.same(broker.values, [
    ['serial/dev/signal/$quality', 'good'],
    ['serial/dev/signal', '-79'],
  ])
  const asked = async (count: number) => {
    for (let step = 0; step < 7000 && port.heard.length < count; step++) await pass(clock, 10)
    return port.heard[count - 1]
  }
  t.equal(await asked(4), 'AT\r')
  await pass(clock, 1000)
  t.match(broker.states.at(-1), { state: 'online', answering: false })
  t.match(broker.values.at(-1), ['serial/dev/signal/$quality', /^bad: no answer/])
  await asked(5)
  port.say('OK\r\n')
  await asked(6)
  port.say('ERROR\r\n')
  t.equal(await asked(7), 'AT\r', 'the first step again, at its time')
  port.say('OK\r\n')
  await asked(8)
  port.say('+CSQ: 20,0\r\n')
  await pass(clock, 10)
  t.match(broker.states.at(-1), { answering: true })
  t.same(broker.values.at(-1), ['serial/dev/signal', '-73'])
  await device.stop()
})

t.test('a restart of the gateway is a gap too', async t => {
  const first = await setUp('')
  await pass(first.clock, 5000)
  await first.device.stop()
  const stoppedAt = first.clock.now()
  first.clock.advance(3_600_000)
  const broker = new FakeBroker()
  broker.kept = first.broker.kept
  const { device } = await setUp('', broker, first.clock)
  t.match(broker.states.at(-1), { state: 'online', gap: { from: stoppedAt, to: first.clock.now() } })
  await device.stop()
})

t.test('RTS stands at its sending level around each write, with its pauses', async t => {
  const clock = new VirtualClock()
  const did: string[] = []
  const wires = {
    set: async ({ rts }: { rts?: boolean }) => void did.push(`rts ${rts} ${clock.monotonic()}`),
    drain: async () => void did.push(`drained ${clock.monotonic()}`),
  }
  const port = {
    write: async (bytes: Uint8Array) => void did.push(`write ${bytes[0]} ${clock.monotonic()}`),
    pause() {},
    resume() {},
    close: async () => {},
  }
  const half = new HalfDuplexPort(port, wires, { level: true, beforeMs: 2, afterMs: 3 }, clock)
  const both = Promise.all([half.write(Uint8Array.of(1)), half.write(Uint8Array.of(2))])
  for (let i = 0; i < 20; i++) {
    await turn()
    clock.advance(1)
  }
  await both
  t.same(
    did.map(each => each.replace(/ \d+$/, '')),
    ['rts false', 'rts true', 'write 1', 'drained', 'rts false', 'rts true', 'write 2', 'drained', 'rts false'],
  )
  const at = (line: string) => Number(did[did.findIndex(each => each.startsWith(line))]!.split(' ').at(-1))
  t.ok(at('write 1') - at('rts true') >= 2)
})
