/** The `tls` table of a listener. DTLS listeners take the same. */

import type { CheckFault, Infer, InferKeys, Outside } from '#base/schema.ts'
import { enumeration, integer, list, path, secret, string, table } from '#base/schema.ts'
import { readMaterial } from './tls-material.ts'

const pairKeys = {
  cert: path({ required: true, description: 'PEM file with the certificate, and behind it those between it and its authority.' }),
  key: path({ required: true, description: 'PEM file with the key of `cert`.' }),
  key_password: secret({ description: 'The password of `key`; better in a file.' }),
}

const tlsKeys = {
  cert: path({
    description: 'PEM file with the certificate of this listener, and behind it those between it and its authority.',
    example: 'server.pem',
  }),
  key: path({ description: 'PEM file with the key of `cert`.', example: 'server.key' }),
  key_password: secret({ description: 'The password of `key`; better in a file.' }),
  certificates: list(table(pairKeys, { description: 'A further certificate.' }), {
    max: 100,
    description: 'Further certificates: a client that asks for a name that stands in one of them gets that one, any other `cert`.',
  }),
  ca: path({ description: 'PEM file with the authorities that sign the certificates of clients.', example: 'ca.pem' }),
  crl: path({ description: 'PEM file with the lists of revoked certificates, one of each authority in `ca`.' }),
  client_cert: enumeration(['none', 'request', 'require'], {
    default: 'none',
    description: 'Whether clients are asked for a certificate; with `"request"` they may have none. One that is shown must be valid.',
  }),
  identity: enumeration(['none', 'cn', 'san-dns', 'san-uri', 'san-email'], {
    default: 'cn',
    description:
      'What in the certificate of a client is its user name: the common name, or the one alternative name of that kind; `"none"`: nothing.',
  }),
  psk_file: path({
    description: 'File with the pre-shared keys, a line a device: `identity:hexkey`. The identity is the user name of the client.',
    example: 'psk.txt',
  }),
  psk_hint: string({ maxLength: 128, description: 'A hint for clients that have several keys (TLS 1.2).' }),
  min_version: enumeration(['1.2', '1.3'], { default: '1.2', description: 'The oldest version of TLS.' }),
  ciphers: string({
    pattern: /^[A-Za-z0-9_+!@=:.-]+$/,
    patternText: 'names as OpenSSL has them, with ":" between',
    description: 'Ciphers in order of preference. If absent: those with forward secrecy and authenticated encryption.',
    example: 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256',
  }),
  handshakes: integer({
    default: 500,
    min: 1,
    max: 100_000,
    unit: 'handshakes',
    description: 'The most TLS handshakes in progress at a time; further clients wait.',
  }),
}

/** Certificates, keys and rules of a TLS listener; the files are read again when they change. */
export const tls = table(tlsKeys, {
  optional: true,
  description: 'TLS. The files that it names are read again when they change; connections stay.',
  check: checkTls,
})

export type TlsConfig = Infer<typeof tls>

function checkTls(value: InferKeys<typeof tlsKeys>, outside: Outside): readonly CheckFault[] {
  const faults: CheckFault[] = []
  const { cert, key, ca, crl, client_cert: clientCert, psk_file: pskFile } = value
  if (cert !== undefined && key === undefined) faults.push({ key: 'cert', message: 'has no key', hint: 'set key as well' })
  if (cert === undefined && key !== undefined) faults.push({ key: 'key', message: 'has no certificate', hint: 'set cert as well' })
  if (cert === undefined && key === undefined && pskFile === undefined) {
    faults.push({ key: '', message: 'has neither a certificate nor pre-shared keys', hint: 'set cert and key, or psk_file' })
  }
  if (cert === undefined && value.certificates.length > 0) {
    faults.push({ key: 'certificates', message: 'needs cert and key for clients that ask for no name' })
  }
  if (clientCert !== 'none' && ca === undefined) {
    faults.push({ key: 'client_cert', message: 'needs ca', hint: 'the authority that signs the certificates of clients' })
  }
  if (clientCert === 'none' && (ca ?? crl) !== undefined) {
    const mute = ca === undefined ? 'crl' : 'ca'
    faults.push({ key: mute, message: 'has no effect', hint: 'set client_cert = "require"', severity: 'warning' })
  }
  if (crl !== undefined && ca === undefined) faults.push({ key: 'crl', message: 'needs ca' })
  if (faults.some(fault => fault.severity !== 'warning')) return faults
  return [...faults, ...readMaterial(value, outside).findings]
}
