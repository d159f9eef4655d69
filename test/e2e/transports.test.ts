/** Every stream transport of the built program, with its own client, wrong peers, and a storm of handshakes. */
import { chmodSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { Authority } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { peer } from '../support/peers.ts'
import { hasProgram, tidegate } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { GatewayFixture } from './gateway-fixture.ts'

interface Row {
  name: string
  connections: number
  counters: Record<string, number>
}

interface Site {
  fixture: GatewayFixture
  folder: string
  ports: Record<'tls' | 'ws' | 'wss' | 'proxied', number>
}

async function site(t: Test): Promise<Site | undefined> {
  const openssl = peer(t, 'openssl')
  if (!hasProgram(t) || openssl === undefined) return undefined
  const folder = temporaryFolder(t)
  const pki = new Authority(openssl, folder)
  chmodSync(pki.server().key, 0o600)
  pki.client('meter-7')
  writeFileSync(join(folder, 'psk.txt'), 'meter-8:00112233445566778899aabbccddeeff\n', { mode: 0o600 })
  writeFileSync(join(folder, 'key.hex'), '00112233445566778899aabbccddeeff\n')
  const ports = { tls: await freePort(), ws: await freePort(), wss: await freePort(), proxied: await freePort() }
  const listener = (name: keyof typeof ports, transport: string, more: string) =>
    `[listeners.${name}]\nprotocol = "mqtt"\ntransport = "${transport}"\nbind = "127.0.0.1:${ports[name]}"\n${more}\n`
  const tls = 'tls = { cert = "server.pem", key = "server.key", ca = "ca.pem", client_cert = "request", psk_file = "psk.txt" }'
  const more = [
    '[access]\nanonymous = "loopback"',
    listener('tls', 'tls', `anonymous = "never"\n${tls}`),
    listener('ws', 'ws', 'websocket = { path = "/here" }'),
    listener('wss', 'wss', `${tls}\n[listeners.wss.websocket]\nmax_frame = "1KiB"`),
    listener('proxied', 'tcp', 'proxy_protocol = { trusted = ["127.0.0.1"] }'),
  ].join('\n')
  const fixture = await GatewayFixture.make(t, folder, more)
  return { fixture, folder, ports }
}

/** What `tidegate pub` says on standard error; empty when it has published. */
async function publish(folder: string, ...words: string[]): Promise<string> {
  const payload = words.includes('-m') ? [] : ['-m', 'x']
  const { code, stderr } = await tidegate(['pub', '-t', 'a', '-q', '1', ...payload, ...words], { folder })
  return code === 0 ? '' : stderr
}

t.test('devices come in by certificate, by key and by WebSocket, and nobody else does', async t => {
  const made = await site(t)
  if (made === undefined) return
  const { fixture, folder, ports } = made
  const gateway = await fixture.start()
  const ca = ['--cafile', 'ca.pem']
  const tls = `mqtts://127.0.0.1:${ports.tls}`
  t.equal(await publish(folder, '--url', tls, ...ca, '--cert', 'meter-7.pem', '--key', 'meter-7.key'), '')
  t.equal(await publish(folder, '--url', tls, '--psk-identity', 'meter-8', '--psk-file', 'key.hex'), '')
  t.not(await publish(folder, '--url', tls, ...ca), '', 'without either there is no user')
  t.match(await publish(folder, '--url', tls, '--psk-identity', 'meter-9', '--psk-file', 'key.hex'), /pre-shared key/)
  t.equal(await publish(folder, '--url', `ws://127.0.0.1:${ports.ws}/here`), '')
  t.match(await publish(folder, '--url', `ws://127.0.0.1:${ports.ws}`), /status 404/)
  t.equal(await publish(folder, '--url', `wss://127.0.0.1:${ports.wss}`, ...ca), '')
  t.match(await publish(folder, '--url', `wss://127.0.0.1:${ports.wss}`, ...ca, '-m', 'y'.repeat(2000)), /1009/)
  t.not(await publish(folder, '--url', `mqtt://127.0.0.1:${ports.proxied}`), '', 'nobody is on loopback behind a proxy')
  t.match(await publish(folder, '--url', `mqtt://127.0.0.1:${ports.tls}`), /closed the connection/)
  t.match(await publish(folder, '--url', `mqtts://127.0.0.1:${fixture.mqttPort}`, ...ca), /does not speak TLS/)
  const rows = await fixture.list<Row>('listeners')
  const counted = (name: string) => rows.find(row => row.name === name)?.counters
  t.match(counted('tls'), { 'tls-not-spoken': 1 })
  t.match(counted('ws'), { 'upgrade-refused': 1 })
  t.match(counted('wss'), { 'websocket-frame-too-long': 1 })
  t.match(counted('proxied'), { 'proxy-malformed': 1 })
  t.match(counted('mqtt'), { 'stranger-tls': 1 })
  t.ok(gateway.alive)
})

t.test('a storm of handshakes, and peers that never finish theirs, starve nobody', async t => {
  const made = await site(t)
  if (made === undefined) return
  const { fixture, folder, ports } = made
  const gateway = await fixture.start()
  let over = false
  const storm = Promise.all(
    Array.from({ length: 60 }, async () => {
      while (!over) {
        await new Promise<void>(resolve => {
          const socket = connectTls({ host: '127.0.0.1', port: ports.tls, rejectUnauthorized: false }, () => socket.destroy())
          socket.on('error', () => {}).on('close', () => resolve())
        })
      }
    }),
  )
  const idle = Array.from({ length: 60 }, () => connect(ports.tls, '127.0.0.1').on('error', () => {}))
  for (const [place, socket] of idle.entries()) if (place % 2 === 0) socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1]))
  for (let round = 0; round < 3; round++) t.equal(await publish(folder, '-p', String(fixture.mqttPort)), '')
  t.equal(await publish(folder, '--url', `mqtts://127.0.0.1:${ports.tls}`, '--psk-identity', 'meter-8', '--psk-file', 'key.hex'), '')
  over = true
  await storm
  for (const socket of idle) socket.destroy()
  const left = async () => (await fixture.list<Row>('listeners')).find(({ name }) => name === 'tls')!.connections
  await eventually('all places are free again', async () => (await left()) === 0, 20_000)
  t.ok(gateway.alive)
})

t.test('check tells of certificates with their place', async t => {
  const made = await site(t)
  if (made === undefined) return
  const { fixture, folder } = made
  t.equal((await tidegate(['check', '-c', fixture.configFile])).code, 0)
  writeFileSync(join(folder, 'server.key'), 'gone')
  const { code, stdout } = await tidegate(['check', '-c', fixture.configFile])
  t.equal(code, 1)
  t.match(stdout, /tidegate\.toml:\d+:\d+: listeners\.tls\.tls\.key: .*server\.key holds no private key/)
})
