import t from 'tap'
import { load } from './support.ts'

t.test('a device needs a port and nothing else', async t => {
  const { config, faults } = load('[serial.scale]\nport = "/dev/ttyUSB0"')
  t.same(faults, [])
  t.match(config?.scale, {
    port: '/dev/ttyUSB0',
    baud: 9600,
    delimiter: '\n',
    max_length: 4096,
    parse: 'auto',
    format: 'text',
    retain: false,
    backlog: 1024 * 1024,
  })
})

t.test('a device with everything is read', async t => {
  const { config, faults, warnings } = load(`
[serial.room]
port = "/dev/serial/by-id/usb-FTDI"
baud = 115200
data_bits = 7
parity = "even"
stop_bits = 2
rts_cts = true
framing = "lines"
delimiter = "\\r\\n"
max_length = "1KiB"
idle_flush = "200ms"
skip_first = true
encoding = "latin1"
parse = "regex"
pattern = '^T=(?<t>[-.0-9]+) H=(?<h>[.0-9]+)$'
format = "json"
retain = true
line = true
write_end = ""
backlog = "64KiB"
[serial.room.points.temperature]
from = "t"
scale = 0.1
offset = -5
unit = "°C"
type = "number"
set = 'SET \${value}'
[serial.room.points.h]
[serial.room.points.mode]
set = "MODE \${value}"
`)
  t.same([faults, warnings], [[], []])
  t.match(config?.room, {
    delimiter: '\r\n',
    write_end: '',
    idle_flush: 200,
    points: { temperature: { from: 't', scale: 0.1 }, h: { type: 'auto' } },
  })
})

const FAULTS: readonly [string, string, RegExp][] = [
  ['no port', '', /serial\.d\.port/],
  ['an unknown key', 'port = "/dev/x"\nbaudrate = 9600', /baudrate/],
  ['a framing that does not exist', 'port = "/dev/x"\nframing = "slop"', /did you mean|must be/],
  ['fixed frames without length', 'port = "/dev/x"\nframing = "fixed"', /needs `frame_length`/],
  ['a start that does not fit', 'port = "/dev/x"\nframing = "fixed"\nframe_length = 1\nframe_start = "aa bb"', /does not hold/],
  ['a point without register', 'port = "/dev/x"\nframing = "modbus-rtu"\npoints.a = {}', /points\.a: has no register/],
  ['a register on lines', 'port = "/dev/x"\nparse = "json"\npoints.a = { register = 1 }', /is for Modbus/],
  ['a group that is not there', 'port = "/dev/x"\nframing = "modbus-rtu"\npoints.a = { register = 1, group = "slow" }', /no group "slow"/],
  [
    'an input that is written',
    'port = "/dev/x"\nframing = "modbus-rtu"\npoints.a = { register = 1, table = "input", write = "auto" }',
    /cannot be written/,
  ],
  ['units on lines', 'port = "/dev/x"\nunits.a = { unit = 1 }', /units are for Modbus/],
  ['two units with one address', 'port = "/dev/x"\nframing = "modbus-rtu"\nunits.a.unit = 7\nunits.b.unit = 7', /"a" has the address 7/],
  ['a step that sends nothing', 'port = "/dev/x"\nscripts.a.steps = [{ expect = "x" }]', /either `send` or `send_hex`/],
  ['a binary point without place', 'port = "/dev/x"\nframing = "slip"\npoints.a = {}', /has no place/],
  ['regex without a pattern', 'port = "/dev/x"\nparse = "regex"', /needs a pattern/],
  ['a pattern without regex', 'port = "/dev/x"\npattern = "(?<a>b)"', /only for parse = "regex"/],
  ['a dangerous pattern', 'port = "/dev/x"\nparse = "regex"\npattern = "(?<a>(b+)+)c"', /serial\.d\.pattern: .*hold up/],
  ['csv without columns', 'port = "/dev/x"\nparse = "csv"', /needs columns/],
  ['columns without csv', 'port = "/dev/x"\ncolumns = ["a"]', /only for parse = "csv"/],
  ['columns twice', 'port = "/dev/x"\nparse = "csv"\ncolumns = ["a", "a"]', /named twice/],
  ['a point without its field', 'port = "/dev/x"\nparse = "csv"\ncolumns = ["a"]\npoints.b = {}', /points\.b: no field "b"/],
  ['a point with a topic of the device', 'port = "/dev/x"\nparse = "json"\npoints.write = {}', /is a topic of the device itself/],
  ['a point over two levels', 'port = "/dev/x"\nparse = "json"\npoints."a/b" = {}', /is not a valid name/],
  ['a point like $state', 'port = "/dev/x"\nparse = "json"\npoints."$state" = {}', /is not a valid name/],
  ['points of a raw line', 'port = "/dev/x"\npoints.a = {}', /need a way to find them/],
  ['a scaled text', 'port = "/dev/x"\nparse = "json"\npoints.a = { type = "text", scale = 2 }', /cannot be scaled/],
  ['a scale of nothing', 'port = "/dev/x"\nparse = "json"\npoints.a = { scale = 0 }', /loses every value/],
  ['a delimiter outside the encoding', 'port = "/dev/x"\nencoding = "ascii"\ndelimiter = "°"', /not in ascii/],
  ['an empty delimiter', 'port = "/dev/x"\ndelimiter = ""', /delimiter/],
]
for (const [name, keys, expected] of FAULTS) {
  t.test(`${name} is a fault with its place`, async t => {
    const { config, faults } = load(`[serial.d]\n${keys}`)
    t.equal(config, undefined)
    t.match(faults.join('\n'), expected)
  })
}

t.test('two devices cannot share a port', async t => {
  t.match(
    load('[serial.a]\nport = "/dev/x"\n[serial.b]\nport = "/dev/x"').faults.join(),
    /serial\.b\.port: \[serial\.a\] has this port already/,
  )
})

t.test('a write that ignores its payload is a warning', async t => {
  const { config, warnings } = load('[serial.d]\nport = "/dev/x"\nparse = "json"\npoints.reset = { set = "RESET" }')
  t.ok(config)
  t.match(warnings.join(), /points\.reset\.set: holds no/)
})
