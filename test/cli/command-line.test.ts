import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { verbText } from '#cli/help.ts'
import { verbs } from '#cli/index.ts'
import { type Answerer, Stage } from './stage.ts'

function fileFor(t: Test, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'tidegate.toml')
  writeFileSync(file, text)
  return file
}

const page =
  (rows: object[], more: object = {}): Answerer =>
  () => ({ status: 200, body: { data: rows, meta: { page: 1, limit: 1000, count: rows.length, has_next: false, ...more } } })

t.test('help lists every verb, and every verb has help of its own that fits a terminal', async t => {
  const stage = new Stage()
  t.equal(await stage.run('--help'), 0)
  for (const { name, summary } of verbs) {
    t.match(stage.out.text, new RegExp(`^ +${name} +`, 'm'))
    t.ok(summary.length < 90 && !summary.endsWith('.'), `${name} has half a sentence`)
  }
  for (const verb of verbs) {
    const own = new Stage()
    t.equal(await own.run(verb.name, '--help'), 0, verb.name)
    t.ok(own.out.text.startsWith(`Usage: tidegate ${verb.name} [OPTIONS]`))
    for (const [name, option] of Object.entries(verb.options)) {
      t.match(own.out.text, new RegExp(`(^|  )(-${option.short ?? ' '}, |    )--${name}( |\n|$)`, 'm'), `${verb.name} --${name}`)
    }
    for (const line of own.out.text.split('\n')) t.ok(line.length <= 104, line)
    t.equal(own.err.text, '')
  }
  const asWord = new Stage()
  t.equal(await asWord.run('help', 'kick'), 0)
  t.equal(asWord.out.text, verbText(verbs.find(verb => verb.name === 'kick')!))
})

t.test('no verb shares a letter between two options', async t => {
  for (const { name, options } of verbs) {
    const letters = Object.values(options).flatMap(option => option.short ?? [])
    t.equal(new Set(letters).size, letters.length, name)
  }
})

t.test('the version names what the program is made of', async t => {
  const stage = new Stage()
  t.equal(await stage.run('--version'), 0)
  t.equal(stage.out.text, 'tidegate 1.2.3 (commit abc, Node 24.0.0, SQLite 3.50.0)\n')
  const json = new Stage()
  t.equal(await json.run('--version', '--json'), 0)
  t.same(JSON.parse(json.out.text), { version: '1.2.3', commit: 'abc', node: '24.0.0', sqlite: '3.50.0' })
})

const wrongUsage: [words: string[], complaint: RegExp][] = [
  [[], /^Usage: tidegate VERB/],
  [['staus'], /^tidegate: there is no verb "staus" \(did you mean `tidegate status`\?\)\n$/],
  [['frobnicate'], /no verb "frobnicate" \(tidegate --help shows the verbs\)/],
  [['--verbose'], /no option --verbose before the verb/],
  [['help', 'kik'], /did you mean `tidegate kick`/],
  [['--version', 'x'], /takes nothing but --json/],
  [['kick'], /^tidegate kick: CLIENT is missing\n$/],
  [['clients', '--limit', '0'], /^tidegate clients: --limit wants/],
  [['run', 'now'], /^tidegate run: "now" is one word too many/],
  [['pub', '-m', 'x'], /--topic is missing/],
  [['pub', '-t', 'a/+', '-m', 'x'], /"a\/\+" is not a topic name/],
  [['pub', '-t', 'a'], /give the payload by one of/],
  [['pub', '-t', 'a', '-m', 'x', '-n'], /give the payload by one of/],
  [['pub', '-t', 'a', '-l', '--password-stdin', '-u', 'x'], /cannot hold both/],
  [['pub', '-t', 'a', '-m', 'x', '-q', '3'], /--qos wants/],
  [['pub', '-t', 'a', '-m', 'x', '--cert', 'c'], /--cert and --key belong together/],
  [['sub'], /--topic is missing/],
  [['sub', '-t', 'a', '-c'], /needs the id/],
  [['sub', '-t', 'a', '-V', '3'], /--mqtt-version wants one of 5, 3\.1\.1, 4/],
]

for (const [words, complaint] of wrongUsage) {
  t.test(`"tidegate ${words.join(' ')}" ends with 2 and says why`, async t => {
    const stage = new Stage()
    t.equal(await stage.run(...words), 2)
    t.match(stage.err.text, complaint)
    t.equal(stage.out.text, '')
  })
}

t.test('check says that all is well, or each fault with its place', async t => {
  const good = new Stage()
  t.equal(await good.run('check'), 0)
  t.equal(good.out.text, 'the embedded defaults: all is well\n')

  const file = fileFor(t, '[gateway]\ndata_dri = "x"\n\n[admin]\nbind = 5\n')
  const bad = new Stage()
  t.equal(await bad.run('check', '-c', file), 1)
  const lines = bad.out.text.trimEnd().split('\n')
  t.equal(lines.length, 2)
  t.match(lines[0], new RegExp(`^${file}:2:\\d+: gateway\\.data_dri: .+ \\(.*data_dir.*\\)$`))
  t.match(lines[1], new RegExp(`^${file}:5:\\d+: admin\\.bind: .+`))
  t.match(bad.err.text, /2 faults/)

  const odd = new Stage()
  t.equal(await odd.run('check', '--set', 'admin.bind=127.0.0.1:1'), 0)
  t.match(odd.out.text, /^warning: --set: admin\.bind: is an odd port \(take another\)\nthe embedded defaults: valid, with 1 warning\n$/)

  const missing = new Stage()
  t.equal(await missing.run('check', '-c', '/no/such/file.toml'), 1)
  t.match(missing.out.text, /\/no\/such\/file\.toml:1:1: .*cannot be read/)
})

const places: [name: string, words: string[], env: Record<string, string>, socket: string][] = [
  ['--socket', ['--socket', 'x/y.sock'], { TIDEGATE_GATEWAY__DATA_DIR: '/env' }, '/somewhere/x/y.sock'],
  ['--data-dir', ['--data-dir', '/data'], { TIDEGATE_GATEWAY__DATA_DIR: '/env' }, '/data/tidegate.sock'],
  ['the data directory of the environment', [], { TIDEGATE_GATEWAY__DATA_DIR: 'env' }, '/somewhere/env/tidegate.sock'],
  ['the socket of the environment', [], { TIDEGATE_ADMIN__SOCKET: '/env/s.sock' }, '/env/s.sock'],
  ['./tidegate-data', [], {}, '/somewhere/tidegate-data/tidegate.sock'],
  ['the service', [], {}, '/run/tidegate/tidegate.sock'],
]

for (const [name, words, env, socket] of places) {
  t.test(`the gateway is found by ${name}`, async t => {
    const stage = new Stage()
    stage.env = env
    stage.answering.set(socket, page([]))
    t.equal(await stage.run('clients', ...words), 0, stage.err.text)
  })
}

t.test('the gateway is found by the data directory or socket in its configuration', async t => {
  const stage = new Stage()
  stage.answering.set('/there/tidegate.sock', page([]))
  t.equal(await stage.run('clients', '-c', fileFor(t, 'gateway.data_dir = "/there"\n')), 0, stage.err.text)
  const other = new Stage()
  other.answering.set('/run/own.sock', page([]))
  t.equal(await other.run('clients', '-c', fileFor(t, 'admin.socket = "/run/own.sock"\n')), 0, other.err.text)
  const wrong = new Stage()
  t.equal(await wrong.run('clients', '-c', fileFor(t, 'gateway.datadir = 1\n')), 1)
  t.match(wrong.err.text, /gateway\.datadir.*\ntidegate clients: the configuration has a fault\n$/)
})

t.test('a place that was named is the only one asked, and silence is one clear sentence', async t => {
  const stage = new Stage()
  stage.answering.set('/run/tidegate/tidegate.sock', page([]))
  t.equal(await stage.run('kick', 'x', '--data-dir', '/data'), 1)
  t.same(stage.asked, ['/data/tidegate.sock DELETE /api/v1/clients/x'])
  t.match(
    stage.err.text,
    /^tidegate kick: no gateway answers at \/data\/tidegate\.sock \(is it running\? start it with `tidegate run`.*\)\n$/,
  )
  const nowhere = new Stage()
  t.equal(await nowhere.run('clients'), 1)
  t.match(nowhere.err.text, /answers at \/somewhere\/tidegate-data\/tidegate\.sock or \/run\/tidegate\/tidegate\.sock/)
})

const client = {
  client_id: 'sensor\x1b[1m',
  connected: true,
  protocol: 'mqtt 5',
  listener: 'local',
  connected_at: new Date(1_800_000_000_000 - 200_000).toISOString(),
  subscriptions: 1,
  queued: 1234567,
  queued_bytes: 2048,
  in_flight: 0,
  dropped: 3,
  messages_in: 5,
  messages_out: 6,
}

t.test('a list is a table for people and JSON on demand', async t => {
  const stage = new Stage()
  stage.answering.set('/s', page([client]))
  t.equal(await stage.run('clients', '--socket', '/s'), 0)
  const [head, row] = stage.out.text.split('\n') as [string, string]
  t.match(head, /^CLIENT +PROTOCOL +LISTENER +PEER +USER +CONNECTED +STATE +IN +OUT +QUEUED +DROPPED +ENDED$/)
  t.match(row, /^sensor\\u001b\[1m +mqtt 5 +local +- +- +3 min 20 s +- +5 +6 +1,234,567 +3 +-$/)
  t.equal(row.indexOf('mqtt 5'), head.indexOf('PROTOCOL'))
  const json = new Stage()
  json.answering.set('/s', page([client]))
  t.equal(await json.run('clients', '--socket', '/s', '--json'), 0)
  t.same(JSON.parse(json.out.text).data, [client])
  const bare = new Stage()
  bare.answering.set('/s', page([client]))
  t.equal(await bare.run('clients', '--socket', '/s', '--no-header'), 0)
  t.notMatch(bare.out.text, /CLIENT/)
})

t.test('an empty list says so on standard error', async t => {
  const stage = new Stage()
  stage.answering.set('/s', page([]))
  t.equal(await stage.run('clients', '--socket', '/s'), 0)
  t.same([stage.out.text, stage.err.text], ['', 'no client is connected\n'])
})

t.test('a long list is asked for page by page, up to the limit', async t => {
  const stage = new Stage()
  stage.answering.set('/s', (_method, path) => {
    const number = Number(new URL(path, 'http://x').searchParams.get('page'))
    const data = Array.from({ length: 1000 }, (_, index) => ({ ...client, client_id: `c${(number - 1) * 1000 + index}` }))
    return { status: 200, body: { data, meta: { page: number, limit: 1000, count: 3000, has_next: number < 3 } } }
  })
  t.equal(await stage.run('clients', '--socket', '/s', '-n', '1500'), 0)
  t.equal(stage.asked.length, 2)
  t.equal(stage.out.text.trimEnd().split('\n').length, 1501)
  t.match(stage.err.text, /only the first 1500 are shown/)
})

const asks: [words: string[], path: string][] = [
  [['clients'], 'GET /api/v1/clients?connected=true&limit=1000&page=1'],
  [['clients', '--all'], 'GET /api/v1/clients?limit=1000&page=1'],
  [['clients', '-a', '--user', 'a b', '--listener', 'x'], 'GET /api/v1/clients?username=a+b&listener=x&limit=1000&page=1'],
  [['sessions'], 'GET /api/v1/sessions?limit=1000&page=1'],
  [['subscriptions', 'me'], 'GET /api/v1/subscriptions?client_id=me&limit=1000&page=1'],
  [['retained', 'a/#'], 'GET /api/v1/retained?filter=a%2F%23&limit=1000&page=1'],
  [['listeners'], 'GET /api/v1/listeners?limit=1000&page=1'],
  [['bridges'], 'GET /api/v1/bridges?limit=1000&page=1'],
  [['queues'], 'GET /api/v1/queues?limit=1000&page=1'],
]

for (const [words, path] of asks) {
  t.test(`"tidegate ${words.join(' ')}" asks the API`, async t => {
    const stage = new Stage()
    stage.answering.set('/s', page([]))
    t.equal(await stage.run(...words, '--socket', '/s'), 0)
    t.same(stage.asked, [`/s ${path}`])
  })
}

t.test('kick says what it did, and a refusal of the API is one line', async t => {
  const stage = new Stage()
  stage.answering.set('/s', () => ({ status: 204, body: undefined }))
  t.equal(await stage.run('kick', 'a/b', '--session', '--socket', '/s'), 0)
  t.same(stage.asked, ['/s DELETE /api/v1/clients/a%2Fb?session=true'])
  const none = new Stage()
  none.answering.set('/s', () => ({
    status: 404,
    body: { code: 'not-found', message: 'there is no client x', hint: 'see tidegate clients' },
  }))
  t.equal(await none.run('kick', 'x', '--socket', '/s'), 1)
  t.equal(none.err.text, 'tidegate kick: there is no client x (see tidegate clients)\n')
})

const status = {
  version: '1.2.3',
  commit: 'abc',
  node: '24.0.0',
  sqlite: '3.50.0',
  gateway_id: 'gw-1',
  data_dir: '/data',
  uptime_seconds: 7500,
  ready: true,
  healthy: true,
  problems: ['the clock is not set'],
  clock: { time: '2026-01-01T00:00:00Z', synchronised: false },
  device: { model: 'Pi', cpus: 4, memory_bytes: 2 ** 30 },
  process: { pid: 7, rss_bytes: 80 * 2 ** 20 },
  clients: 1,
  sessions: 2,
  subscriptions: 3,
  retained: 4,
  queued: 5000,
  queued_bytes: 10240,
  store: { condition: 'full', reason: 'no space left', used_bytes: 4096, uncommitted_bytes: 1024 },
  messages: { received: [1, 2, 3], sent: [0, 0, 0], unrouted: 0, refused: 2, dropped: { 'queue-full': 3, expired: 0 } },
  listeners: 2,
  bridges: { connected: 1, waiting: 2 },
}

t.test('status shows what matters, and its exit code says whether all is well', async t => {
  const stage = new Stage()
  stage.answering.set('/s', () => ({ status: 200, body: status }))
  t.equal(await stage.run('status', '--socket', '/s'), 0)
  for (const line of [
    /^gateway +gw-1, ready, with problems, up 2 h 5 min, pid 7$/m,
    /^problem +the clock is not set$/m,
    /^device +Pi, 4 CPUs, 1 GiB memory$/m,
    /^configuration +embedded defaults$/m,
    /^store +full: no space left, 4 KiB used, 1 KiB not yet committed$/m,
    /^queued +5,000 messages, 10 KiB$/m,
    /^received +6 messages \(QoS 0: 1, QoS 1: 2, QoS 2: 3\)$/m,
    /^dropped +3 queue-full$/m,
    /^bridges +1 connected, 2 waiting$/m,
  ]) {
    t.match(stage.out.text, line)
  }
  const sick = new Stage()
  sick.answering.set('/s', () => ({ status: 200, body: { ...status, healthy: false } }))
  t.equal(await sick.run('status', '--socket', '/s', '--json'), 1)
  t.equal(JSON.parse(sick.out.text).healthy, false)
})

t.test('a reader that goes away is no error', async t => {
  const stage = new Stage()
  stage.out.broken = true
  stage.answering.set('/s', page([client]))
  t.equal(await stage.run('clients', '--socket', '/s'), 0)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(stage.err.text, '')
})

t.test('a bug is a failure that shows its place', async t => {
  const stage = new Stage()
  stage.answering.set('/s', () => {
    throw new TypeError('oops\nat two lines')
  })
  t.equal(await stage.run('clients', '--socket', '/s'), 1)
  t.match(stage.err.text, /^tidegate clients: oops at two lines\n.*TypeError/)
})
