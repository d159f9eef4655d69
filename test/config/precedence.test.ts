import t from 'tap'
import { showFault } from '#config/fault.ts'
import { limitsOf } from '#config/limits.ts'
import { config, faults, load } from './loading.ts'

t.test('without any input the defaults hold, on loopback only', async t => {
  const loaded = config(undefined)
  t.same(Object.keys(loaded.listeners), ['local', 'coap', 'mqtt-sn'])
  t.match(loaded.listeners['local'], { protocol: 'mqtt', transport: 'tcp', bind: { host: '127.0.0.1', port: 1883 } })
  t.equal(loaded.gateway.data_dir, '/home/pi/tidegate-data')
  t.equal('id' in loaded.gateway, false)
  t.match(loaded.limits, { max_packet: 2 ** 20, session_expiry: 7 * 86_400_000, queue_qos0: false, keep_alive_max: 0 })
  t.match(loaded.store, { commit_interval: 5, max_bytes: 2 * 2 ** 30, when_full: 'reject' })
  t.same(Object.keys(loaded.access.authenticators), ['local'])
})

t.test('file beats default, environment beats file, --set beats environment', async t => {
  const text = '[limits]\nburst = 1\nreceive_maximum = 1\ntopic_levels = 1'
  const given = {
    env: { TIDEGATE_LIMITS__RECEIVE_MAXIMUM: '2', TIDEGATE_LIMITS__TOPIC_LEVELS: '2' },
    sets: ['limits.topic_levels=3', 'limits.max_connections=3', 'limits.max_connections=4'],
  }
  const { limits } = config(text, given)
  t.match(limits, { burst: 1, receive_maximum: 2, topic_levels: 3, max_connections: 4, queue_messages: 100_000 })
  const { sources } = load(text, given)
  t.equal(sources.describe('limits.burst'), '/etc/tidegate/tidegate.toml:2:9')
  t.equal(sources.describe('limits.receive_maximum'), 'environment TIDEGATE_LIMITS__RECEIVE_MAXIMUM')
  t.equal(sources.describe(['limits', 'topic_levels']), '--set')
  t.equal(sources.describe('limits.queue_messages'), 'default')
  t.equal(sources.isSet('limits.burst'), true)
  t.equal(sources.isSet('limits.queue_messages'), false)
  t.same(sources.originOf('limits.queue_messages'), { from: 'file', file: '/etc/tidegate/tidegate.toml', line: 1, column: 1 })
})

t.test('the listeners of the file are all there are; overrides alone change the usual ones', async t => {
  t.same(
    Object.keys(
      config('[listeners.z]\nprotocol = "mqtt"\nbind = "127.0.0.1:0"\n[listeners.a]\nprotocol = "coap"\nbind = "127.0.0.1:0"').listeners,
    ),
    ['z', 'a'],
  )
  const changed = config('', { sets: ['listeners.local.bind=127.0.0.1:2883'] }).listeners
  t.same(Object.keys(changed), ['local', 'coap', 'mqtt-sn'])
  t.match(changed['local'], { bind: { port: 2883 } })
  t.same(
    Object.keys(
      config('[listeners.x]\nprotocol="mqtt"\nbind="127.0.0.1:0"', {
        env: { TIDEGATE_LISTENERS__Y__BIND: '127.0.0.1:0', TIDEGATE_LISTENERS__Y__PROTOCOL: 'coap' },
      }).listeners,
    ),
    ['x', 'y'],
  )
})

t.test('one underscore of a variable is "_" in keys and "-" in names', async t => {
  const text = '[listeners.field-bus]\nprotocol = "mqtt"\nbind = "127.0.0.1:1"'
  const { listeners } = config(text, {
    env: { TIDEGATE_LISTENERS__FIELD_BUS__MAX_CONNECTIONS: '5', TIDEGATE_ZONES__NEW_ZONE__MAX_PACKET: '2KiB' },
  })
  t.match(listeners['field-bus'], { max_connections: 5 })
  t.same(Object.keys(config(text, { env: { TIDEGATE_ZONES__NEW_ZONE__MAX_PACKET: '2KiB' } }).zones), ['new-zone'])
})

t.test('variables of others are left alone, with a warning where one looks like a key', async t => {
  const { config, faults, warnings } = load('', {
    env: { TIDEGATE_PORT: 'tcp://10.0.0.1:1883', TIDEGATE_LIMIT: '{}', PATH: '/bin', TIDEGATE_SOCKET: '/x' },
    reserved: ['TIDEGATE_SOCKET'],
  })
  t.ok(config)
  t.same(faults, [])
  t.same(warnings.map(showFault), [
    'environment TIDEGATE_LIMIT: names no key and is ignored (did you mean TIDEGATE_LIMITS__…?)',
    'environment TIDEGATE_PORT: names no key and is ignored',
  ])
})

t.test('a variable in small letters is no key', async t => {
  t.same(faults('', { env: { TIDEGATE_LIMITS__burst: '1' } }), [
    'environment TIDEGATE_LIMITS__burst: the name of a variable is in capitals (TIDEGATE_LIMITS__BURST)',
  ])
})

t.test('places in lists are numbers, in their order, and the next one adds', async t => {
  const text = '[[access.rules]]\npermit = "allow"\ntopics = ["a", "b"]'
  const rules = config(text, {
    env: { TIDEGATE_ACCESS__RULES__0__TOPICS__1: 'B', TIDEGATE_ACCESS__RULES__1__PERMIT: 'deny' },
    sets: ['access.rules.2={ permit = "allow", topics = ["c"] }', 'access.rules.0.topics.2=C'],
  }).access.rules
  t.same(
    rules.map(rule => [rule.permit, rule.topics]),
    [
      ['allow', ['a', 'B', 'C']],
      ['deny', undefined],
      ['allow', ['c']],
    ],
  )
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, place) => [`TIDEGATE_ACCESS__RULES__${place}__PERMIT`, 'deny']))
  t.equal(config('', { env: many }).access.rules.length, 12)
})

t.test('values are TOML, else text, and keys that want text get it as it stands', async t => {
  const start = ['bridges.c.kind=mqtt', 'bridges.c.url=mqtt://h']
  for (const [value, expected] of [
    ['1234', '1234'],
    ['true', 'true'],
    ['"quoted"', 'quoted'],
    ['a = b', 'a = b'],
    ['[1]', '[1]'],
    ['1979-05-27', '1979-05-27'],
    ['5 # five', '5 # five'],
  ]) {
    t.equal(config('', { sets: [...start, `bridges.c.client_id=${value}`] }).bridges['c'].client_id, expected)
  }
  t.equal(config('', { sets: [...start, 'bridges.c.version=5'] }).bridges['c'].version, '5')
  t.same(config('', { sets: [...start, 'bridges.c.tls={cert="c.pem", alpn=["x", "y"]}'] }).bridges['c'].tls, {
    cert: '/etc/tidegate/c.pem',
    alpn: ['x', 'y'],
  })
  t.equal(config('', { sets: ['limits={burst=7}', 'limits.max_packet=4096'] }).limits.burst, 7)
})

t.test('tables merge and lists are replaced', async t => {
  const text = '[limits]\nburst = 1\ntopic_levels = 9\n[[access.rules]]\npermit = "allow"\n[[access.rules]]\npermit = "deny"'
  const loaded = config(text, { env: { TIDEGATE_LIMITS: '{ burst = 2 }' }, sets: ['access.rules=[{ permit = "deny" }]'] })
  t.match(loaded.limits, { burst: 2, topic_levels: 9 })
  t.equal(loaded.access.rules.length, 1)
})

t.test('relative paths count from the folder of the file', async t => {
  const text =
    '[gateway]\ndata_dir = "data"\n[bridges.c]\nkind = "mqtt"\nurl = "mqtt://h"\ntls = { cert = "../c.pem" }\n[listeners.u]\nprotocol = "mqtt"\ntransport = "unix"\nbind = "./m.sock"'
  const loaded = config(text)
  t.equal(loaded.gateway.data_dir, '/etc/tidegate/data')
  t.equal(loaded.bridges['c'].tls?.cert, '/etc/c.pem')
  t.same(loaded.listeners['u'].bind, { path: '/etc/tidegate/m.sock' })
  t.equal(config('', { sets: ['gateway.data_dir=/abs'] }).gateway.data_dir, '/abs')
  t.equal(config('', { sets: ['gateway.data_dir=rel'] }).gateway.data_dir, '/etc/tidegate/rel')
  t.equal(config(undefined, { sets: ['gateway.data_dir=rel'] }).gateway.data_dir, '/home/pi/rel')
})

t.test('a secret stands in the file, or in a file of its own without the newline', async t => {
  const start = '[bridges.c]\nkind = "mqtt"\nurl = "mqtt://h"\n'
  const files = { '/etc/tidegate/cloud.pass': new TextEncoder().encode('pä ss\r\n'), '/run/p': 'other' }
  t.equal(config(`${start}password = "x "`).bridges['c'].password, 'x ')
  t.equal(config(`${start}password_file = "cloud.pass"`, { files }).bridges['c'].password, 'pä ss')
  t.equal(config(start).bridges['c'].password, undefined)
  t.equal(config(`${start}password = "x"`, { files, env: { TIDEGATE_BRIDGES__C__PASSWORD_FILE: '/run/p' } }).bridges['c'].password, 'other')
  t.equal(config(`${start}password_file = "gone"`, { sets: ['bridges.c.password=12'] }).bridges['c'].password, '12')
})

t.test('a zone overrides the limits where it says something', async t => {
  const loaded = config('[limits]\nburst = 5\n[zones.field]\nreceive_maximum = 8')
  t.match(limitsOf(loaded, 'field'), { burst: 5, receive_maximum: 8, topic_levels: 128 })
  t.match(limitsOf(loaded, undefined), { receive_maximum: 32 })
})

t.test('a byte order mark and CRLF are no fault', async t => {
  t.equal(config('\ufeff[limits]\r\nburst = 3\r\n').limits.burst, 3)
})

t.test('loading twice gives the same and leaves the schema as it was', async t => {
  t.same(config('[zones.a]\nburst = 1', { sets: ['zones.b.burst=2'] }), config('[zones.a]\nburst = 1', { sets: ['zones.b.burst=2'] }))
  t.same(Object.keys(config(undefined).zones), [])
})
