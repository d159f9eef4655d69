import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parsePskFile } from '#listeners/psk-table.ts'
import { eventually } from '../support/eventually.ts'
import { peer } from '../support/peers.ts'
import { runToEnd } from '../support/program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { authority, hastyClock, openTls, shakeHands, shakenOff } from './tls-support.ts'

const KEY = '00112233445566778899aabbccddeeff'

function pskFile(folder: string, text = `# devices\n\nmeter-7:${KEY}\nurn:dev:8:${KEY.toUpperCase()}\n`): string {
  const file = join(folder, 'psk.txt')
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

function asClient(identity: string, hex: string, version?: 'TLSv1.2' | 'TLSv1.3') {
  return {
    pskCallback: () => ({ psk: Buffer.from(hex, 'hex'), identity }),
    checkServerIdentity: () => undefined,
    ciphers: 'TLS_AES_128_GCM_SHA256:PSK-AES128-GCM-SHA256',
    ...(version !== undefined && { minVersion: version, maxVersion: version }),
  }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`a pre-shared key lets its device in by name over ${version}`, async t => {
    const { acceptor, port, listener } = await openTls(t, { psk_file: pskFile(temporaryFolder(t)) })
    for (const identity of ['meter-7', 'urn:dev:8']) {
      const client = await shakeHands(port, asClient(identity, KEY, version))
      const { connection } = await acceptor.next()
      t.equal(connection.pskIdentity, identity)
      t.equal(connection.certificate, undefined)
      client.destroy()
    }
    t.match(await shakenOff(port, asClient('meter-7', 'ffff', version)), /DECRYPT|BAD_RECORD_MAC|ILLEGAL|ALERT/)
    t.match(await shakenOff(port, asClient('nobody', KEY, version)), /ALERT|closed|ECONNRESET/)
    t.same(listener.faults.counts, { 'tls-psk-wrong': 1, 'tls-psk-unknown': 1 })
  })
}

t.test('on a listener with both, certificates and keys serve side by side', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const tls = { ...pki.server(), psk_file: pskFile(pki.folder), ca: pki.ca.cert, client_cert: 'require' as const }
  const { acceptor, port, listener } = await openTls(t, tls)
  const byKey = await shakeHands(port, asClient('meter-7', KEY))
  t.equal((await acceptor.next()).connection.pskIdentity, 'meter-7')
  byKey.destroy()
  await shakenOff(port, { ca: pki.caText })
  t.same(listener.faults.counts, { 'tls-certificate-missing': 1 })
})

t.test('an identity that was only named, while the certificate was used, is nobody', async t => {
  const pki = authority(t)
  const openssl = peer(t, 'openssl')
  if (pki === undefined || openssl === undefined) return
  const tls = { ...pki.server(), psk_file: pskFile(pki.folder), ciphers: 'TLS_AES_256_GCM_SHA384' }
  const { acceptor, port } = await openTls(t, tls)
  // The key goes with SHA-256 alone: OpenSSL asks for it, drops it, and goes on with the certificate.
  const words = ['s_client', '-tls1_3', '-connect', `127.0.0.1:${port}`, '-psk_identity', 'meter-7', '-psk', 'ffff']
  const ended = runToEnd(openssl, [...words, '-ciphersuites', 'TLS_AES_256_GCM_SHA384'])
  const { connection } = await acceptor.next()
  t.equal(connection.pskIdentity, undefined)
  connection.destroy()
  await ended
})

t.test('a session that began with a key is not resumed without one', async t => {
  const { acceptor, port } = await openTls(t, { psk_file: pskFile(temporaryFolder(t)) })
  const first = await shakeHands(port, asClient('meter-7', KEY, 'TLSv1.2'))
  await acceptor.next()
  const session = first.getSession()!
  first.destroy()
  const second = await shakeHands(port, { ...asClient('meter-7', KEY, 'TLSv1.2'), session })
  t.notOk(second.isSessionReused())
  t.equal((await acceptor.next()).connection.pskIdentity, 'meter-7')
  second.destroy()
})

t.test('a changed file is taken while it runs; a wrong one is told and not taken', async t => {
  const folder = temporaryFolder(t)
  const { acceptor, port, logger } = await openTls(t, { psk_file: pskFile(folder) }, { clock: hastyClock() })
  const client = await shakeHands(port, asClient('meter-7', KEY))
  const kept = await acceptor.next()
  pskFile(folder, `meter-9:${KEY}\n`)
  await eventually('the new one is known', () => logger.messages('info').some(line => /read again/.test(line)), 15_000)
  const other = await shakeHands(port, asClient('meter-9', KEY))
  t.equal((await acceptor.next()).connection.pskIdentity, 'meter-9')
  other.destroy()
  t.match(await shakenOff(port, asClient('meter-7', KEY)), /ALERT|closed|ECONNRESET/)
  client.write('x')
  await kept.until(({ receivedBytes }) => receivedBytes === 1)
  pskFile(folder, 'meter-9:xyz\n')
  await eventually('the fault is told', () => logger.messages('error').length > 0, 15_000)
  t.match(logger.records.find(({ level }) => level === 'error')?.fields['fault'], /psk\.txt:1: the key must be an even number of hex/)
  const still = await shakeHands(port, asClient('meter-9', KEY))
  still.destroy()
  client.destroy()
})

t.test('faults in a key file have their line, and never show a key', async t => {
  const cases: [line: string, fault: RegExp][] = [
    ['no-colon', /no ":"/],
    [':0011', /no identity/],
    ['a:', /no key/],
    ['a:001', /even number/],
    ['a:secret', /even number/],
    ['first:00', /earlier line/],
    [`${'x'.repeat(257)}:00`, /longer than 256/],
    [`a:${'00'.repeat(513)}`, /longer than 512/],
  ]
  for (const [line, fault] of cases) {
    const { faults } = parsePskFile(`first:0011\r\n  # remark\n\n${line}\n`)
    t.equal(faults.length, 1, line.slice(0, 20))
    t.equal(faults[0].line, 4)
    t.match(faults[0].message, fault)
    t.notMatch(faults[0].message, /secret|001$/)
  }
  const { table } = parsePskFile('\u00ef\u00bb\u00bfa:b:00ff\n')
  t.same([...table], [['a:b', Buffer.from([0, 255])]])
})
