import t from 'tap'
import type { Given } from './loading.ts'
import { faults, load } from './loading.ts'

/** What is written, and every line that the person gets to read. F is the file. */
const CASES: readonly [name: string, text: string, expected: readonly string[], given?: Given][] = [
  [
    'a misspelt key is reported once, not also as missing',
    '[listeners.local]\nprotocol = "mqtt"\nbnid = "127.0.0.1:1883"',
    ['F:3:1: listeners.local.bnid: unknown key (did you mean "bind"?)'],
  ],
  ['an unknown table', '[listner.local]\nprotocol = "mqtt"', ['F:1:2: listner: unknown key (did you mean "listeners"?)']],
  ['an unknown key far from any', '[admin]\nxyzzy = 1', ['F:2:1: admin.xyzzy: unknown key (known: bind, socket)']],
  ['a key in another style', '[limits]\nmaxPacket = "1KiB"', ['F:2:1: limits.maxPacket: unknown key (did you mean "max_packet"?)']],
  [
    'a key in the wrong table',
    '[gateway]\ncommit_interval = "5ms"',
    ['F:2:1: gateway.commit_interval: unknown key (it belongs in [store])'],
  ],
  [
    'an unknown key in an inline table',
    '[listeners.a]\nprotocol = "mqtt"\nbind = "[::1]:1"\nproxy_protocol = { trusted = ["::/0"], trustd = 1 }',
    ['F:4:40: listeners.a.proxy_protocol.trustd: unknown key (did you mean "trusted"?)'],
  ],
  [
    'an unknown key in a list of tables',
    '[bridges.c]\nkind = "mqtt"\nurl = "mqtt://h"\n[[bridges.c.out]]\nfrom = "a"\n[[bridges.c.out]]\nfrom = "b"\nqus = 1',
    ['F:8:1: bridges.c.out.1.qus: unknown key (did you mean "qos"?)'],
  ],
  ['an unknown dotted key', 'gateway.idd = "a"', ['F:1:9: gateway.idd: unknown key (did you mean "id"?)']],
  ['a misspelt discriminator', '[listeners.a]\nprotcol = "mqtt"', ['F:2:1: listeners.a.protcol: unknown key (did you mean "protocol"?)']],
  ['no discriminator', '[listeners.a]\nbind = "127.0.0.1:1"', ['F:1:1: listeners.a.protocol: is missing ("mqtt", "coap" or "mqtt-sn")']],
  [
    'a discriminator that nobody has',
    '[listeners.a]\nprotocol = "mqt"',
    ['F:2:12: listeners.a.protocol: must be "mqtt", "coap" or "mqtt-sn", not "mqt" (did you mean "mqtt"?)'],
  ],
  [
    'a protocol of a later version',
    '[listeners.a]\nprotocol = "stomp"',
    ['F:2:12: listeners.a.protocol: "stomp" is not available in this version (available: mqtt, coap, mqtt-sn)'],
  ],
  [
    'a transport without what it needs',
    '[listeners.a]\nprotocol = "mqtt"\ntransport = "tls"\nbind = "0.0.0.0:8883"',
    ['F:1:1: listeners.a: transport "tls" needs tls (tls = { cert = "server.pem", key = "server.key" })'],
  ],
  [
    'tables of another transport',
    '[listeners.a]\nprotocol = "mqtt"\nbind = "0.0.0.0:8883"\ntls = { psk_file = "/x" }',
    ['F:4:20: listeners.a.tls.psk_file: /x cannot be read: there is no such file (look at its path, owner and mode)'],
  ],
  [
    'a path of a WebSocket without WebSocket',
    '[listeners.a]\nprotocol = "mqtt"\nbind = "0.0.0.0:8883"\nwebsocket = { path = "/x" }',
    ['F:4:13: listeners.a.websocket: has no effect with transport "tcp" (transport = "ws" or "wss")'],
  ],
  [
    'a path that is none',
    '[listeners.a]\nprotocol = "mqtt"\ntransport = "ws"\nbind = "0.0.0.0:8083"\nwebsocket = { path = "mqtt" }',
    ['F:5:22: listeners.a.websocket.path: "mqtt" is not a valid value (a path such as "/mqtt")'],
  ],
  [
    'a transport of another protocol',
    '[listeners.a]\nprotocol = "coap"\ntransport = "tcp"\nbind = "127.0.0.1:5683"',
    ['F:3:13: listeners.a.transport: must be "udp", not "tcp"'],
  ],
  [
    'a missing key stands at its table',
    '\n[listeners.a]\nprotocol = "mqtt"',
    ['F:2:1: listeners.a.bind: is missing (such as "127.0.0.1:1883")'],
  ],
  [
    'a missing key of an inline table',
    'bridges.c = { kind = "mqtt", url = "mqtt://h", tls = {} }',
    ['F:1:54: bridges.c.tls.cert: is missing (a path)'],
  ],
  [
    'a bad name',
    '[zones."Field 1"]',
    ['F:1:8: zones."Field 1": "Field 1" is not a valid name (small letters, digits and "-", beginning with a letter, say "field-1")'],
  ],
  [
    'a key where a named table belongs',
    '[listeners]\nbind = "127.0.0.1:1"',
    ['F:2:1: listeners.bind: must be a table, not "127.0.0.1:1" (every entry has a table of its own: [listeners.NAME])'],
  ],
  [
    'double brackets where names belong',
    '[[listeners]]\nprotocol = "mqtt"',
    ['F:1:3: listeners: must be a table, not a list (write [listeners.NAME])'],
  ],
  [
    'single brackets where a list belongs',
    '[bridges.c]\nkind = "mqtt"\nurl = "mqtt://h"\n[bridges.c.out]\nfrom = "a"',
    ['F:4:1: bridges.c.out: must be a list, not a table (write [[bridges.c.out]])'],
  ],
  ['a value where a table belongs', 'limits = 5', ['F:1:1: limits: must be a table, not 5']],
  [
    'a value where a list belongs',
    '[listeners.a]\nprotocol = "mqtt"\nbind = "127.0.0.1:1"\nproxy_protocol = { trusted = "10.0.0.0/8" }',
    ['F:4:30: listeners.a.proxy_protocol.trusted: must be a list, not "10.0.0.0/8" (in brackets: ["10.0.0.0/8"])'],
  ],
  ['a table where a value belongs', '[store.max_bytes]', ['F:1:1: store.max_bytes: must be one value, not a table']],
  [
    'a zone that does not exist',
    '[listeners.a]\nprotocol = "mqtt"\nbind = "127.0.0.1:1"\nzone = "feld"\n[zones.field]',
    ['F:4:8: listeners.a.zone: there is no [zones.feld] (did you mean "field"?)'],
  ],
  [
    'a zone named like a property of objects',
    '[listeners.a]\nprotocol = "mqtt"\nbind = "127.0.0.1:1"\nzone = "constructor"',
    ['F:4:8: listeners.a.zone: there is no [zones.constructor] (add [zones.constructor])'],
  ],
  [
    'one address twice',
    '[listeners.a]\nprotocol = "mqtt"\nbind = "127.0.0.1:1"\n[listeners.b]\nprotocol = "mqtt"\nbind = "127.0.0.1:1"',
    ['F:6:8: listeners.b.bind: 127.0.0.1:1 is already the address of [listeners.a] (another port)'],
  ],
  [
    'a path for tcp',
    '[listeners.a]\nprotocol = "mqtt"\nbind = "./m.sock"',
    ['F:3:8: listeners.a.bind: transport "tcp" needs an address and a port, not a path (or transport = "unix")'],
  ],
  [
    'administration for everybody',
    '[admin]\nbind = "0.0.0.0:18083"',
    [
      'F:2:8: admin.bind: may not go beyond loopback without tls and users (use 127.0.0.1 and reach it through a tunnel or a proxy that asks for a login)',
    ],
  ],
  [
    'all faults at once, in the order of the file',
    '[store]\nmax_bytes = "2XiB"\nwhen_full = "drop"\n[gateway]\nid = 7\n[limits]\nburst = "9"\nqueue_qos0 = "true"',
    [
      'F:2:13: store.max_bytes: "2XiB" is not a size (a number and one of B, KB, MB, GB, KiB, MiB, GiB, such as "64KiB")',
      'F:3:13: store.when_full: must be "reject" or "drop-oldest", not "drop"',
      'F:5:6: gateway.id: must be text, not 7 (in quotes: "7")',
      'F:7:9: limits.burst: must be a whole number, not "9" (without quotes: 9)',
      'F:8:14: limits.queue_qos0: must be true or false, not "true" (without quotes: true)',
    ],
  ],
  [
    'the environment',
    '',
    ['environment TIDEGATE_LIMITS__MAX_PACKT: limits.max_packt: unknown key (did you mean "max_packet"?)'],
    {
      env: { TIDEGATE_LIMITS__MAX_PACKT: '1KiB' },
    },
  ],
  ['--set', '', ['--set: limits.max_packet: must be from 1KiB to 256MiB, not "1B"'], { sets: ['limits.max_packet=1B'] }],
  [
    '--set without a value',
    '',
    ['--set: limits: there is no "=" after the key (KEY=VALUE, such as limits.max_packet=64KiB)'],
    { sets: ['limits'] },
  ],
  ['--set without a key', '', ['--set: there is no key before "=" (KEY=VALUE, such as limits.max_packet=64KiB)'], { sets: ['=5'] }],
  [
    'a place beyond the end of a list',
    '',
    ['--set: access.rules.1.permit: there is no place 1 in this list, it is empty: begin with 0'],
    { sets: ['access.rules.1.permit=deny'] },
  ],
  [
    'a word as a place in a list',
    '',
    ['--set: access.rules.x.permit: "x" is no place in a list: places are numbers from 0'],
    { sets: ['access.rules.x.permit=deny'] },
  ],
  ['a missing key of an entry from --set', '', ['--set: bridges.c.url: is missing (mqtt://, mqtts://)'], { sets: ['bridges.c.kind=mqtt'] }],
  [
    'a password in the URL is not shown',
    'bridges.c = { kind = "mqtt", url = "mqtt://me:hush@h" }',
    ['F:1:36: bridges.c.url: a user name or password does not belong in the URL (keys of their own, such as username and password_file)'],
  ],
  [
    'a password that is no text is not shown',
    'bridges.c = { kind = "mqtt", url = "mqtt://h", password = 4711 }',
    ['F:1:59: bridges.c.password: must be text (in quotes)'],
  ],
  [
    'two passwords',
    'bridges.c = { kind = "mqtt", url = "mqtt://h", password = "a", password_file = "b" }',
    ['F:1:64: bridges.c.password_file: stands beside password (keep one of the two)'],
  ],
  [
    'a password file that is not there',
    'bridges.c = { kind = "mqtt", url = "mqtt://h", password_file = "cloud.pass" }',
    ['F:1:64: bridges.c.password_file: "/etc/tidegate/cloud.pass" cannot be read (there is no such file)'],
  ],
  [
    'an empty password file',
    'bridges.c = { kind = "mqtt", url = "mqtt://h", password_file = "p" }',
    ['F:1:64: bridges.c.password_file: "/etc/tidegate/p" is empty'],
    {
      files: { '/etc/tidegate/p': '\n' },
    },
  ],
  ['text without quotes', '[admin]\nbind = 127.0.0.1:18083', ['F:2:8: text must stand in quotes ("127.0.0.1:18083")']],
  ['a switch in capitals', '[limits]\nqueue_qos0 = True', ['F:2:14: this is not TOML (write true, in small letters)']],
  ['a colon instead of "="', '[admin]\nbind: "127.0.0.1:1"', ['F:2:5: there is no "=" after the key (bind = …)']],
  ['a quote of a word processor', '[gateway]\nid = “a”', ['F:2:6: “ is not a quote of TOML (straight quotes: "…")']],
  ['an open quote', '[gateway]\nid = "a\n[limits]', ['F:2:8: a text is not closed: its second quote is missing']],
  ['an open header', '[gateway\nid = "a"', ['F:1:9: a table header is not closed: "]" is missing']],
  ['an open list', '[zones]\na = [\n  "x",\n[limits]', ['F:2:6: a list is not closed: "]" is missing']],
  [
    'several syntax errors',
    '[gateway]\nid = yes\n[limits]\nburst =\nqueue_qos0 = no',
    [
      'F:2:6: this is not TOML (write true, in small letters)',
      'F:4:8: there is no value after "="',
      'F:5:14: this is not TOML (write false, in small letters)',
    ],
  ],
  [
    'a key twice',
    '[limits]\nburst = 1\n\nburst = 2',
    ['F:4:1: limits.burst: stands here a second time, after line 2 (keep one of the two)'],
  ],
  ['a table twice', '[limits]\n[store]\n[limits]', ['F:3:2: limits: stands here a second time, after line 1 (keep one of the two)']],
  [
    'the same key under two open headers',
    '[gateway\nid = "a"\n[store\nid = "b"',
    ['F:1:9: a table header is not closed: "]" is missing', 'F:3:7: a table header is not closed: "]" is missing'],
  ],
  [
    'a missing key of a table that was mentioned before its header',
    '[bridges.c.tls]\ncert = "c"\n[bridges.c]\nkind = "mqtt"',
    ['F:3:1: bridges.c.url: is missing (mqtt://, mqtts://)'],
  ],
]

for (const [name, text, expected, given] of CASES) {
  t.test(`${name} is reported in words`, async t => {
    t.same(faults(text, given), expected)
    t.equal(load(text, given).config, undefined)
  })
}

t.test('a file that cannot be read is a fault', async t => {
  t.same(load(undefined).faults, [])
  const loaded = load('', { files: { '/etc/tidegate/tidegate.toml': '' } })
  t.same(loaded.faults, [])
})

t.test('bytes that are not UTF-8 are a fault with their place', async t => {
  const bytes = new Uint8Array([...new TextEncoder().encode('[gateway]\nid = "'), 0xe4, 0x22])
  t.same(faults(bytes as unknown as string), ['F:2:7: this is not text in UTF-8 (save the file as UTF-8)'])
})
