/** What the files of a `tls` table hold, judged: read at the start, by `tidegate check`, and whenever a file has changed. */

import type { KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { CheckFault, Outside } from '#base/schema.ts'
import { certificateNames } from './certificate-identity.ts'
import { crlNextUpdateMs, describeReading, pemBlocks, readCertificates, readPrivateKey } from './pem.ts'
import { type PskTable, parsePskFile } from './psk-table.ts'

/** A certificate with its key, in files. */
export interface CertificatePair {
  readonly cert: string
  readonly key: string
  readonly key_password?: string | undefined
}

/** The parts of a `tls` table that name files or say what they are used for. */
export interface TlsFileSettings extends Partial<CertificatePair> {
  readonly certificates: readonly CertificatePair[]
  readonly ca?: string | undefined
  readonly crl?: string | undefined
  readonly psk_file?: string | undefined
  readonly min_version: '1.2' | '1.3'
  readonly ciphers?: string | undefined
}

export interface TlsMaterial {
  /** What OpenSSL gets for a client that asks for no name that is known, and for all versions of it. */
  readonly main: SecureContextOptions
  /** Further certificates by the names in them, in lower case; `*.example` for wildcards. */
  readonly byName: ReadonlyMap<string, SecureContextOptions>
  readonly psk: PskTable | undefined
  /** Fingerprint of what clients are verified by: sessions of an earlier one must not be resumed. */
  readonly verifier: string
}

/** Forward secrecy and authenticated encryption. SHA-256 first: pre-shared keys in TLS 1.3 go with no other. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-CCM',
]
/** Those of small devices are among them: they have no more than PSK with CCM or CBC. */
const PSK_CIPHERS = [
  'ECDHE-PSK-CHACHA20-POLY1305',
  'DHE-PSK-AES128-GCM-SHA256',
  'PSK-AES128-GCM-SHA256',
  'PSK-CHACHA20-POLY1305',
  'PSK-AES256-GCM-SHA384',
  'PSK-AES128-CCM',
  'PSK-AES128-CCM8',
  'ECDHE-PSK-AES128-CBC-SHA256',
  'PSK-AES128-CBC-SHA256',
  'PSK-AES128-CBC-SHA',
]

const DAY_MS = 86_400_000
/** A certificate is about to run out when less than this, and less than a third of its life, is left. */
const SOON_MS = 21 * DAY_MS

/** Reads and judges. `material` is undefined when any finding is a fault; keys of findings are relative to the `tls` table. */
export function readMaterial(
  settings: TlsFileSettings,
  outside: Outside,
): { readonly material: TlsMaterial | undefined; readonly findings: readonly CheckFault[] } {
  const reader = new MaterialReader(outside)
  const material = reader.read(settings)
  return { material: reader.findings.some(({ severity }) => severity !== 'warning') ? undefined : material, findings: reader.findings }
}

class MaterialReader {
  readonly findings: CheckFault[] = []
  readonly #outside: Outside

  constructor(outside: Outside) {
    this.#outside = outside
  }

  read(settings: TlsFileSettings): TlsMaterial | undefined {
    const { cert, key, certificates, ca, crl, psk_file: pskFile } = settings
    const verifying = { ...this.#authorities(ca), ...this.#revoked(crl) }
    const common: SecureContextOptions = {
      ...verifying,
      minVersion: settings.min_version === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
      ciphers: settings.ciphers ?? [...CIPHERS, ...(pskFile === undefined ? [] : PSK_CIPHERS)].join(':'),
      honorCipherOrder: true,
    }
    if (this.#refused(common, settings.ciphers === undefined ? '' : 'ciphers')) return undefined
    const psk = pskFile === undefined ? undefined : this.#psk(pskFile)
    const first = cert === undefined || key === undefined ? {} : this.#pair({ ...settings, cert, key }, '')?.options
    const byName = new Map<string, SecureContextOptions>()
    certificates.forEach((pair, place) => {
      const read = this.#pair(pair, `certificates.${place}.`)
      if (read === undefined) return
      if (read.names.length === 0) this.#fault(`certificates.${place}.cert`, 'has no name by which a client could ask for it')
      for (const name of read.names) if (!byName.has(name)) byName.set(name, { ...common, ...read.options })
    })
    if (first === undefined) return undefined
    return { main: { ...common, ...first }, byName, psk, verifier: `${verifying.ca ?? ''}\n${verifying.crl ?? ''}` }
  }

  #pair(pair: CertificatePair, at: string): { options: SecureContextOptions; names: readonly string[] } | undefined {
    const chain = this.#certificates(`${at}cert`, pair.cert)
    const key = this.#key(`${at}key`, pair.key, pair.key_password)
    if (chain === undefined || key === undefined) return undefined
    const [leaf] = chain.certificates
    if (!leaf.checkPrivateKey(key)) {
      const misplaced = chain.certificates.some(each => each.checkPrivateKey(key))
      const hint = misplaced ? 'the certificate of the key must be the first in its file' : 'put the two of one pair into cert and key'
      return this.#fault(`${at}key`, `does not belong to the certificate in ${pair.cert}`, hint)
    }
    this.#judgeAge(`${at}cert`, leaf)
    const options: SecureContextOptions = { cert: chain.text, key: key.export({ type: 'pkcs8', format: 'pem' }) }
    return this.#refused(options, `${at}cert`) ? undefined : { options, names: certificateNames(leaf) }
  }

  #authorities(file: string | undefined): { ca?: string[] } {
    const chain = file === undefined ? undefined : this.#certificates('ca', file)
    if (chain === undefined) return {}
    for (const each of chain.certificates) this.#judgeAge('ca', each)
    return { ca: pemBlocks(chain.text, 'CERTIFICATE') }
  }

  #revoked(file: string | undefined): { crl?: string[] } {
    const text = file === undefined ? undefined : this.#text('crl', file)
    if (file === undefined || text === undefined) return {}
    const lists = pemBlocks(text, 'X509 CRL')
    if (lists.length === 0) return this.#fault('crl', `${file} holds no list of revoked certificates in PEM`) ?? {}
    if (this.#refused({ crl: lists }, 'crl')) return {}
    const { nowMs } = this.#outside
    for (const each of lists) {
      const nextMs = crlNextUpdateMs(each)
      if (nowMs === undefined || nextMs === undefined || nextMs - nowMs > DAY_MS) continue
      const message = nextMs < nowMs ? `has run out on ${day(nextMs)}: no client certificate is valid` : `runs out on ${day(nextMs)}`
      this.#warn('crl', message, 'fetch the next list of the authority')
    }
    return { crl: lists }
  }

  #certificates(at: string, file: string): { text: string; certificates: readonly X509Certificate[] } | undefined {
    const text = this.#text(at, file)
    if (text === undefined) return undefined
    const certificates = readCertificates(text)
    if (typeof certificates === 'string') return this.#fault(at, `${file} ${certificates}`, 'it must be a file in PEM')
    return { text, certificates }
  }

  #key(at: string, file: string, password: string | undefined): KeyObject | undefined {
    const text = this.#text(at, file)
    if (text === undefined) return undefined
    this.#judgeMode(at, file)
    const key = readPrivateKey(text, password)
    return 'fault' in key ? this.#fault(at, `${file} ${key.fault}`, key.hint) : key.key
  }

  #psk(file: string): PskTable | undefined {
    const text = this.#text('psk_file', file)
    if (text === undefined) return undefined
    this.#judgeMode('psk_file', file)
    const { table, faults } = parsePskFile(text)
    for (const { line, message } of faults.slice(0, 20)) this.#fault('psk_file', `${file}:${line}: ${message}`)
    if (table.size === 0 && faults.length === 0) this.#warn('psk_file', `${file} holds no key`, 'a line a device: identity:hexkey')
    return table
  }

  #text(at: string, file: string): string | undefined {
    try {
      const content = this.#outside.readFile(file)
      return typeof content === 'string' ? content : Buffer.from(content).toString('latin1')
    } catch (error) {
      return this.#fault(at, `${file} cannot be read: ${describeReading(error)}`, 'look at its path, owner and mode')
    }
  }

  /** What only OpenSSL itself can judge. */
  #refused(options: SecureContextOptions, at: string): boolean {
    try {
      createSecureContext(options)
      return false
    } catch (error) {
      this.#fault(at, `is refused by OpenSSL: ${error instanceof Error ? error.message.replace(/^error:[0-9A-F]+:/, '') : String(error)}`)
      return true
    }
  }

  #judgeAge(at: string, certificate: X509Certificate): void {
    const { nowMs } = this.#outside
    if (nowMs === undefined) return
    const fromMs = certificate.validFromDate.getTime()
    const toMs = certificate.validToDate.getTime()
    if (nowMs > toMs) this.#warn(at, `has expired on ${day(toMs)}`, 'clients that check it will refuse it: renew it')
    else if (nowMs < fromMs) this.#warn(at, `is valid only from ${day(fromMs)} on`, 'is the clock of this machine right?')
    else if (toMs - nowMs < Math.min(SOON_MS, (toMs - fromMs) / 3)) this.#warn(at, `expires on ${day(toMs)}`, 'renew it')
  }

  #judgeMode(at: string, file: string): void {
    const mode = this.#outside.modeOf(file)
    if (mode === undefined || (mode & 0o007) === 0) return
    const shown = (mode & 0o777).toString(8).padStart(4, '0')
    this.#warn(at, `${file} may be read by everybody on this machine (mode ${shown})`, `chmod 640 ${file}`)
  }

  #fault(key: string, message: string, hint?: string): undefined {
    this.findings.push({ key, message, ...(hint !== undefined && { hint }) })
  }

  #warn(key: string, message: string, hint: string): void {
    this.findings.push({ key, message, hint, severity: 'warning' })
  }
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10)
}
