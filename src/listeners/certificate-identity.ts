/** Names in certificates: those that a server answers to, and the one that a client is known by. */

import type { X509Certificate } from 'node:crypto'

/** Where the user name of a client stands in its certificate. */
export type CertificateIdentity = 'none' | 'cn' | 'san-dns' | 'san-uri' | 'san-email'

/** As Node writes the kinds of alternative names (`RFC 5280 §4.2.1.6`). */
const KINDS = { 'san-dns': 'DNS', 'san-uri': 'URI', 'san-email': 'email' } as const

/** The host names of a server's certificate in lower case; the common name where it has no alternative ones. */
export function certificateNames(certificate: X509Certificate): readonly string[] {
  const names = alternativeNames(certificate, 'DNS')
  const common = commonName(certificate.subject)
  return (names.length > 0 || common === undefined ? names : [common]).map(name => name.toLowerCase())
}

/**
 * The one common name of a subject, as Node writes it (`C=DE\nCN=meter`); undefined when there is none or several. A certificate
 * with alternative names alone has no subject at all.
 */
export function commonName(subject: string | undefined): string | undefined {
  const found = (subject ?? '').split('\n').filter(line => line.startsWith('CN='))
  // A plus sign of the name itself is escaped; this one joins it with another attribute.
  if (found.length !== 1 || found[0].includes(' + ')) return undefined
  const name = found[0].slice(3).replace(/\\([^0-9A-Fa-f])/g, '$1')
  return isName(name) ? name : undefined
}

/** The name that a client's certificate stands for. Of several alternative names of one kind none is believed: it could be any. */
export function clientName(certificate: X509Certificate, identity: CertificateIdentity): string | undefined {
  if (identity === 'none') return undefined
  if (identity === 'cn') return commonName(certificate.subject)
  const names = alternativeNames(certificate, KINDS[identity])
  return names.length === 1 && isName(names[0]) ? names[0] : undefined
}

/** The alternative names of one kind. Node puts those with commas or quotes into quotes, as JSON has them. */
function alternativeNames({ subjectAltName }: X509Certificate, kind: string): string[] {
  const names: string[] = []
  for (const [, found, quoted, plain] of (subjectAltName ?? '').matchAll(/([A-Za-z ]+):(?:"((?:[^"\\]|\\.)*)"|([^,]*))(?:, |$)/g)) {
    if (found !== kind) continue
    names.push(quoted === undefined ? plain : unquoted(quoted))
  }
  return names
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`))
  } catch {
    return ''
  }
}

/** Fit to be a user name (`MQTT 5 §1.5.4`). Names with control characters are nobody's. */
function isName(text: string): boolean {
  return text !== '' && text.length <= 1024 && !/[\0-\x1f\x7f-\x9f]|\\[0-9A-Fa-f]{2}/.test(text)
}
