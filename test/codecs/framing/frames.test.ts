import t from 'tap'
import { isGatewayError } from '#base/errors.ts'
import {
  BlockDeframer,
  type BlockOptions,
  CobsDeframer,
  type Deframer,
  DsmrDeframer,
  encodeBlock,
  encodeCobs,
  encodeDsmr,
  encodeNmea,
  encodeSlip,
  encodeVeDirect,
  type FrameHandler,
  LabelParser,
  NmeaDeframer,
  NmeaParser,
  ObisParser,
  SlipDeframer,
  VeDirectDeframer,
} from '#codecs/framing/index.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** All frames of a stream, in hexadecimal digits, and the deframer. */
function run(make: (onFrame: FrameHandler) => Deframer, ...chunks: (string | Uint8Array)[]) {
  const frames: string[] = []
  const deframer = make(frame => frames.push(Buffer.from(frame).toString('hex')))
  for (const chunk of chunks) deframer.push(Buffer.from(chunk as Uint8Array))
  return { frames, deframer, counters: deframer.counters }
}

const text = (frames: string[]) => frames.map(frame => Buffer.from(frame, 'hex').toString('latin1'))

const FIXED: BlockOptions = { start: hex('ff86'), end: hex(''), length: 9, lengthMax: 9, check: 'sum8-negated', checkFrom: 1 }
const PREFIXED: BlockOptions = {
  start: hex('a5'),
  end: hex('0d'),
  length: { at: 1, size: 2, order: 'little', adds: 6 },
  lengthMax: 64,
  check: 'crc16-ccitt',
}

t.test('fixed frames are found between noise, by start and check', async t => {
  const frame = encodeBlock(FIXED, hex('021f46000000'))
  t.equal(Buffer.from(frame).toString('hex'), 'ff86021f4600000013')
  const broken = Buffer.from(frame)
  broken[3]! ^= 1
  const { frames, counters } = run(on => new BlockDeframer(FIXED, on), hex('00ff'), frame, broken, hex('ff'), frame, frame.subarray(0, 4))
  t.same(frames, ['ff86021f4600000013', 'ff86021f4600000013'])
  t.match(counters, { frames: 2, malformed: 2, discardedBytes: 2 + 9 + 1 })
})

t.test('a frame with a length in it may hold what looks like a frame', async t => {
  const inner = encodeBlock(PREFIXED, hex('0000c0ffee'))
  const outer = encodeBlock(PREFIXED, Buffer.concat([hex('0000'), inner]))
  const { frames } = run(on => new BlockDeframer(PREFIXED, on), outer.subarray(0, 5), outer.subarray(5))
  t.same(frames, [Buffer.from(outer).toString('hex')])
})

t.test('a length beyond the limit is no frame and holds nothing up', async t => {
  const good = encodeBlock(PREFIXED, hex('000001'))
  const { frames, counters } = run(on => new BlockDeframer(PREFIXED, on), hex('a5ffff'), good)
  t.equal(frames.length, 1)
  t.equal(counters.discardedBytes, 3)
})

t.test('silence and a lost port end what is incomplete', async t => {
  const frames: string[] = []
  const deframer = new BlockDeframer({ ...FIXED, idleMs: 50 }, frame => frames.push(Buffer.from(frame).toString('hex')))
  t.equal(deframer.idleMs, 50)
  deframer.push(hex('ff8602'))
  deframer.idle()
  deframer.push(encodeBlock(FIXED, hex('021f46000000')).subarray(0, 5))
  deframer.reset()
  deframer.push(encodeBlock(FIXED, hex('021f46000000')))
  t.equal(frames.length, 1)
  t.match(deframer.counters, { malformed: 2, discardedBytes: 8 })
})

t.test('parts of a frame that do not fit into it are refused', async t => {
  for (const wrong of [
    { ...FIXED, length: 2 },
    { ...FIXED, lengthMax: 0 },
    { ...FIXED, lengthMax: 5 },
    { ...FIXED, checkFrom: 12 },
  ]) {
    try {
      new BlockDeframer(wrong, () => {})
      t.fail(JSON.stringify(wrong))
    } catch (error) {
      t.ok(isGatewayError(error, 'config-invalid'))
    }
  }
  t.throws(() => encodeBlock(FIXED, hex('00')), { code: 'encode-range' })
  t.throws(() => encodeBlock({ ...PREFIXED, length: { at: 1, size: 1, order: 'big', adds: 0 }, lengthMax: 1000 }, Buffer.alloc(400)), {
    code: 'encode-range',
  })
})

t.test('SLIP: RFC 1055 escapes both its characters', async t => {
  const options = { lengthMax: 16 }
  t.equal(Buffer.from(encodeSlip(hex('01c002db03'), options)).toString('hex'), 'c001dbdc02dbdd03c0')
  const { frames, counters } = run(on => new SlipDeframer(options, on), hex('0102'), hex('c001dbdc02dbdd03c0c0c004c005db01c006dbc0'))
  t.same(frames, ['01c002db03', '04'])
  t.match(counters, { frames: 2, malformed: 2, discardedBytes: 2 + 3 + 2 })
})

t.test('SLIP and COBS with a check take it off, and need no frame before the first', async t => {
  const options = { lengthMax: 300, check: 'crc32' } as const
  for (const [Kind, encode] of [
    [SlipDeframer, encodeSlip],
    [CobsDeframer, encodeCobs],
  ] as const) {
    const content = Buffer.from(Array.from({ length: 300 }, (_, index) => index & 0xff))
    const frame = Buffer.from(encode(content, options))
    const { frames } = run(on => new Kind(options, on), frame.subarray(Kind === SlipDeframer ? 1 : 0), frame)
    t.same(frames, [content.toString('hex'), content.toString('hex')])
    const long = run(on => new Kind({ ...options, lengthMax: 299 }, on), frame, encode(hex('01'), options))
    t.same(long.frames, ['01'])
    t.equal(long.counters.overlong, 1)
  }
})

t.test('COBS: the examples of its authors', async t => {
  const run254 = Buffer.from(Array.from({ length: 254 }, (_, index) => index + 1))
  for (const [plain, stuffed] of [
    ['00', '010100'],
    ['0000', '01010100'],
    ['11220033', '0311220233' + '00'],
    ['11223344', '051122334400'],
    ['11000000', '021101010100'],
    [run254.toString('hex'), `ff${run254.toString('hex')}00`],
    [`00${run254.toString('hex')}`, `01ff${run254.toString('hex')}00`],
    [`${run254.toString('hex')}ff`, `ff${run254.toString('hex')}02ff00`],
  ] as const) {
    const options = { lengthMax: 1000 }
    t.equal(Buffer.from(encodeCobs(hex(plain), options)).toString('hex'), stuffed)
    t.same(run(on => new CobsDeframer(options, on), hex('00'), hex(stuffed)).frames, [plain])
  }
  t.match(run(on => new CobsDeframer({ lengthMax: 9 }, on), hex('00'), hex('05112200')).counters, { frames: 0, malformed: 1 })
})

t.test('NMEA: the checksum decides, wherever noise stands', async t => {
  const good = '$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n'
  t.equal(encodeNmea('GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,'), good)
  const { frames, counters } = run(
    on => new NmeaDeframer({}, on),
    'xx$GP',
    good,
    good.replace('*47', '*48'),
    '$GPXTE\r\n',
    `${good}!AIVDM,1*53\n`,
  )
  t.equal(frames.length, 2)
  t.match(counters, { frames: 2, malformed: 3 })
  t.same(text(run(on => new NmeaDeframer({ checkOptional: true }, on), '$GPXTE\r\n').frames), ['GPXTE'])
})

t.test('NMEA: known sentences have words, all have places', async t => {
  const parser = new NmeaParser()
  const gga = parser.parse('GNGGA,123519.50,4807.038,N,01131.000,W,1,08,0.9,545.4,M,46.9,M,,')
  t.match(gga.get('GGA.latitude'), { text: '48.1173', value: 48.1173 })
  t.match(gga.get('GGA.longitude'), { value: -11.5166667 })
  t.match(gga.get('GGA.time'), { value: '12:35:19.50' })
  t.match(gga.get('GGA.7'), { text: '08', value: 8 })
  t.equal(gga.has('GGA.13'), false, 'an empty field is no value')
  const rmc = parser.parse('GPRMC,081836,A,3751.65,S,14507.36,E,000.0,360.0,130998,011.3,E')
  t.match(rmc.get('RMC.date'), { value: '2098-09-13' })
  t.match(rmc.get('RMC.latitude'), { value: -37.8608333 })
  t.match(rmc.get('RMC.variation'), { value: 11.3 })
  t.ok(parser.parse('PUBX,00,1').has('PUBX.1'))
  t.equal(parser.parse('GPGGA,,,,,,0,,,,,,,,').has('GGA.latitude'), false)
  t.throws(() => parser.parse('noise'), { code: 'decode-malformed', offset: 0 })
})

// The example of the DSMR 5.0.2 P1 companion standard, shortened; its CRC is computed.
const TELEGRAM =
  '/ISk5\\2MT382-1000\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(101209113020W)\r\n1-0:1.8.1(123456.789*kWh)\r\n1-0:1.7.0(01.193*kW)\r\n' +
  '0-1:24.2.1(101209112500W)(12785.123*m3)\r\n'

t.test('DSMR: telegrams with their CRC, cut off ones passed over', async t => {
  const whole = encodeDsmr(TELEGRAM)
  const { frames, counters } = run(
    on => new DsmrDeframer({ lengthMax: 2048 }, on),
    '3)\r\n!ABCD\r\n',
    whole.slice(0, 60),
    whole,
    whole.replace('01.193', '91.193'),
    `${TELEGRAM}!\r\n`,
    whole,
  )
  t.same(text(frames), [TELEGRAM, TELEGRAM])
  t.match(counters, { frames: 2, malformed: 3 })
  t.equal(run(on => new DsmrDeframer({ lengthMax: 2048, checkOptional: true }, on), `${TELEGRAM}!\r\n`).frames.length, 1)
  t.match(run(on => new DsmrDeframer({ lengthMax: 40 }, on), whole, whole).counters, { frames: 0, overlong: 2 })
})

t.test('OBIS: values by reference, units and time stamps apart', async t => {
  const fields = new ObisParser().parse(TELEGRAM)
  t.match(fields.get('1-0:1.8.1'), { text: '123456.789', value: 123456.789 })
  t.match(fields.get('0-1:24.2.1'), { value: 12785.123 })
  t.match(fields.get('0-1:24.2.1#1'), { value: '101209112500W' })
  t.match(fields.get('id'), { value: 'ISk5\\2MT382-1000' })
})

t.test('VE.Direct: blocks by their sum, hex messages between lines passed over', async t => {
  const block = Buffer.from(
    encodeVeDirect([
      ['PID', '0xA053'],
      ['V', '12800'],
      ['SER#', 'HQ12'],
    ]),
  )
  const half = block.subarray(20)
  const withHex = Buffer.concat([block.subarray(0, 13), Buffer.from(':7F0ED0071\n'), block.subarray(13)])
  const broken = Buffer.from(block)
  broken[8]! ^= 4
  const { frames, counters } = run(on => new VeDirectDeframer({ lengthMax: 1024 }, on), half, block, withHex, broken, block)
  t.equal(frames.length, 3)
  t.match(counters, { frames: 3, malformed: 1 })
  const fields = new LabelParser().parse(text(frames)[1]!)
  t.match(fields.get('V'), { value: 12800 })
  t.match(fields.get('SER#'), { text: 'HQ12' })
  t.match(run(on => new VeDirectDeframer({ lengthMax: 16 }, on), block, block).counters, { frames: 0 })
})
