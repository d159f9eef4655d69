/** Who gets in and what each may do, on the built program with the clients that people use. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { peer } from '../support/peers.ts'
import { type Finished, hasProgram, PROGRAM, plainEnvironment, runToEnd } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { GatewayFixture } from './gateway-fixture.ts'

/** An address of this machine that is not loopback. */
function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

/** A verb that reads its password from standard input. */
async function withPassword(fixture: GatewayFixture, password: string, ...words: string[]): Promise<number | null> {
  const child = spawn(PROGRAM, ['user', ...words, '--password-stdin', '-c', fixture.configFile], {
    env: plainEnvironment(),
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  child.stdin.end(`${password}\n`)
  const [code] = (await once(child, 'close')) as [number | null]
  return code
}

interface Site {
  fixture: GatewayFixture
  /** The port beyond loopback. */
  widePort: number
  /** Publishes with mosquitto_pub at QoS 1. */
  pub(host: string, topic: string, ...words: string[]): Promise<Finished>
}

t.test('beyond loopback nothing is served to an unknown client, unless the configuration says so', async t => {
  const program = peer(t, 'mosquitto_pub')
  if (!hasProgram(t) || program === undefined) return
  const address = ownAddress()
  if (address === undefined) {
    t.pass('this machine has no address but loopback')
    return
  }
  const { fixture, pub, widePort } = await site(t, program)
  const gateway = await fixture.start()
  t.equal((await pub('127.0.0.1', 'a')).code, 0, 'the listener on loopback serves this machine')
  t.match(await pub(address, 'a'), { code: 135, stderr: /Not authorized/ })
  t.match(await pub(address, 'a', '-u', 'ann', '-P', 'x'), { code: 134, stderr: /Bad User Name or Password/ })
  t.equal(await withPassword(fixture, 'first', 'add', 'ann'), 0, 'a user of the running gateway')
  t.equal((await pub(address, 'a', '-u', 'ann', '-P', 'first')).code, 0)
  t.equal((await pub(address, 'a', '-u', 'ann', '-P', 'second')).code, 134)
  t.equal((await pub('127.0.0.1', 'a', '-u', 'ann', '-P', 'second')).code, 134, 'who shows a name must be right, on loopback too')
  fixture.configure(`${wide(widePort, address)}\nanonymous = "always"`)
  gateway.signal('SIGHUP')
  await gateway.said(/the configuration is loaded again/)
  t.equal((await pub(address, 'a')).code, 135, 'a listener changes at the next start')
  await gateway.end()
  t.equal(await withPassword(fixture, 'second', 'passwd', 'ann'), 0, 'a stopped gateway has its users too')
  await fixture.start()
  t.equal((await pub(address, 'a')).code, 0)
  t.equal((await pub(address, 'a', '-u', 'ann', '-P', 'second')).code, 0)
  t.equal((await fixture.ask('user', 'rm', 'ann')).code, 0)
  t.match(await fixture.list('user', 'ls'), [])
})

t.test('a users file, rules and SIGHUP with mosquitto’s own programs', async t => {
  const program = peer(t, 'mosquitto_pub')
  const passwd = peer(t, 'mosquitto_passwd')
  if (!hasProgram(t) || program === undefined || passwd === undefined) return
  const { fixture, pub } = await site(t, program)
  const users = join(fixture.folder, 'users.txt')
  writeFileSync(users, '')
  await runToEnd(passwd, ['-b', users, 'carl', 'carl-pw'])
  const access = (rules: string) =>
    `[access]\nanonymous = "never"\n[access.authenticators.local]\nkind = "built-in"\nusers_file = "users.txt"\n${rules}`
  fixture.configure(access('[[access.rules]]\npermit = "allow"\ntopics = ["d/${username}/#"]'))
  const gateway = await fixture.start()
  const carl = ['-u', 'carl', '-P', 'carl-pw']
  t.match(await fixture.ask('check'), { code: 0, stdout: /access\.no_match: "deny" holds \(not set, and there is a rule\)/ })
  t.equal((await pub('127.0.0.1', 'd/carl/x', ...carl)).code, 0)
  t.match(await pub('127.0.0.1', 'd/dora/x', ...carl), { stderr: /Not authorized/ })
  t.equal((await pub('127.0.0.1', 'd/carl/x')).code, 135)
  fixture.configure(access('[[access.rules]]\npermit = "allow"\ntopics = ["d/dora/#"]'))
  gateway.signal('SIGHUP')
  await gateway.said(/the configuration is loaded again/)
  t.match(await pub('127.0.0.1', 'd/carl/x', ...carl), { stderr: /Not authorized/ })
  t.notMatch((await pub('127.0.0.1', 'd/dora/x', ...carl)).stderr, /Not authorized/)
  await runToEnd(passwd, ['-b', users, 'dora', 'dora-pw'])
  await eventually('dora is in', async () => (await pub('127.0.0.1', 'd/dora/x', '-u', 'dora', '-P', 'dora-pw')).code === 0, 20_000)
  writeFileSync(users, `${readFileSync(users, 'utf8')}oops\n`)
  await gateway.said(/users\.txt:3: a line is name:hash/)
  t.equal((await pub('127.0.0.1', 'd/dora/x', ...carl)).code, 0, 'the users stay as they were')
  t.match(await fixture.ask('check'), { code: 1, stdout: /users_file: .*users\.txt:3: a line is name:hash/ })
})

t.test('a ban disconnects, outlives the gateway and can be lifted', async t => {
  const program = peer(t, 'mosquitto_pub')
  const sub = peer(t, 'mosquitto_sub')
  if (!hasProgram(t) || program === undefined || sub === undefined) return
  const { fixture, pub } = await site(t, program)
  const gateway = await fixture.start()
  const there = runToEnd(sub, ['-h', '127.0.0.1', '-p', String(fixture.mqttPort), '-V', '5', '-i', 'noisy', '-t', 'x', '-W', '60', '-d'], {
    timeoutMs: 15_000,
  })
  await eventually('it subscribes', async () => (await fixture.list<{ client_id: string }>('subscriptions')).length === 1, 20_000)
  t.equal((await fixture.ask('ban', 'add', '--client', 'noisy', '--reason', 'too loud')).code, 0)
  await eventually('it is gone', async () => (await fixture.list('clients')).length === 0, 20_000)
  await gateway.end('SIGKILL')
  await fixture.start()
  t.match(await pub('127.0.0.1', 'x', '-i', 'noisy'), { code: 138, stderr: /Banned/ })
  t.match(await fixture.list('ban', 'ls'), [{ kind: 'client_id', value: 'noisy', by: 'operator', reason: 'too loud' }])
  t.equal((await fixture.ask('ban', 'rm', '--client', 'noisy')).code, 0)
  t.equal((await pub('127.0.0.1', 'x', '-i', 'noisy')).code, 0)
  await there
})

async function site(t: Parameters<typeof GatewayFixture.make>[0] & { teardown(run: () => void): unknown }, program: string): Promise<Site> {
  const fixture = await GatewayFixture.make(t, temporaryFolder(t))
  const address = ownAddress()
  const port = await freePort()
  if (address !== undefined) fixture.configure(wide(port, address))
  return {
    fixture,
    widePort: port,
    pub: (host, topic, ...words) => {
      const to = host === '127.0.0.1' ? fixture.mqttPort : port
      return runToEnd(program, ['-V', '5', '-h', host, '-p', String(to), '-q', '1', '-t', topic, '-m', 'x', ...words])
    },
  }
}

/** A listener beyond loopback. */
function wide(port: number, address: string): string {
  return `[listeners.wide]\nprotocol = "mqtt"\nbind = "${address}:${port}"`
}
