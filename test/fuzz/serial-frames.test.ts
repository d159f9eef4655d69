import t from 'tap'
import { FrameReader } from '#adapters/serial/frame-reader.ts'
import { deframerOf } from '#adapters/serial/framing.ts'
import { ModbusProtocol } from '#adapters/serial/modbus/protocol.ts'
import type { Reading } from '#adapters/serial/points.ts'
import { Points } from '#adapters/serial/points.ts'
import { ModbusSlave } from '#adapters/serial/simulator/slave.ts'
import { MovingValues } from '#adapters/serial/simulator/values.ts'
import { deviceConfig } from '../adapters/serial/support.ts'
import { loadProfile } from '../profiles/profiles.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_101)
/** Frames of noise for each framing and profile. */
const FRAMES = Number(process.env['FUZZ_FRAMES'] ?? 60_000)

const FRAMINGS: readonly (readonly [name: string, keys: string, seeds: readonly string[]])[] = [
  [
    'fixed',
    'framing = "fixed"\nframe_length = 9\nframe_start = "ff 86"\ncheck = "sum8-negated"\ncheck_from = 1\npoints.a = { at = 2 }',
    ['ff86021f4600000013'],
  ],
  [
    'length-prefix',
    'framing = "length-prefix"\nframe_start = "a5"\nlength_at = 1\nlength_adds = 4\ncheck = "crc16-modbus"\npoints.a = { at = 2, type = "float32" }',
    ['a50500112233'],
  ],
  ['slip', 'framing = "slip"\ncheck = "crc16-ccitt"', ['c0db', 'dcc0', 'dddb']],
  ['cobs', 'framing = "cobs"\ncheck = "crc32"', ['0000', '0501', 'ff00']],
  ['nmea', 'framing = "nmea"', [Buffer.from('$GPGGA,092725.00,4717.11399,N,,,1,08*').toString('hex'), '0d0a', '2a35']],
  ['dsmr', 'framing = "dsmr"', [Buffer.from('/ISk5\r\n1-0:1.8.1(1*kWh)\r\n!').toString('hex'), '0d0a', '2f']],
  ['ve-direct', 'framing = "ve-direct"', [Buffer.from('\r\nV\t12\r\nChecksum\t').toString('hex'), '3a', '0a']],
  ['raw', 'framing = "raw"\nmax_length = 16', ['00']],
  ['pairs', 'parse = "pairs"', [Buffer.from('Ta=21.6C,Ua=1#\r\n').toString('hex'), '3d2c', '0a']],
]

for (const [name, keys, seeds] of FRAMINGS) {
  t.test(`${name}: ${FRAMES} pieces of noise end nothing, and how they are cut changes nothing (seed ${SEED})`, async t => {
    const config = deviceConfig(keys)
    const random = new VirtualClock(SEED)
    const below = (limit: number) => Math.floor(random.random() * limit)
    const readings: Reading[] = []
    const whole: string[] = []
    const cut: string[] = []
    const reader = new FrameReader(config, new Points(config.points), {
      reading: reading => readings.push(reading) > 0,
      malformed: () => {},
    })
    const one = deframerOf(config, frame => whole.push(Buffer.from(frame).toString('hex')))
    const other = deframerOf(config, frame => cut.push(Buffer.from(frame).toString('hex')))
    for (let round = 0; round < FRAMES / 8; round++) {
      const pieces = Array.from({ length: 8 }, () =>
        below(3) === 0 ? Buffer.from(random.randomBytes(below(12))) : Buffer.from(seeds[below(seeds.length)]!, 'hex'),
      )
      const bytes = Buffer.concat(pieces)
      reader.push(Buffer.from(bytes))
      one.push(Buffer.from(bytes))
      const at = below(bytes.length + 1)
      other.push(bytes.subarray(0, at))
      other.push(bytes.subarray(at))
      if (below(50) === 0) for (const each of [reader, one, other]) each.reset()
      if (readings.length > 1000) readings.length = 0
      if (whole.join() !== cut.join()) return t.fail(`round ${round}: ${whole} and ${cut}`)
      whole.length = 0
      cut.length = 0
    }
    const { bytes, discardedBytes } = one.counters
    t.ok(bytes > FRAMES, `${bytes} bytes, ${one.counters.frames} frames`)
    t.ok(discardedBytes <= bytes, 'no byte is discarded twice')
    return undefined
  })
}

t.test(
  `${FRAMES} broken answers to a Modbus master end nothing, and none becomes a value that the unit does not have (seed ${SEED})`,
  async t => {
    const clock = new VirtualClock(SEED)
    const below = (limit: number) => Math.floor(clock.random() * limit)
    const { profile } = loadProfile('sdm120')
    const config = { ...deviceConfig('framing = "modbus-rtu"'), ...profile!.serial!, interval: 10, timeout: 20, port: '/dev/x', units: {} }
    let answer: Uint8Array = new Uint8Array(0)
    const slave = new ModbusSlave(profile!, profile!.serial!, new MovingValues({}, clock), bytes => (answer = bytes))
    const good = new Set<string>()
    const seen = new Set<string>()
    let spoiled = false
    const protocol = new ModbusProtocol(config, clock, {
      reading: ({ point, text, good: isGood }) => {
        if (isGood) (spoiled ? seen : good).add(`${point} ${text}`)
        return true
      },
      write: async bytes => {
        slave.idle()
        slave.push(bytes)
        const out = Buffer.from(answer)
        for (let flips = spoiled ? 1 + below(4) : 0; flips > 0 && out.length > 0; flips--) out[below(out.length)]! ^= 1 << below(8)
        const end = spoiled ? below(out.length + 1) : out.length
        clock.setTimer(1, () => {
          protocol.push(out.subarray(0, end))
          if (below(2) === 0) protocol.push(clock.randomBytes(below(8)))
          protocol.push(out.subarray(end))
        })
      },
      warn: () => {},
      answering: () => {},
    })
    const pass = async (steps: number) => {
      for (let step = 0; step < steps; step++) {
        clock.advance(1)
        for (let i = 0; i < 6; i++) await Promise.resolve()
      }
    }
    protocol.opened()
    await pass(300)
    t.ok(good.size > 5)
    spoiled = true
    const before = protocol.framing.bytes
    await pass(FRAMES / 2)
    t.ok(protocol.framing.bytes > before)
    t.same(
      [...seen].filter(each => !good.has(each)),
      [],
    )
    protocol.stop()
  },
)
