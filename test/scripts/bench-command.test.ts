import t from 'tap'
import { faultsOf, medians, ratios } from '../../scripts/bench/figures.ts'
import type { Figures } from '../../scripts/bench/job.ts'
import { parseOptions, USAGE } from '../../scripts/bench/options.ts'
import { asJson, type ScenarioResult, type ServerResult, summary, table } from '../../scripts/bench/report.ts'
import { SCENARIOS, selectScenarios } from '../../scripts/bench/scenarios.ts'
import { chooseServers, extraServer, mosquitto, tidegate } from '../../scripts/bench/servers.ts'

const byName = (name: string) => selectScenarios(name)[0]!

const server = (name: string, rounds: Figures[], failures: string[] = []): ServerResult => ({
  name,
  own: name === 'tidegate',
  rounds,
  failures,
})

t.test('the scenarios are those of the outside measure, and the same inside TLS and WebSocket', async t => {
  t.strictSame(
    SCENARIOS.map(({ name }) => name),
    [
      'qos0-1to1',
      'qos0-fanout50',
      'qos0-fanin50',
      'qos1-50pairs',
      'qos1-1to1',
      'qos2-10pairs',
      'qos1-latency',
      'qos1-rate1000',
      'qos1-persistent',
      'offline-100k',
      'kill-flow',
      'idle-2000',
      'storm',
      'tls-qos0-1to1',
      'tls-qos1-50pairs',
      'tls-storm',
      'tls-idle-1000',
      'ws-qos0-1to1',
      'ws-qos0-fanout50',
      'ws-qos1-50pairs',
      'ws-idle-1000',
      'retained-100k',
    ],
  )
  t.match(byName('qos1-50pairs').load, { qos: 1, publishers: 50, subscribers: 50, topology: 'pairs', window: 20, endToEndWindow: 40 })
  t.match(byName('qos0-fanin50').load, { qos: 0, publishers: 50, subscribers: 1, topology: 'all', filter: 'plus', endToEndWindow: 20 })
  t.match(byName('kill-flow').load, { qos: 1, messages: 200_000, killAfter: 50_000, payloadBytes: 256, persistent: true })
  t.ok(byName('qos1-persistent').keepsData)
})

t.test('scenarios are chosen by name, in the order given', async t => {
  t.strictSame(
    selectScenarios('storm, qos0-1to1').map(({ name }) => name),
    ['storm', 'qos0-1to1'],
  )
  t.equal(selectScenarios('').length, SCENARIOS.length)
  t.throws(() => selectScenarios('qos0-1to1,qos9'), /no scenario is called qos9; there are qos0-1to1, /)
})

t.test('the command line is read, and what it does not understand is refused', async t => {
  t.match(parseOptions([]), { rounds: 3, durationSeconds: 3, warmupSeconds: 1, servers: [], json: undefined, keep: false })
  const args = [
    '--scenarios',
    'storm',
    '--rounds',
    '2',
    '--duration=0.5',
    '--servers',
    'a,b',
    '--json',
    'f',
    '--extra',
    'a=x --port={port}',
  ]
  t.match(parseOptions(args), {
    scenarios: [{ name: 'storm' }],
    rounds: 2,
    durationSeconds: 0.5,
    servers: ['a', 'b'],
    json: 'f',
    extra: [{ name: 'a', command: 'x --port={port}' }],
  })
  const hasty = parseOptions(['--quick', '--scenarios', 'offline-100k,idle-2000,storm'])!
  t.match(hasty, { rounds: 1, durationSeconds: 0.5, scenarios: [{ load: { messages: 10_000 } }, { load: { connections: 200 } }, {}] })
  t.match(hasty.scenarios[0]!.title, /a tenth/)
  t.equal(parseOptions(['--help']), undefined)
  for (const option of ['--scenarios', '--servers', '--extra', '--rounds', '--duration', '--warmup', '--quick', '--json', '--keep']) {
    t.ok(USAGE.includes(option), option)
  }
  for (const wrong of [
    ['--nonsense'],
    ['--rounds', '0'],
    ['--rounds', '1.5'],
    ['--duration', 'x'],
    ['--extra', 'x'],
    ['--extra', 'x=y'],
    ['z'],
  ]) {
    t.throws(() => parseOptions(wrong), wrong.join(' '))
  }
})

t.test('each server is configured for the run', async t => {
  const setting = { port: 1234, folder: '/x', keepsData: true, transport: 'tcp' as const }
  t.match(tidegate('p').files(setting)['tidegate.toml'], /bind = "127.0.0.1:1234"/)
  t.strictSame(tidegate('p').command(setting), ['p', 'run', '-c', '/x/tidegate.toml'])
  const kept = mosquitto('m').files(setting)['mosquitto.conf']!
  t.match(kept, /^listener 1234 127.0.0.1$[\s\S]*^max_queued_messages 0$[\s\S]*^persistence true$[\s\S]*^persistence_location \/x\/$/m)
  t.match(mosquitto('m').files({ ...setting, keepsData: false })['mosquitto.conf'], /^persistence false$/m)
  for (const transport of ['tls', 'ws'] as const) {
    const files = tidegate('p').files({ ...setting, transport })
    t.match(files['tidegate.toml'], `transport = "${transport}"`)
    t.equal('server.key' in files, transport === 'tls')
  }
  t.match(mosquitto('m').files({ ...setting, transport: 'ws' })['mosquitto.conf'], /^protocol websockets$/m)
  t.match(mosquitto('m').files({ ...setting, transport: 'tls' })['mosquitto.conf'], /^keyfile \/x\/server\.key$/m)
  const extra = extraServer({ name: 'e', command: 'run {port} {dir}/a {port}' })
  t.strictSame(extra.command(setting), ['/bin/sh', '-c', 'exec run 1234 /x/a 1234'])
  t.strictSame(
    chooseServers(['e'], [{ name: 'e', command: 'x {port}' }]).servers.map(({ name }) => name),
    ['e'],
  )
  t.throws(() => chooseServers(['f'], []), /no server is called f; there are tidegate, mosquitto/)
})

t.test('medians leave out what a round does not have', async t => {
  t.strictSame(medians([{ lost: 1, sent: 5 }, { lost: 9 }, { lost: 2, sent: 7 }]), { lost: 2, sent: 6 })
  t.strictSame(medians([]), {})
})

t.test('ratios are of figures that have a better and a worse', async t => {
  t.strictSame(ratios({ messagesPerSecond: 10, lost: 4, cpuPerMessageUs: 1 }, { messagesPerSecond: 5, lost: 2, cpuPerMessageUs: 0 }), {
    messagesPerSecond: 2,
  })
})

t.test('what a gateway must never do is a fault, in whichever round it happens', async t => {
  const rounds = [
    { lost: 0, duplicated: 3, reordered: 0 },
    { lost: 2, duplicated: 1, reordered: 1 },
  ]
  t.strictSame(faultsOf(byName('qos1-50pairs'), rounds), ['2 lost', '1 reordered'])
  t.strictSame(faultsOf(byName('qos2-10pairs'), rounds), ['2 lost', '3 dup', '1 reordered'])
  t.strictSame(faultsOf(byName('qos0-1to1'), [{ lost: 2 }]), [], 'QoS 0 promises nothing')
  t.strictSame(faultsOf(byName('kill-flow'), [{ lost: 0, duplicated: 0, reordered: 0, disconnects: 0 }]), [])
})

t.test('the table has a row a server, ratios to mosquitto, and says what went wrong', async t => {
  const result: ScenarioResult = {
    scenario: byName('qos1-50pairs'),
    servers: [
      server('tidegate', [{ messagesPerSecond: 400_000, cpuPerMessageUs: 2, lost: 1, serverCpuPercent: 50, generatorCpuPercent: 99 }]),
      server('mosquitto', [{ messagesPerSecond: 80_000, cpuPerMessageUs: 10, lost: 0, serverCpuPercent: 99, generatorCpuPercent: 20 }]),
      server('other', [], ['would not start', 'again']),
    ],
  }
  const lines = table(result).split('\n')
  t.match(lines[0], /^qos1-50pairs: QoS 1/)
  t.match(lines[1], /^server +msg\/s +CPU µs\/msg +p50 µs +p99 µs +lost +dup +reordered +server % +gen %$/)
  t.match(lines[2], /^tidegate +400,000\* \(5×\) +2 \(0\.20×\) +- +- +1 /)
  t.match(lines[3], /^mosquitto +80,000 +10 +- +- +0 /)
  t.match(lines[4], /^other +- /)
  t.match(lines[5], /the generator was the limit/)
  t.match(lines[6], /^other: 2 failed: would not start$/)
  t.match(lines[7], /^tidegate: at worst 1 lost$/)
  t.match(summary([result]), /^qos1-50pairs +tidegate +0\.20× +mosquitto$/m)
  const { conditions, scenarios } = JSON.parse(asJson([result], { rounds: 1 }))
  t.strictSame(conditions, { rounds: 1 })
  t.match(scenarios[0], {
    name: 'qos1-50pairs',
    reference: 'mosquitto',
    servers: { tidegate: { medians: { cpuPerMessageUs: 2 }, ratios: { cpuPerMessageUs: 0.2 }, faults: ['1 lost'], rounds: [{ lost: 1 }] } },
  })
})

t.test('without mosquitto and with one server there are no ratios', async t => {
  const result = { scenario: byName('storm'), servers: [server('tidegate', [{ connectsPerSecond: 5 }])] }
  t.notMatch(table(result), /×/)
  t.equal(summary([result]), '')
})
