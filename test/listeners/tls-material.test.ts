import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { showFault } from '#config/fault.ts'
import { loadConfig } from '#config/load.ts'
import { crlNextUpdateMs } from '#listeners/pem.ts'
import { rootSchema } from '#registry.ts'
import type { Authority } from '../support/certificates.ts'
import { authority } from './tls-support.ts'

const DAY_MS = 86_400_000

/** What `check` says of a TLS listener with these keys, as it stands in a file of the authority's folder. */
function check(pki: Authority, keys: string, days = 0): string[] {
  const file = join(pki.folder, 'tidegate.toml')
  const text = `[listeners.secure]\nprotocol = "mqtt"\ntransport = "tls"\nbind = "127.0.0.1:8883"\ntls = { ${keys} }\n`
  const { faults, warnings } = loadConfig({
    schema: rootSchema,
    file,
    env: {},
    sets: [],
    folder: '/',
    readFile: path => (path === file ? text : readFileSync(path)),
    modeOf: path => statSync(path, { throwIfNoEntry: false })?.mode,
    nowMs: Date.now() + days * DAY_MS,
  })
  return [...faults, ...warnings].map(fault => showFault(fault).replaceAll(`${pki.folder}/`, '')).filter(line => line.includes('secure'))
}

function prepared(t: Test): Authority | undefined {
  const pki = authority(t)
  if (pki === undefined) return undefined
  pki.server()
  for (const file of ['server.key', 'ca.key']) chmodSync(join(pki.folder, file), 0o600)
  return pki
}

const PAIR = 'cert = "server.pem", key = "server.key"'

t.test('what is right is not remarked on', async t => {
  const pki = prepared(t)
  if (pki === undefined) return
  pki.revoke('list')
  t.same(check(pki, PAIR), [])
  t.same(check(pki, `${PAIR}, ca = "ca.pem", crl = "list.crl", client_cert = "require", identity = "san-uri"`), [])
})

t.test('faults in the files have the place of the key that names them', async t => {
  const pki = prepared(t)
  if (pki === undefined) return
  const put = (name: string, text: string) => writeFileSync(join(pki.folder, name), text, { mode: 0o600 })
  put('nothing.pem', 'hello')
  put('damaged.pem', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
  put('chain.pem', `${pki.caText}${readFileSync(join(pki.folder, 'server.pem'), 'utf8')}`)
  put('psk.txt', '# x\nmeter\nother:00\n')
  const cases: [keys: string, fault: RegExp][] = [
    [
      'cert = "none.pem", key = "server.key"',
      /^tidegate\.toml:5:16: listeners\.secure\.tls\.cert: none\.pem cannot be read: there is no such file/,
    ],
    ['cert = "server.pem", key = "none.key"', /:5:36: .*tls\.key: none\.key cannot be read/],
    ['cert = "nothing.pem", key = "server.key"', /tls\.cert: nothing\.pem holds no certificate/],
    ['cert = "server.key", key = "server.key"', /tls\.cert: server\.key holds a key and no certificate/],
    ['cert = "damaged.pem", key = "server.key"', /tls\.cert: damaged\.pem holds a certificate that is damaged/],
    ['cert = "server.pem", key = "nothing.pem"', /tls\.key: nothing\.pem holds no private key/],
    ['cert = "server.pem", key = "ca.key"', /tls\.key: does not belong to the certificate in server\.pem/],
    ['cert = "chain.pem", key = "server.key"', /the certificate of the key must be the first in its file/],
    [`${PAIR}, ciphers = "NO-SUCH"`, /tls\.ciphers: is refused by OpenSSL/],
    [`${PAIR}, ca = "nothing.pem", client_cert = "require"`, /tls\.ca: nothing\.pem holds no certificate/],
    [`${PAIR}, ca = "ca.pem", crl = "ca.pem", client_cert = "require"`, /tls\.crl: ca\.pem holds no list of revoked/],
    [`${PAIR}, client_cert = "require"`, /tls\.client_cert: needs ca/],
    [`${PAIR}, crl = "x"`, /tls\.crl: needs ca/],
    ['psk_file = "psk.txt"', /:5:20: listeners\.secure\.tls\.psk_file: psk\.txt:2: there is no ":"/],
    ['min_version = "1.2"', /secure\.tls: has neither a certificate nor pre-shared keys/],
    ['cert = "server.pem"', /tls\.cert: has no key/],
    ['key = "server.key"', /tls\.key: has no certificate/],
    [`${PAIR}, certificates = [{ cert = "server.pem", key = "ca.key" }]`, /tls\.certificates\.0\.key: does not belong/],
  ]
  for (const [keys, fault] of cases) t.match(check(pki, keys).join('\n'), fault, keys)
})

t.test('what will be a problem soon, or already is one, is a warning', async t => {
  const pki = prepared(t)
  if (pki === undefined) return
  chmodSync(join(pki.folder, 'server.key'), 0o644)
  t.match(check(pki, PAIR), [/tls\.key: server\.key may be read by everybody on this machine \(mode 0644\) \(chmod 640/])
  chmodSync(join(pki.folder, 'server.key'), 0o640)
  t.same(check(pki, PAIR, 340), [])
  t.match(check(pki, PAIR, 350), [/tls\.cert: expires on \d{4}-\d\d-\d\d \(renew it\)/])
  t.match(check(pki, PAIR, 366), [/tls\.cert: has expired on /])
  t.match(check(pki, PAIR, -2), [/tls\.cert: is valid only from .*clock/])
  t.match(check(pki, `${PAIR}, ca = "ca.pem"`), [/tls\.ca: has no effect .*client_cert/])
  pki.revoke('list')
  const strict = `${PAIR}, ca = "ca.pem", crl = "list.crl", client_cert = "require"`
  t.match(check(pki, strict, 29.5), [/tls\.crl: runs out on/])
  t.match(check(pki, strict, 31), [/tls\.crl: has run out on .*no client certificate is valid/])
})

t.test('when the next list is due is read from its bytes, or not at all', async t => {
  const pki = prepared(t)
  if (pki === undefined) return
  const text = readFileSync(pki.revoke('list'), 'utf8')
  const due = crlNextUpdateMs(text)!
  t.ok(Math.abs(due - Date.now() - 30 * DAY_MS) < DAY_MS, new Date(due).toISOString())
  const der = Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der)
    changed[at] ^= 0xff
    crlNextUpdateMs(changed.toString('base64'))
    crlNextUpdateMs(der.subarray(0, at).toString('base64'))
  }
})
