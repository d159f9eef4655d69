/** A certificate authority for one test, made by openssl. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface CertificateWish {
  /** Subject as openssl takes it, `/CN=…`. */
  subject: string
  /** `DNS:localhost, IP:127.0.0.1`. */
  alternatives?: string
  days?: number
  /** The authority that signs; none: it signs itself. */
  issuer?: Pair
  isAuthority?: boolean
  password?: string
}

export interface Pair {
  cert: string
  key: string
}

export class Authority {
  readonly folder: string
  readonly #openssl: string
  readonly ca: Pair
  #serial = 0

  constructor(openssl: string, folder: string, name = 'ca') {
    this.#openssl = openssl
    this.folder = folder
    this.ca = this.make(name, { subject: `/O=tidegate tests/CN=${name}`, isAuthority: true })
  }

  /** A certificate signed by this authority. */
  issue(name: string, wish: Omit<CertificateWish, 'issuer'>): Pair {
    return this.make(name, { ...wish, issuer: this.ca })
  }

  /** A certificate for the loopback addresses. */
  server(name = 'server', alternatives = 'DNS:localhost, IP:127.0.0.1'): Pair {
    return this.issue(name, { subject: `/CN=${name}`, alternatives })
  }

  client(name: string, alternatives?: string): Pair {
    return this.issue(name, { subject: `/CN=${name}`, ...(alternatives !== undefined && { alternatives }) })
  }

  make(name: string, { subject, alternatives, days = 365, issuer, isAuthority = false, password }: CertificateWish): Pair {
    const cert = join(this.folder, `${name}.pem`)
    const key = join(this.folder, `${name}.key`)
    const extensions = [
      isAuthority ? ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'] : ['basicConstraints=CA:FALSE'],
      alternatives === undefined ? [] : [`subjectAltName=${alternatives}`],
    ].flat()
    this.#run([
      'genpkey',
      '-algorithm',
      'EC',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-out',
      key,
      ...(password === undefined ? [] : ['-aes-256-cbc', '-pass', `pass:${password}`]),
    ])
    const common = ['-new', '-key', key, '-subj', subject, ...(password === undefined ? [] : ['-passin', `pass:${password}`])]
    if (issuer === undefined) {
      const added = extensions.flatMap(extension => ['-addext', extension])
      this.#run(['req', '-x509', ...common, '-days', String(days), '-out', cert, ...added])
    } else {
      const request = join(this.folder, `${name}.csr`)
      const file = join(this.folder, `${name}.ext`)
      writeFileSync(file, extensions.join('\n'))
      this.#run(['req', ...common, '-out', request])
      const serial = String(Date.now() * 1000 + ++this.#serial)
      const signer = ['-CA', issuer.cert, '-CAkey', issuer.key, '-set_serial', serial]
      this.#run(['x509', '-req', '-in', request, ...signer, '-days', String(days), '-extfile', file, '-out', cert])
    }
    return { cert, key }
  }

  /** A list of revoked certificates of this authority. */
  revoke(name: string, ...certificates: Pair[]): string {
    const file = join(this.folder, `${name}.crl`)
    const index = join(this.folder, `${name}.index`)
    const config = join(this.folder, `${name}.cnf`)
    writeFileSync(index, '')
    writeFileSync(config, `[ca]\ndefault_ca=d\n[d]\ndatabase=${index}\ndefault_md=sha256\ndefault_crl_days=30\nunique_subject=no\n`)
    const signer = ['-config', config, '-cert', this.ca.cert, '-keyfile', this.ca.key]
    for (const { cert } of certificates) this.#run(['ca', ...signer, '-revoke', cert])
    this.#run(['ca', ...signer, '-gencrl', '-out', file])
    return file
  }

  get caText(): string {
    return readFileSync(this.ca.cert, 'utf8')
  }

  #run(words: string[]): void {
    execFileSync(this.#openssl, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
}
