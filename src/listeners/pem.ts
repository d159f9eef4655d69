/** Certificates, keys and revocation lists as files have them. */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { systemCode } from '#base/errors.ts'

/** Certificates in one file; more are a mistake. */
const BLOCKS_MAX = 10_000

/** The blocks of one kind in a text, each with its first and last line. */
export function pemBlocks(text: string, label: string): string[] {
  return [...text.matchAll(new RegExp(`-----BEGIN ${label}-----[A-Za-z0-9+/=\\s]+-----END ${label}-----`, 'g'))]
    .slice(0, BLOCKS_MAX)
    .map(([block]) => block)
}

/** The certificates of a text, at least one; or what is wrong, to be said after the name of the file. */
export function readCertificates(text: string): readonly X509Certificate[] | string {
  const blocks = pemBlocks(text, '(?:TRUSTED |X509 )?CERTIFICATE')
  if (blocks.length === 0) return text.includes('PRIVATE KEY') ? 'holds a key and no certificate' : 'holds no certificate'
  try {
    return blocks.map(block => new X509Certificate(block))
  } catch {
    return 'holds a certificate that is damaged'
  }
}

type ReadKey = { readonly key: KeyObject } | { readonly fault: string; readonly hint: string }

/** A private key in PEM, with its password if it has one; or what is wrong with it. */
export function readPrivateKey(text: string, password: string | undefined): ReadKey {
  try {
    return { key: createPrivateKey({ key: text, format: 'pem', ...(password !== undefined && { passphrase: password }) }) }
  } catch {
    if (!text.includes('PRIVATE KEY-----')) return { fault: 'holds no private key', hint: 'it must be a file in PEM' }
    if (password === undefined && text.includes('ENCRYPTED')) return { fault: 'is protected by a password', hint: 'set key_password_file' }
    if (text.includes('ENCRYPTED')) {
      return { fault: 'does not open with the password that is given', hint: 'look at key_password_file' }
    }
    return { fault: 'holds a private key that is damaged or of an unknown kind', hint: 'make it anew, for example with openssl genpkey' }
  }
}

/** When the next list is due that replaces this one (`RFC 5280 §5.1.2.5`), in ms since 1970; undefined if it does not say. */
export function crlNextUpdateMs(pem: string): number | undefined {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const outer = element(der, 0)
  const list = outer && element(der, outer.start)
  if (list === undefined) return undefined
  let at = list.start
  const times: number[] = []
  // Version, algorithm, issuer, thisUpdate, nextUpdate: the two times are the first elements of their types.
  while (at < list.end && times.length < 2) {
    const each = element(der, at)
    if (each === undefined) return undefined
    const isTime = each.tag === 0x17 || each.tag === 0x18
    if (isTime) times.push(timeMs(der.toString('latin1', each.start, each.end), each.tag))
    else if (times.length > 0) return undefined
    at = each.end
  }
  return times.length === 2 && Number.isFinite(times[1]) ? times[1] : undefined
}

/** The DER element at an offset, undefined where there is no whole one. */
function element(der: Buffer, at: number): { tag: number; start: number; end: number } | undefined {
  if (at + 2 > der.length) return undefined
  const lengthBytes = der[at + 1] < 0x80 ? 0 : der[at + 1] & 0x7f
  if (lengthBytes > 4 || at + 2 + lengthBytes > der.length) return undefined
  const length = lengthBytes === 0 ? der[at + 1] : der.readUIntBE(at + 2, lengthBytes)
  const start = at + 2 + lengthBytes
  return start + length > der.length ? undefined : { tag: der[at], start, end: start + length }
}

/** UTCTime has two digits of the year: those below 50 are of this century (`RFC 5280 §4.1.2.5.1`). */
function timeMs(text: string, tag: number): number {
  const full = tag === 0x18 ? text : `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`
  return Date.parse(full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}

/** Why a file could not be read, in words. */
export function describeReading(error: unknown): string {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file'
    case 'EACCES':
    case 'EPERM':
      return 'no permission'
    case 'EISDIR':
      return 'it is a folder'
    default:
      return systemCode(error) ?? String(error)
  }
}
