import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import type { Authority } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { authority, hastyClock, type Opened, openTls, shakeHands, shakenOff } from './tls-support.ts'

const WAIT_MS = 20_000

async function nameOf(port: number, pki: Authority): Promise<string> {
  const client = await shakeHands(port, { ca: pki.caText })
  const name = client.getPeerCertificate().subject.CN
  client.destroy()
  return String(name)
}

const readAgain = ({ logger }: Opened, times: number) =>
  eventually('the files are read again', () => logger.messages('info').filter(line => /read again/.test(line)).length >= times, WAIT_MS)

t.test('a renewed certificate is shown to new clients, and those who are there stay', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const opened = await openTls(t, pki.server(), { clock: hastyClock() })
  const { acceptor, port, logger } = opened
  const early = await shakeHands(port, { ca: pki.caText })
  const kept = await acceptor.next()
  const renewed = pki.server('renewed')
  // As certbot does it: one file after the other, each moved to its place.
  for (const kind of ['pem', 'key']) renameSync(join(pki.folder, `renewed.${kind}`), join(pki.folder, `server.${kind}`))
  t.ok(renewed)
  await readAgain(opened, 1)
  t.equal(await nameOf(port, pki), 'renewed')
  early.write('still here')
  await kept.until(({ receivedBytes }) => receivedBytes === 10)
  t.same(logger.messages('error'), [])
  early.destroy()
})

t.test('a folder that is swapped behind a symbolic link is noticed', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  // As Kubernetes does it: ..data leads to a folder with a new name.
  const put = (folder: string, name: string) => {
    mkdirSync(join(pki.folder, folder))
    const { cert, key } = pki.server(name)
    copyFileSync(cert, join(pki.folder, folder, 'tls.crt'))
    copyFileSync(key, join(pki.folder, folder, 'tls.key'))
  }
  put('one', 'first')
  symlinkSync('one', join(pki.folder, '..data'))
  for (const file of ['tls.crt', 'tls.key']) symlinkSync(`..data/${file}`, join(pki.folder, file))
  const opened = await openTls(t, { cert: join(pki.folder, 'tls.crt'), key: join(pki.folder, 'tls.key') }, { clock: hastyClock() })
  t.equal(await nameOf(opened.port, pki), 'first')
  put('two', 'second')
  symlinkSync('two', join(pki.folder, '..tmp'))
  renameSync(join(pki.folder, '..tmp'), join(pki.folder, '..data'))
  await readAgain(opened, 1)
  t.equal(await nameOf(opened.port, pki), 'second')
})

t.test('files that do not go together are told once, and the old ones stay in force', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const opened = await openTls(t, pki.server(), { clock: hastyClock() })
  const { port, logger } = opened
  const good = readFileSync(join(pki.folder, 'server.key'))
  writeFileSync(join(pki.folder, 'server.key'), 'no key at all')
  await eventually('the fault is told', () => logger.messages('error').length > 0, WAIT_MS)
  t.match(logger.records.find(({ level }) => level === 'error')?.fields['fault'], /tls\.key: .*server\.key holds no private key/)
  t.equal(await nameOf(port, pki), 'server')
  writeFileSync(join(pki.folder, 'server.key'), good)
  await readAgain(opened, 1)
  t.equal(logger.messages('error').length, 1, 'once')
  t.equal(await nameOf(port, pki), 'server')
})

t.test('who is revoked while it runs gets in no more, not even with a session of before', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const meter = pki.client('meter-7')
  const crl = pki.revoke('list')
  const opened = await openTls(t, { ...pki.server(), ca: pki.ca.cert, crl, client_cert: 'require' }, { clock: hastyClock() })
  const { acceptor, port, listener } = opened
  const options = { ca: pki.caText, cert: readFileSync(meter.cert), key: readFileSync(meter.key) }
  const first = connect({ host: '127.0.0.1', port, ...options })
  const [session] = (await once(first, 'session')) as [Buffer]
  await acceptor.next()
  first.destroy()
  pki.revoke('list', meter)
  await readAgain(opened, 1)
  await shakenOff(port, { ...options, session })
  t.equal(listener.faults.counts['tls-certificate-revoked'], 1)
})
