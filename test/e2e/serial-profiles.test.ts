import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import t from 'tap'
import { eventually, within } from '../support/eventually.ts'
import { MqttWire } from '../support/mqtt-wire.ts'
import { hasProgram, PROGRAM, plainEnvironment, tidegate } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { GatewayFixture } from './gateway-fixture.ts'

interface Owner {
  teardown(run: () => void): unknown
}

/** `tidegate simulate serial`: resolves with the port that it prints first. */
async function simulated(t: Owner, profile: string): Promise<string> {
  const child: ChildProcessByStdio<null, Readable, null> = spawn(PROGRAM, ['simulate', 'serial', '--profile', profile], {
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.teardown(() => void child.kill('SIGKILL'))
  let said = ''
  return within(
    15_000,
    `${profile} says its port`,
    new Promise(resolve => {
      child.stdout.on('data', chunk => {
        said += String(chunk)
        if (said.includes('\n')) resolve(said.split('\n')[0]!)
      })
    }),
  )
}

/** All that is published, the last value by topic. */
function watch(t: Owner, port: number): { values: Map<string, string>; publish(topic: string, payload: string): void } {
  const values = new Map<string, string>()
  const wire = new MqttWire(
    port,
    { clientId: 'watcher', cleanStart: true },
    {
      packet: packet => {
        const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
        const filters = ['serial/#', 'homeassistant/#'].map(filter => ({ filter, ...options }))
        if (packet.type === 'connack') wire.send({ type: 'subscribe', packetId: 1, subscriptions: filters })
        else if (packet.type === 'publish') values.set(packet.topic, Buffer.from(packet.payload).toString())
      },
      closed: () => {},
    },
  )
  t.teardown(() => wire.cut())
  const publish = (topic: string, payload: string) =>
    wire.send({ type: 'publish', topic, payload: Buffer.from(payload), qos: 0, retain: false, dup: false })
  return { values, publish }
}

t.test('simulated devices, their profiles, and the built gateway: values on their topics, a write, Home Assistant', async t => {
  if (!hasProgram(t)) return
  const [meter, relay, gps] = await Promise.all(['sdm120', 'waveshare-relay-8ch', 'ublox-nmea'].map(name => simulated(t, name)))
  t.match(meter, /^\/dev\/pts\/\d+$/)
  const fixture = await GatewayFixture.make(
    t,
    temporaryFolder(t),
    `[serial.meter]\nport = "${meter}"\nprofile = "sdm120"\nformat = "json"\n` +
      `[serial.board]\nport = "${relay}"\nframing = "modbus-rtu"\nunits.relays = { unit = 3, profile = "waveshare-relay-8ch", interval = "500ms" }\n` +
      `[serial.gps]\nport = "${gps}"\nprofile = "ublox-nmea"\npoints.altitude = { unit = "metres" }\n[homeassistant]\nenabled = true\n`,
  )
  const gateway = await fixture.start()
  const { values, publish } = watch(t, fixture.mqttPort)
  const has = (topic: string, wanted: RegExp) =>
    eventually(
      `${topic} is ${wanted}`,
      () => wanted.test(values.get(topic) ?? ''),
      15_000,
      () => String(values.get(topic)),
    )
  await has('serial/meter/voltage', /"value":2[23]\d\.?\d*,"unit":"V".*"quality":"good"/)
  await has('serial/gps/fix', /^gnss$/)
  await has('serial/board/relays/relay_3', /^false$/)
  await has('serial/board/relays/relay_3/$quality', /^good$/)
  publish('serial/board/relays/relay_3/set', 'true')
  await has('serial/board/relays/relay_3', /^true$/)
  await has('serial/board/relays/$state', /"online"/)
  const entity = [...values.keys()].find(topic => topic.startsWith('homeassistant/switch/') && topic.includes('relay_3'))
  t.match(values.get(entity ?? ''), /"command_topic":"serial\/board\/relays\/relay_3\/set"/)
  t.equal((await gateway.end()).code, 0)
})

t.test('check covers profiles: a fault has its place in the profile, and vectors are decoded', async t => {
  if (!hasProgram(t)) return
  const folder = temporaryFolder(t)
  const profile = (value: string, type: string) => `[profile]
title = "A"
maker = "B"
model = "C"
kind = "meter"
[[profile.sources]]
document = "D"
facts = "E"
[serial]
framing = "modbus-rtu"
[serial.points]
voltage = { register = 0, table = "input", type = "${type}", decimals = 1 }
[[vectors]]
name = "V"
from = "document"
request = "01 04 00 00 00 02 71 cb"
response = "01 04 04 43 66 33 34 1b 38"
values = { voltage = "${value}" }
`
  writeFileSync(join(folder, 'own.toml'), profile('230.2', 'float23'))
  writeFileSync(join(folder, 'tidegate.toml'), '[serial.m]\nport = "/dev/x"\nprofile = "./own.toml"\n')
  const wrong = await tidegate(['check', '-c', join(folder, 'tidegate.toml')])
  t.equal(wrong.code, 1)
  t.match(wrong.stdout, /own\.toml:12:\d+: serial\.points\.voltage\.type: must be .*float32/s)
  writeFileSync(join(folder, 'own.toml'), profile('230.9', 'float32'))
  t.equal((await tidegate(['check', '-c', join(folder, 'tidegate.toml')])).code, 0)
  const vector = await tidegate(['check', '--profile', join(folder, 'own.toml')])
  t.equal(vector.code, 1)
  t.match(vector.stdout, /voltage is 230\.2, not 230\.9/)
  const all = await tidegate(['check', '--profile', 'all'])
  t.equal(all.code, 0, all.stdout)
  const missing = await tidegate(['check', '--profile', 'sdm12'])
  t.match(missing.stderr, /did you mean "sdm120"/)
})

t.test('probe finds what is at a port, sniff shows its bytes', async t => {
  if (!hasProgram(t)) return
  const [meter, gps] = await Promise.all(['xy-md02', 'ublox-nmea'].map(name => simulated(t, name)))
  const found = await tidegate(['serial', 'probe', meter!, '--profile', 'xy-md02', '--json'], { timeoutMs: 20_000 })
  t.match(JSON.parse(found.stdout), { profile: 'xy-md02', baud: 9600, values: { temperature: /^[0-9.]+$/ } })
  const wrong = await tidegate(['serial', 'probe', gps!, '--profile', 'sds011', '-b', '9600', '-t', '1200ms'], { timeoutMs: 20_000 })
  t.equal(wrong.code, 1)
  t.match(wrong.stderr, /no profile makes sense.*bytes came/s)
  const sniffed = await tidegate(['serial', 'sniff', gps!, '-t', '2500ms'], { timeoutMs: 20_000 })
  t.equal(sniffed.code, 0)
  t.match(sniffed.stdout, /24 47 [45]0? ?.*\$G/)
  t.equal((await tidegate(['serial', 'sniff'])).code, 2)
})
