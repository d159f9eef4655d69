/** What the README promises to somebody who starts the program for the first time. TIDEGATE_BINARY names another executable. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually, within } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { Mosquitto } from '../support/mosquitto.ts'
import { peer } from '../support/peers.ts'
import { GatewayProcess, hasProgram, runToEnd, tidegate } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { GatewayFixture } from './gateway-fixture.ts'
import { Listening } from './listening.ts'
import { SerialLine } from './serial-line.ts'

const PATIENCE_MS = 20_000
const STOP_MS = 5000

interface First {
  gateway: GatewayProcess
  folder: string
  mqttPort: number
  coapPort: number
  /** The words after `run`. */
  words: string[]
}

/** The embedded defaults in an empty folder, on free ports. */
async function startDefaults(t: Test, ...more: string[]): Promise<First> {
  const [mqttPort, coapPort] = [await freePort(), await freePort()]
  const folder = temporaryFolder(t)
  const binds = [`listeners.local.bind=127.0.0.1:${mqttPort}`, `listeners.coap.bind=127.0.0.1:${coapPort}`, 'admin.bind=off', ...more]
  const words = binds.flatMap(bind => ['--set', bind])
  const gateway = new GatewayProcess(words, { folder })
  t.teardown(() => gateway.end('SIGKILL'))
  await within(PATIENCE_MS, 'the gateway is ready', gateway.ready)
  return { gateway, folder, mqttPort, coapPort, words }
}

/** SIGTERM must end it with 0 in time. */
async function stops(t: Test, gateway: GatewayProcess): Promise<void> {
  t.same(await within(STOP_MS, 'the gateway stops', gateway.end('SIGTERM')), { code: 0, signal: null }, 'SIGTERM ends it with 0 within 5 s')
  t.equal(gateway.stdout, 'tidegate ready\n', 'nothing else was on standard output')
}

t.test('a CoAP client, an MQTT client and a serial line are seen by mosquitto_sub, without any configuration file', async t => {
  const [sub, pub, coap, socat] = [peer(t, 'mosquitto_sub'), peer(t, 'mosquitto_pub'), peer(t, 'coap-client'), peer(t, 'socat')]
  if (!hasProgram(t) || sub === undefined || pub === undefined || coap === undefined || socat === undefined) return
  const port = join(temporaryFolder(t), 'meter')
  const line = await SerialLine.open(socat, port)
  t.teardown(() => line.close())
  const { gateway, mqttPort, coapPort } = await startDefaults(t, `serial.meter.port=${port}`)
  const listening = await Listening.begin(sub, mqttPort, '#')
  t.teardown(() => listening.end())
  await within(PATIENCE_MS, 'the port is open', gateway.said(/port open/))

  line.send('21.5 C\n')
  const putting = await runToEnd(coap, ['-m', 'put', '-e', '64', `coap://127.0.0.1:${coapPort}/ps/boiler/temp`])
  t.match(putting, { code: 0, stderr: '' }, 'coap-client has its answer')
  const publishing = await runToEnd(pub, ['-h', '127.0.0.1', '-p', String(mqttPort), '-t', 'door/open', '-m', 'yes', '-q', '2'])
  t.match(publishing, { code: 0, stderr: '' }, 'mosquitto_pub has its answers')
  for (const wanted of ['serial/meter/line 21.5 C', 'boiler/temp 64', 'door/open yes']) {
    await within(PATIENCE_MS, wanted, listening.heard(wanted))
    t.pass(wanted)
  }
  await stops(t, gateway)
})

t.test('a message for a session that is away is there after a stop and a start', async t => {
  const [sub, pub] = [peer(t, 'mosquitto_sub'), peer(t, 'mosquitto_pub')]
  if (!hasProgram(t) || sub === undefined || pub === undefined) return
  const { gateway, folder, mqttPort, words } = await startDefaults(t)
  const session = ['-i', 'desk', '-c']
  await (await Listening.begin(sub, mqttPort, 'alarms/#', ...session)).end()
  const server = ['-h', '127.0.0.1', '-p', String(mqttPort)]
  t.equal((await runToEnd(pub, [...server, '-t', 'alarms/fire', '-m', 'hot', '-q', '1'])).code, 0)
  await stops(t, gateway)
  const second = new GatewayProcess(words, { folder })
  t.teardown(() => second.end('SIGKILL'))
  await within(PATIENCE_MS, 'the gateway is ready again', second.ready)
  const again = await Listening.begin(sub, mqttPort, 'alarms/#', ...session)
  t.teardown(() => again.end())
  await within(PATIENCE_MS, 'the message', again.heard('alarms/fire hot'))
  await again.end()
  await stops(t, second)
})

t.test('the commands that speak to a running gateway find it and answer', async t => {
  if (!hasProgram(t)) return
  const { gateway, folder, mqttPort } = await startDefaults(t)
  const server = ['-p', String(mqttPort)]
  t.match(await tidegate(['pub', ...server, '-t', 'a/b', '-m', 'hello', '-q', '1', '-r']), { code: 0, stdout: '', stderr: '' }, 'pub')
  t.match(await tidegate(['sub', ...server, '-t', 'a/#', '-v', '-C', '1']), { code: 0, stdout: 'a/b hello\n', stderr: '' }, 'sub')
  t.match(await tidegate(['status'], { folder }), { code: 0, stdout: /, ready.*\n(.*\n)*retained +1 message/, stderr: '' }, 'status')
  const status = await tidegate(['status', '--json', '--data-dir', join(folder, 'tidegate-data')])
  t.match(JSON.parse(status.stdout), { ready: true, healthy: true, retained: 1, process: { pid: gateway.pid } }, 'status --json')
  const keeping = tidegate(['sub', ...server, '-i', 'watcher', '-t', 'news', '-C', '1'], { folder })
  await eventually(
    'clients shows one that is connected',
    async () => /^watcher +/m.test((await tidegate(['clients'], { folder })).stdout),
    PATIENCE_MS,
  )
  t.equal((await tidegate(['pub', ...server, '-t', 'news', '-m', 'end'])).code, 0)
  t.match(await keeping, { code: 0, stdout: 'end\n' }, 'sub takes what comes')
  t.match(await tidegate(['clients'], { folder }), { code: 0, stderr: 'no client is connected\n' }, 'clients')
  t.same(JSON.parse((await tidegate(['bridges', '--json'], { folder })).stdout).data, [], 'bridges --json')
  t.match(await tidegate(['listeners'], { folder }), { code: 0, stdout: new RegExp(`127\\.0\\.0\\.1:${mqttPort}`) }, 'listeners')
  t.match(await tidegate(['check'], { folder }), { code: 0, stderr: '' }, 'check')
  t.match(await tidegate(['--version']), { code: 0, stdout: /^tidegate \d+\.\d+\.\d+/ }, '--version')
  await stops(t, gateway)
  const gone = await tidegate(['status'], { folder })
  t.match(gone, { code: 1, stdout: '', stderr: /^tidegate status: [^\n]+\n$/ }, 'a gateway that is not there is one clear line')
})

t.test('a port that is taken ends the start with 1 and one clear line', async t => {
  if (!hasProgram(t)) return
  const { mqttPort } = await startDefaults(t)
  const second = new GatewayProcess(['--set', `listeners.local.bind=127.0.0.1:${mqttPort}`, '--set', 'admin.bind=off'], {
    folder: temporaryFolder(t),
  })
  t.same(await within(PATIENCE_MS, 'the second gateway ends', second.ended), { code: 1, signal: null })
  t.equal(second.stdout, '')
  t.match(second.stderr, new RegExp(`^tidegate run: [^\\n]*${mqttPort}[^\\n]*\\n$`), 'it names the port')
})

t.test('a data directory belongs to one gateway at a time', async t => {
  if (!hasProgram(t)) return
  const { gateway, folder } = await startDefaults(t)
  const [mqttPort, coapPort] = [await freePort(), await freePort()]
  const words = [`listeners.local.bind=127.0.0.1:${mqttPort}`, `listeners.coap.bind=127.0.0.1:${coapPort}`, 'admin.bind=off']
  const second = new GatewayProcess(
    words.flatMap(word => ['--set', word]),
    { folder },
  )
  t.same(await within(PATIENCE_MS, 'the second gateway ends', second.ended), { code: 1, signal: null })
  t.match(second.stderr, /^tidegate run: [^\n]+\n$/, 'one clear line')
  t.match(await tidegate(['status'], { folder }), { code: 0 }, 'the first goes on')
  await stops(t, gateway)
})

t.test('check names each fault with its place, and run refuses the same file', async t => {
  if (!hasProgram(t)) return
  const file = join(temporaryFolder(t), 'tidegate.toml')
  writeFileSync(file, '[gateway]\nid = "a"\n\n[limits]\nmax_packt = "1MiB"\n[listeners.local]\nprotocol = "mqtt"\nbind = 5\n')
  const checked = await tidegate(['check', '-c', file])
  t.equal(checked.code, 1)
  t.match(checked.stdout, new RegExp(`^${file}:5:1: limits\\.max_packt: .*max_packet.*\\n${file}:8:\\d+: listeners\\.local\\.bind: .*\\n$`))
  const run = await tidegate(['run', '-c', file])
  t.match(run, { code: 1, stdout: '' })
  t.ok(run.stderr.includes(`${file}:5:1: limits.max_packt`), run.stderr)
})

t.test('SIGHUP adds a bridge, a wrong file changes nothing, and a bridge that is taken out goes', async t => {
  const [mosquitto, sub] = [peer(t, 'mosquitto'), peer(t, 'mosquitto_sub')]
  if (!hasProgram(t) || mosquitto === undefined || sub === undefined) return
  const folder = temporaryFolder(t)
  const upstreamFolder = join(folder, 'upstream')
  mkdirSync(upstreamFolder)
  const upstream = new Mosquitto(mosquitto, upstreamFolder, await freePort())
  await upstream.start()
  t.teardown(() => upstream.stop())
  const listening = await Listening.begin(sub, upstream.port, '#')
  t.teardown(() => listening.end())
  const fixture = await GatewayFixture.make(t, folder)
  const gateway = await fixture.start()
  const publish = (text: string) => tidegate(['pub', '-p', String(fixture.mqttPort), '-t', 'plant/x', '-m', text, '-q', '1'])

  t.equal((await publish('before')).code, 0)
  const bridge = `[bridges.up]\nkind = "mqtt"\nurl = "mqtt://127.0.0.1:${upstream.port}"\n[[bridges.up.out]]\nfrom = "plant/#"\nto = "site/\${topic}"\n`
  fixture.configure(bridge)
  gateway.signal('SIGHUP')
  await within(PATIENCE_MS, 'the reload', gateway.said(/the configuration is loaded again/))
  t.equal((await publish('after')).code, 0)
  await within(PATIENCE_MS, 'the message at the upstream', listening.heard('site/plant/x after'))
  t.notOk(listening.lines.includes('site/plant/x before'), 'nothing goes over a bridge that came later')

  fixture.configure(`${bridge}urrl = "mqtt://127.0.0.1:1"\n`)
  gateway.signal('SIGHUP')
  await within(PATIENCE_MS, 'the refusal', gateway.said(/the running one stays/))
  t.match(gateway.stderr, /tidegate\.toml:\d+:\d+: bridges\.up\.out\.0\.urrl/, 'the fault is reported with its place')
  t.equal((await publish('still')).code, 0)
  await within(PATIENCE_MS, 'the next message at the upstream', listening.heard('site/plant/x still'))

  fixture.configure('')
  gateway.signal('SIGHUP')
  await within(PATIENCE_MS, 'the second reload', gateway.said(/loaded again(.*\n)+.*loaded again/))
  t.same(await fixture.list('bridges'), [], 'the bridge is gone')
  t.equal((await publish('later')).code, 0)
  await stops(t, gateway)
  t.notOk(listening.lines.includes('site/plant/x later'))
})
