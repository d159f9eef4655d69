import t from 'tap'
import type { Infer, Reading, ScalarSchema, Written } from '#base/schema.ts'
import {
  bind,
  bindOrPath,
  boolean,
  choice,
  duration,
  enumeration,
  integer,
  isLoopback,
  list,
  map,
  nearest,
  network,
  number,
  overrides,
  path,
  quote,
  reference,
  secret,
  showAddress,
  showDuration,
  showSize,
  size,
  string,
  suggest,
  table,
  url,
  writtenFrom,
} from '#base/schema.ts'

const description = ''

type Case = readonly [written: string | number | boolean | Written, expected: unknown]

/** Reads each written value; an expected string that begins with "! " is the message and hint of the fault. */
function reads(t: Tap, schema: ScalarSchema, cases: readonly Case[]): void {
  for (const [given, expected] of cases) {
    const written = typeof given === 'object' ? given : writtenFrom(given)
    const reading: Reading<unknown> = schema.read(written, { folder: '/etc/tidegate' })
    const got = reading.ok ? reading.value : `! ${reading.message}${reading.hint === undefined ? '' : ` (${reading.hint})`}`
    t.same(got, expected, JSON.stringify(given))
  }
}

type Tap = Pick<typeof t, 'same'>

t.test('sizes are bytes', async t => {
  const example = '(a number and one of B, KB, MB, GB, KiB, MiB, GiB, such as "64KiB")'
  reads(t, size({ description }), [
    ['64KiB', 65_536],
    ['2GiB', 2 ** 31],
    ['3MiB', 3 * 2 ** 20],
    ['1KB', 1000],
    ['5kB', 5000],
    ['2MB', 2e6],
    ['2GB', 2e9],
    ['7B', 7],
    ['64 KiB', 65_536],
    ['1024', 1024],
    [1024, 1024],
    [0, 0],
    ['64kib', '! "64kib" is not a size (did you mean "64KiB"?)'],
    ['64M', '! "64M" is not a size (did you mean "64MB"?)'],
    ['64XX', `! "64XX" is not a size ${example}`],
    ['-1KiB', `! "-1KiB" is not a size ${example}`],
    ['1.5MiB', `! "1.5MiB" is not a size ${example}`],
    ['', `! "" is not a size ${example}`],
    [1.5, `! must be a size, not 1.5 ${example}`],
    [true, `! must be a size, not true ${example}`],
    [-1, '! must be at least 0B, not -1'],
    ['99999999999GiB', '! must be at most 9007199254740991B, not "99999999999GiB"'],
  ])
  reads(t, size({ description, min: '1KiB', max: '1MiB' }), [
    ['1KiB', 1024],
    ['1MiB', 2 ** 20],
    ['2MiB', '! must be from 1KiB to 1MiB, not "2MiB"'],
    [1023, '! must be from 1KiB to 1MiB, not 1023'],
  ])
  t.equal(showSize(65_536), '64KiB')
  t.equal(showSize(1000), '1000B')
})

t.test('durations are milliseconds', async t => {
  const example = '(a number and one of ms, s, m, h, d, such as "30s")'
  reads(t, duration({ description }), [
    ['5ms', 5],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['0s', 0],
    [30, '! must be a duration with its unit, not 30 (in quotes: "30s" for seconds)'],
    ['30', `! "30" is not a duration ${example}`],
    ['30sec', `! "30sec" is not a duration (did you mean "30s"?)`],
    ['5min', '! "5min" is not a duration (did you mean "5m"?)'],
    ['2Hours', '! "2Hours" is not a duration (did you mean "2h"?)'],
    ['1w', `! "1w" is not a duration ${example}`],
    ['1h30m', `! "1h30m" is not a duration ${example}`],
    [0.5, `! must be a duration, not 0.5 ${example}`],
  ])
  reads(t, duration({ description, min: '1s', max: '10m' }), [['0s', '! must be from 1s to 10m, not "0s"']])
  t.same([0, 5, 1000, 90_000, 3_600_000, 86_400_000].map(showDuration), ['0s', '5ms', '1s', '90s', '1h', '1d'])
})

t.test('numbers keep their kind and range', async t => {
  reads(t, integer({ description, max: 10 }), [
    [0, 0],
    [10, 10],
    [11, '! must be from 0 to 10, not 11'],
    [-1, '! must be from 0 to 10, not -1'],
    [1.5, '! must be a whole number, not 1.5'],
    [{ type: 'float', value: 1 }, '! must be a whole number, not 1'],
    ['7', '! must be a whole number, not "7" (without quotes: 7)'],
    [true, '! must be a whole number, not true'],
    [{ type: 'date', value: '2024-01-01' }, '! must be a whole number, not 2024-01-01'],
  ])
  reads(t, integer({ description }), [[2 ** 60, '! must be at most 9007199254740991, not 1152921504606847000']])
  reads(t, integer({ description, min: -5 }), [[-6, '! must be at least -5, not -6']])
  reads(t, number({ description, min: -1, max: 1 }), [
    [0.5, 0.5],
    [1, 1],
    [1.5, '! must be from -1 to 1, not 1.5'],
    [{ type: 'float', value: Number.NaN }, '! must be a number, not NaN'],
    [{ type: 'float', value: Number.POSITIVE_INFINITY }, '! must be a number, not Infinity'],
  ])
  reads(t, boolean({ description }), [
    [true, true],
    ['false', '! must be true or false, not "false" (without quotes: false)'],
    [1, '! must be true or false, not 1'],
  ])
})

t.test('text is checked as its schema says', async t => {
  reads(t, string({ description, maxLength: 5 }), [
    ['abc', 'abc'],
    ['', '! must not be empty'],
    ['abcdef', '! must have at most 5 characters'],
    ['a\u0000b', '! must not hold control characters'],
    [5, '! must be text, not 5 (in quotes: "5")'],
  ])
  reads(t, string({ description, minLength: 0 }), [['', '']])
  reads(t, string({ description, pattern: /^a+$/, patternText: 'only a' }), [['ab', '! "ab" is not a valid value (only a)']])
  reads(t, string({ description, test: text => (text === 'x' ? { message: 'is x', hint: 'use y' } : undefined) }), [
    ['x', '! is x (use y)'],
  ])
  reads(t, enumeration(['reject', 'drop-oldest'], { description, planned: ['spill'] }), [
    ['reject', 'reject'],
    ['rejct', '! must be "reject" or "drop-oldest", not "rejct" (did you mean "reject"?)'],
    ['zzz', '! must be "reject" or "drop-oldest", not "zzz"'],
    ['spill', '! "spill" is not available in this version (available: reject, drop-oldest)'],
  ])
})

t.test('addresses have a host and a port', async t => {
  reads(t, bind({ description }), [
    ['127.0.0.1:1883', { host: '127.0.0.1', port: 1883 }],
    ['[::1]:1883', { host: '::1', port: 1883 }],
    ['[fe80::1%eth0]:0', { host: 'fe80::1%eth0', port: 0 }],
    ['0.0.0.0:8883', { host: '0.0.0.0', port: 8883 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
    ['127.0.0.1', '! "127.0.0.1" is not an address to listen on (add the port: "127.0.0.1:1883")'],
    ['1883', '! "1883" is not an address to listen on (add the address: "127.0.0.1:1883")'],
    [':1883', '! ":1883" names no address ("0.0.0.0:1883" for every interface, "127.0.0.1:1883" for this machine only)'],
    ['*:1883', '! "*:1883" names no address ("0.0.0.0:1883" for every interface, "127.0.0.1:1883" for this machine only)'],
    ['::1', '! "::1" is not an address to listen on (add the port: "[::1]:1883")'],
    [
      'fe80::1:2:3:4:5:6:1883',
      '! "fe80::1:2:3:4:5:6:1883" is not an address to listen on (an IPv6 address stands in brackets: "[::1]:1883")',
    ],
    ['127.0.0.1:65536', '! port 65536 is too high (ports go from 0 to 65535)'],
    ['300.0.0.1:1', '! "300.0.0.1" is not an address or host name'],
    ['[::g]:1', '! "::g" is not an IPv6 address'],
    ['a b:1', '! "a b" is not an address or host name'],
    ['tcp://a:1', '! "tcp://a:1" is not an address to listen on (no URL: an address and a port, such as "127.0.0.1:1883" or "[::1]:1883")'],
    ['./a.sock', '! "./a.sock" is not an address to listen on (an address and a port, such as "127.0.0.1:1883" or "[::1]:1883")'],
  ])
  reads(t, bindOrPath({ description }), [
    ['./a.sock', { path: '/etc/tidegate/a.sock' }],
    ['/run/a.sock', { path: '/run/a.sock' }],
    ['[::1]:1', { host: '::1', port: 1 }],
  ])
  t.equal(showAddress({ host: '::1', port: 1 }), '[::1]:1')
  const local = ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost'].map(host =>
    isLoopback({ host, port: 1 }),
  )
  t.same(new Set(local), new Set([true]))
  const open = ['0.0.0.0', '::', '10.0.0.1', 'example.org', '127.example.org', '::ffff:10.0.0.1'].map(host => isLoopback({ host, port: 1 }))
  t.same(new Set(open), new Set([false]))
})

t.test('URLs are taken apart, and the port of the scheme filled in', async t => {
  const parts = (scheme: string, host: string, port: number, path = '/') => {
    return { href: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`, scheme, host, port, path }
  }
  reads(t, url({ description, schemes: { mqtt: 1883, mqtts: 8883 } }), [
    ['mqtt://broker.example', parts('mqtt', 'broker.example', 1883)],
    ['mqtts://broker.example:443/', parts('mqtts', 'broker.example', 443)],
    ['MQTT://h:80/a?b=c', parts('mqtt', 'h', 80, '/a?b=c')],
    ['mqtt://[2001:db8::1]:1884', parts('mqtt', '2001:db8::1', 1884)],
    ['broker.example', '! "broker.example" is not a URL (it begins with mqtt://, mqtts://)'],
    ['http://h', '! must begin with "mqtt://" or "mqtts://", not "http://"'],
    ['mqtt://', '! "mqtt://" is not a valid URL (such as "mqtt://host.example:1883")'],
    ['mqtt://h:99999', '! "mqtt://h:99999" is not a valid URL (such as "mqtt://host.example:1883")'],
    ['mqtt://h:0', '! port 0 cannot be connected to'],
    ['mqtt://a b', '! "mqtt://a b" is not a valid URL (such as "mqtt://host.example:1883")'],
    ['mqtt://u:secret@h', '! a user name or password does not belong in the URL (keys of their own, such as username and password_file)'],
    ['mqtt://u:secret@h:x', '! "mqtt://…@h:x" is not a valid URL (such as "mqtt://host.example:1883")'],
    ['mqtt://h/#a', '! "mqtt://h/#a" has a part after "#" that a URL of a peer cannot have'],
  ])
})

t.test('networks have as many bits as their family allows', async t => {
  reads(t, network({ description }), [
    ['192.0.2.0/24', { address: '192.0.2.0', prefixBits: 24, family: 'ipv4' }],
    ['192.0.2.7', { address: '192.0.2.7', prefixBits: 32, family: 'ipv4' }],
    ['2001:db8::/32', { address: '2001:db8::', prefixBits: 32, family: 'ipv6' }],
    ['192.0.2.0/33', '! "192.0.2.0/33" has too many bits (at most /32)'],
    ['192.0.2/24', '! "192.0.2/24" is not a network (such as "192.0.2.0/24" or "2001:db8::/32")'],
  ])
})

t.test('paths are made absolute', async t => {
  reads(t, path({ description }), [
    ['a/b', '/etc/tidegate/a/b'],
    ['../x', '/etc/x'],
    ['/abs', '/abs'],
    ['', '! must not be empty'],
    ['~/x', '! "~" is not replaced in paths (the whole path, such as "/home/pi/…")'],
  ])
})

t.test('a wrong default is a mistake in the schema', async t => {
  t.throws(() => size({ description, default: '64XB' }), { message: /the default of a size key is wrong/ })
  t.throws(() => size({ description, max: 'many' }), { message: /has the bound many/ })
})

t.test('the nearest word forgives slips, case and separators, and no more', async t => {
  const words = ['bind', 'max_packet', 'max_connections', 'zone']
  for (const [word, expected] of [
    ['bnid', 'bind'],
    ['bin', 'bind'],
    ['binds', 'bind'],
    ['MaxPacket', 'max_packet'],
    ['max-conections', 'max_connections'],
    ['zoen', 'zone'],
    ['banana', undefined],
    ['x'.repeat(1000), undefined],
  ] as const) {
    t.equal(nearest(word, words), expected, word)
  }
  t.equal(suggest('xyzzy', ['a', 'b']), 'known: a, b')
  t.equal(quote('a"\n\u202e'), '"a\\"\\n\\u202e"')
  t.equal(quote('x'.repeat(100)).length, 63)
})

t.test('the types of values follow from the schema', async t => {
  const schema = table(
    {
      always: integer({ default: 1, description }),
      needed: string({ required: true, description }),
      maybe: duration({ description }),
      words: enumeration(['a', 'b'], { default: 'a', description }),
      token: secret({ description }),
      inner: table({ flag: boolean({ default: false, description }) }, { optional: true, description }),
      routes: list(table({ to: string({ required: true, description }) }, { description }), { description }),
      named: map(choice('kind', { x: table({ n: integer({ default: 0, description }) }, { description }) }, { description }), {
        description,
      }),
      zone: reference('zones', { required: true, description }),
      over: table(overrides({ a: integer({ default: 1, description }) }), { description }),
    },
    { description },
  )
  type Value = Infer<typeof schema>
  type Expected = {
    readonly always: number
    readonly needed: string
    readonly maybe?: number
    readonly words: 'a' | 'b'
    readonly token?: string
    readonly inner?: { readonly flag: boolean }
    readonly routes: readonly { readonly to: string }[]
    readonly named: { readonly [name: string]: { readonly kind: 'x'; readonly n: number } }
    readonly zone: string
    readonly over: { readonly a?: number }
  }
  const same: Same<Value, Expected> = true
  t.ok(same)
  t.equal(schema.keys.zone.presence, 'present')
  t.equal(schema.keys.zone.description, description)
})

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
