import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { certificateNames, clientName, commonName } from '#listeners/certificate-identity.ts'
import { authority, openTls, shakeHands } from './tls-support.ts'

const certificate = (subject: string | undefined, subjectAltName?: string) => ({ subject, subjectAltName }) as X509Certificate

t.test('a common name is the only one, and fit to be a user name', async t => {
  const cases: [subject: string | undefined, name: string | undefined][] = [
    ['C=DE\nCN=meter-7', 'meter-7'],
    ['CN=tür', 'tür'],
    ['CN=a\\, b\\"c\\\\d\\+e', 'a, b"c\\d+e'],
    ['CN=a\nCN=b', undefined],
    ['CN=a + OU=x', undefined],
    ['OU=x + CN=a', undefined],
    ['CN=a\\0Ab', undefined],
    ['CN=', undefined],
    ['O=nobody', undefined],
    [undefined, undefined],
  ]
  for (const [subject, name] of cases) t.equal(commonName(subject), name, String(subject))
})

t.test('an alternative name is the only one of its kind', async t => {
  const many = certificate('CN=x', 'URI:urn:dev:9, DNS:a.example, DNS:"b\\u002c URI:urn:dev:1", email:x@y')
  t.equal(clientName(many, 'san-uri'), 'urn:dev:9')
  t.equal(clientName(many, 'san-email'), 'x@y')
  t.equal(clientName(many, 'san-dns'), undefined, 'two of them')
  t.equal(clientName(many, 'cn'), 'x')
  t.equal(clientName(many, 'none'), undefined)
  t.equal(clientName(certificate('CN=x', 'URI:"a\\u000ab"'), 'san-uri'), undefined)
  t.equal(clientName(certificate('CN=x', 'URI:"\\x"'), 'san-uri'), undefined)
  t.equal(clientName(certificate('CN=x'), 'san-uri'), undefined)
  t.same(certificateNames(certificate('CN=Old.Example')), ['old.example'])
  t.same(certificateNames(certificate('CN=x', 'DNS:A.example, IP Address:127.0.0.1')), ['a.example'])
})

t.test('a client whose certificate has no subject is known by its alternative name', async t => {
  const pki = authority(t)
  if (pki === undefined) return
  const { cert, key } = pki.issue('bare', { subject: '/', alternatives: 'URI:urn:dev:9' })
  const { acceptor, port } = await openTls(t, { ...pki.server(), ca: pki.ca.cert, client_cert: 'require', identity: 'san-uri' })
  const client = await shakeHands(port, { ca: pki.caText, cert: readFileSync(cert), key: readFileSync(key) })
  t.same((await acceptor.next()).connection.certificate, { commonName: undefined, username: 'urn:dev:9' })
  client.destroy()
})
