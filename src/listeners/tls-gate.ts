/** TLS in front of a listener: handshakes, who the client is, resumption, and certificates that change while it runs. */

import { readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { createSecureContext, createServer, type SecureContext, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls'
import type { Clock, Timer } from '#base/clock.ts'
import { GatewayError } from '#base/errors.ts'
import type { Logger } from '#base/logger.ts'
import type { CheckFault, Outside } from '#base/schema.ts'
import { type CertificateIdentity, clientName, commonName } from './certificate-identity.ts'
import { FileWatch } from './file-watch.ts'
import { type Handshake, HandshakeQueue } from './handshake-queue.ts'
import { type Opening, type OpeningStage, readAhead } from './opening.ts'
import { SessionCache } from './session-cache.ts'
import { certificateFault, handshakeFault } from './tls-faults.ts'
import { readMaterial, type TlsFileSettings, type TlsMaterial } from './tls-material.ts'

/** The values of a `tls` table. */
export interface TlsSettings extends TlsFileSettings {
  readonly client_cert: 'none' | 'request' | 'require'
  readonly identity: CertificateIdentity
  readonly psk_hint?: string | undefined
  readonly handshakes: number
}

export interface TlsGateOptions {
  readonly settings: TlsSettings
  /** What runs inside, for ALPN (`RFC 7301`). */
  readonly alpn: 'mqtt' | 'http/1.1'
  /** Name of the listener: sessions of one are not resumed at another, which may ask for more. */
  readonly name: string
  readonly openTimeoutMs: number
  readonly logger: Logger
  readonly clock: Clock
}

/** Session tickets and ids are good for this long, and their keys change as often. */
const SESSION_MS = 12 * 3_600_000
const TICKET_KEY_BYTES = 48
/** From `openssl/ssl.h`: no tickets, so that TLS 1.3 sessions would have to be kept by us, and are not. */
const SSL_OP_NO_TICKET = 0x4000
const HANDSHAKE_RECORD = 0x16
const HTTP_ON_TLS =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nThis port speaks TLS: use wss:// or https://.\n'

export class TlsGate implements OpeningStage {
  readonly timeout = 'tls-timeout'
  readonly #options: TlsGateOptions
  readonly #server: Server
  readonly #queue: HandshakeQueue
  readonly #sessions: SessionCache
  /** Handshakes in progress by the addresses of both ends: Node tells no other way which socket it was. */
  readonly #openings = new Map<string, Opening>()
  readonly #handshakes = new WeakMap<Opening, { readonly handshake: Handshake; readonly key: string }>()
  /** The PSK identity that a client has named in its handshake, `known` or not; proved only when the handshake is complete. */
  readonly #claims = new WeakMap<TLSSocket, { readonly identity: string; readonly known: boolean }>()
  #material: TlsMaterial
  #byName: ReadonlyMap<string, SecureContext> = new Map()
  #watch: FileWatch | undefined
  #ticketKeys: Buffer
  #rotation: Timer | undefined
  #closed = false

  /** @throws GatewayError `config-invalid` when the files do not make a working listener */
  static async open(options: TlsGateOptions): Promise<TlsGate> {
    const { settings, clock } = options
    let gate: TlsGate | undefined
    const watch = await FileWatch.start({ files: filesOf(settings), clock, onChange: async () => gate?.reload() })
    try {
      const { material, findings } = readMaterial(
        settings,
        outsideOf(clock, path => readFileSync(path)),
      )
      if (material === undefined) throw invalid(findings)
      gate = new TlsGate(options, material, watch)
      return gate
    } catch (error) {
      watch.close()
      throw error
    }
  }

  private constructor(options: TlsGateOptions, material: TlsMaterial, watch: FileWatch) {
    const { settings, clock, alpn } = options
    this.#options = options
    this.#material = material
    this.#watch = watch
    this.#ticketKeys = Buffer.from(clock.randomBytes(TICKET_KEY_BYTES))
    this.#queue = new HandshakeQueue(settings.handshakes, clock)
    this.#sessions = new SessionCache(clock, SESSION_MS)
    this.#server = createServer({
      ...this.#contextOptions(material.main),
      requestCert: settings.client_cert !== 'none',
      // Decided in #secured, where the reason is known.
      rejectUnauthorized: false,
      // The opening has a timer of its own.
      handshakeTimeout: options.openTimeoutMs * 2,
      noDelay: true,
      ALPNCallback: ({ protocols }) => (protocols.includes(alpn) ? alpn : alpn === 'mqtt' ? protocols[0] : undefined),
      ...(settings.certificates.length > 0 && {
        SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => done(null, this.#contextFor(name)),
      }),
      ...(settings.psk_file !== undefined && {
        pskCallback: (socket: TLSSocket, identity: string) => this.#keyOf(socket, identity),
        ...(settings.psk_hint !== undefined && { pskIdentityHint: settings.psk_hint }),
      }),
    })
    this.#server.on('secureConnection', socket => this.#secured(socket))
    this.#server.on('tlsClientError', (error, socket) => this.#failed(error, socket))
    if (settings.psk_file === undefined) {
      this.#server.on('newSession', (id: Buffer, session: Buffer, done: () => void) => {
        this.#sessions.keep(id, session)
        done()
      })
      this.#server.on('resumeSession', (id: Buffer, done: (error: Error | null, session: Buffer | null) => void) => {
        done(null, this.#sessions.find(id))
      })
    }
    this.#buildNamed(material)
    this.#scheduleRotation()
  }

  begin(opening: Opening): void {
    const handshake: Handshake = {
      start: () => this.#start(opening),
      crowdOut: () => opening.fail('tls-crowded-out'),
    }
    this.#handshakes.set(opening, { handshake, key: keyOf(opening.accepted) })
    // Nothing is used up: the handshake will find the bytes in the socket.
    const look = (bytes: Buffer) => (bytes[0] === HANDSHAKE_RECORD ? 0 : this.#refuseStranger(opening, bytes))
    readAhead(opening, look, () => this.#queue.enter(handshake))
  }

  ended(opening: Opening): void {
    const found = this.#handshakes.get(opening)
    if (found === undefined) return
    this.#handshakes.delete(opening)
    this.#queue.leave(found.handshake)
    // Not by its addresses as they are now: a socket that is gone has none.
    this.#openings.delete(found.key)
  }

  close(): void {
    this.#closed = true
    this.#watch?.close()
    this.#options.clock.clearTimer(this.#rotation)
  }

  /** Reads the files again. What does not work is told, and the old stays in force. */
  async reload(): Promise<void> {
    const { settings, clock, logger } = this.#options
    const contents = new Map<string, Buffer | Error>()
    for (const file of filesOf(settings)) contents.set(file, await readFile(file).catch((error: Error) => error))
    const { material, findings } = readMaterial(
      settings,
      outsideOf(clock, path => {
        const content = contents.get(path)
        if (content instanceof Buffer) return content
        throw content
      }),
    )
    if (this.#closed) return
    if (material === undefined) {
      logger.error('a file of this listener has changed and is not usable: what was there before stays in force', {
        fault: findings
          .filter(({ severity }) => severity !== 'warning')
          .map(sentence)
          .join('; '),
      })
      return
    }
    // Whoever resumes a session is not verified again: what was verified by other authorities or lists must not be resumed.
    if (material.verifier !== this.#material.verifier) this.#renewTicketKeys()
    try {
      this.#use(material)
    } catch (error) {
      logger.error('the files of this listener cannot be used together', { error })
      return
    }
    for (const finding of findings) logger.warn(sentence(finding))
    logger.info('the certificates and keys of this listener have been read again')
  }

  #use(material: TlsMaterial): void {
    this.#material = material
    this.#server.setSecureContext(this.#contextOptions(material.main))
    this.#buildNamed(material)
  }

  #buildNamed(material: TlsMaterial): void {
    this.#byName = new Map([...material.byName].map(([name, options]) => [name, createSecureContext(this.#contextOptions(options))]))
  }

  #contextOptions(options: SecureContextOptions): SecureContextOptions {
    const { name, settings } = this.#options
    return {
      ...options,
      sessionIdContext: `tidegate ${name}`.slice(0, 32),
      sessionTimeout: SESSION_MS / 1000,
      ticketKeys: this.#ticketKeys,
      // A resumed session does not tell whose key began it, so sessions that began with a pre-shared key are not resumed.
      ...(settings.psk_file !== undefined && { secureOptions: SSL_OP_NO_TICKET }),
    }
  }

  #contextFor(name: string): SecureContext | undefined {
    const wanted = name.toLowerCase()
    return this.#byName.get(wanted) ?? this.#byName.get(wanted.replace(/^[^.]+/, '*'))
  }

  #keyOf(socket: TLSSocket, identity: string): Buffer | null {
    const key = this.#material.psk?.get(identity)
    this.#claims.set(socket, { identity, known: key !== undefined })
    return key ?? null
  }

  #start(opening: Opening): void {
    const socket = opening.accepted
    if (socket.destroyed) return
    this.#openings.set(keyOf(socket), opening)
    this.#server.emit('connection', socket)
  }

  #refuseStranger(opening: Opening, bytes: Buffer): undefined {
    // Letters and a space: the method of an HTTP request.
    const isHttp = /^[A-Z]{3,8} /.test(bytes.toString('latin1', 0, 9))
    opening.fail(isHttp ? 'tls-http' : 'tls-not-spoken', undefined, isHttp ? HTTP_ON_TLS : undefined)
  }

  #secured(socket: TLSSocket): void {
    const opening = this.#openings.get(keyOf(socket))
    if (opening === undefined || opening.over) return void socket.destroy()
    const { client_cert: clientCert, identity } = this.#options.settings
    const pskIdentity = this.#provedIdentity(socket)
    opening.facts.pskIdentity = pskIdentity
    if (clientCert !== 'none' && pskIdentity === undefined) {
      const certificate = socket.getPeerX509Certificate()
      if (certificate === undefined) {
        if (clientCert === 'require') return opening.fail('tls-certificate-missing')
      } else if (!socket.authorized) {
        const detail = `${commonName(certificate.subject) ?? certificate.serialNumber}: ${socket.authorizationError}`
        return opening.fail(certificateFault(socket.authorizationError), detail)
      } else {
        opening.facts.certificate = { commonName: commonName(certificate.subject), username: clientName(certificate, identity) }
      }
    }
    opening.secured(socket)
    opening.advance()
  }

  /**
   * The PSK identity, if its key has been used. In TLS 1.3 OpenSSL asks for the key and then goes on with the certificate when
   * the ciphers do not fit the key: only a handshake that counts as resumed has proved it. In TLS 1.2 the cipher says it.
   */
  #provedIdentity(socket: TLSSocket): string | undefined {
    const claim = this.#claims.get(socket)
    if (claim?.known !== true) return undefined
    const proved = socket.getProtocol() === 'TLSv1.3' ? socket.isSessionReused() : socket.getCipher().name.includes('PSK')
    return proved ? claim.identity : undefined
  }

  #failed(error: Error, socket: TLSSocket): void {
    const claim = this.#claims.get(socket)
    const fault = handshakeFault(error, claim && (claim.known ? 'known' : 'unknown'))
    const opening = this.#openings.get(keyOf(socket))
    if (fault === undefined) opening?.accepted.destroy()
    else opening?.fail(fault, error.message.replace(/^.*?:SSL routines:/, ''))
  }

  #scheduleRotation(): void {
    this.#rotation = this.#options.clock.setTimer(SESSION_MS, () => {
      this.#renewTicketKeys()
      this.#use(this.#material)
      // So that a certificate that runs out is told of twice a day.
      void this.reload()
      this.#scheduleRotation()
    })
  }

  #renewTicketKeys(): void {
    this.#ticketKeys = Buffer.from(this.#options.clock.randomBytes(TICKET_KEY_BYTES))
    this.#sessions.clear()
  }
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`
}

function filesOf(settings: TlsFileSettings): string[] {
  const pairs = settings.certificates.flatMap(({ cert, key }) => [cert, key])
  return [settings.cert, settings.key, settings.ca, settings.crl, settings.psk_file, ...pairs].filter(file => file !== undefined)
}

function outsideOf(clock: Clock, read: Outside['readFile']): Outside {
  return {
    readFile: read,
    modeOf: path => statSync(path, { throwIfNoEntry: false })?.mode,
    nowMs: clock.synchronised() ? clock.now() : undefined,
  }
}

function sentence({ key, message, hint }: CheckFault): string {
  return `${key === '' ? 'tls' : `tls.${key}`}: ${message}${hint === undefined ? '' : ` (${hint})`}`
}

function invalid(findings: readonly CheckFault[]): GatewayError {
  const first = findings.find(({ severity }) => severity !== 'warning')
  return new GatewayError(
    'config-invalid',
    first === undefined ? 'tls: cannot be used' : sentence({ ...first, hint: '' }).replace(' ()', ''),
    {
      ...(first?.hint !== undefined && { hint: first.hint }),
    },
  )
}
