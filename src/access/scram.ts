/**
 * SCRAM-SHA-256 (`RFC 5802`, `RFC 7677`) as the server's side of an enhanced authentication (`MQTT 5 §4.12`): the
 * password never crosses the wire, and what is kept of it lets nobody in. Without channel binding.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { GatewayError } from '#base/errors.ts'
import type { AuthenticationExchange, ExchangeStep, Identity, ScramKeys } from '#broker/ports.ts'
import { saslPrep } from './saslprep.ts'

/** The Authentication Method of MQTT, by its name in SASL. */
export const SCRAM_SHA_256 = 'SCRAM-SHA-256'

const HASH = 'sha256'
const HASH_BYTES = 32
const NONCE_BYTES = 18
const MESSAGE_BYTES_MAX = 4096
/** `MQTT 5 §2.4`. */
const NOT_AUTHORIZED = 0x87

const derive = promisify(pbkdf2)

/** What is kept of a password: `salt` of 16 bytes or more, `iterations` 4096 or more (`RFC 5802 §3`, `RFC 7677 §4`). */
export async function deriveScramKeys(password: string, salt: Uint8Array, iterations: number): Promise<ScramKeys> {
  const salted = await derive(saslPrep(password), salt, iterations, HASH_BYTES, HASH)
  return { salt, iterations, storedKey: hash(hmac(salted, 'Client Key')), serverKey: hmac(salted, 'Server Key') }
}

/** What an exchange asks of those who keep users. */
export interface ScramHost {
  /** The keys of a user by the prepared name; undefined: there is none. */
  keysOf(username: string): ScramKeys | undefined
  /** The user has proved the password: lets the device in or throws. */
  admit(username: string): Identity | Promise<Identity>
  /** The exchange has failed; resolves when the refusal may be sent. */
  failed(): Promise<void>
  /** From the clock port. */
  randomBytes(count: number): Uint8Array
  /**
   * Random bytes that stay the same as long as the gateway runs: whoever is not known gets a salt too, always the same one,
   * so that names cannot be found out.
   */
  readonly decoySecret: Uint8Array
  /** What unknown names are asked for: as many iterations as most users have. */
  readonly decoyIterations: number
}

interface First {
  username: string
  keys: ScramKeys | undefined
  gs2Header: string
  /** Client's first message without its header, and the server's first message. */
  messages: string
  nonce: string
}

/** One exchange: `next` takes the client's first message, then its final one. */
export class ScramExchange implements AuthenticationExchange {
  readonly #host: ScramHost
  readonly #serverNonce: string
  #first: First | undefined

  /** `serverNonce` is for tests with the vectors of the specification. */
  constructor(host: ScramHost, serverNonce: string = Buffer.from(host.randomBytes(NONCE_BYTES)).toString('base64')) {
    this.#host = host
    this.#serverNonce = serverNonce
  }

  async next(bytes: Uint8Array | undefined): Promise<ExchangeStep> {
    try {
      // A client may leave its first message to a second step; it is then asked for with an empty one (RFC 4422 §5).
      if (bytes === undefined && this.#first === undefined) return { data: new Uint8Array(0) }
      const message = textOf(bytes)
      if (this.#first === undefined) return { data: Buffer.from(this.#begin(message)) }
      return await this.#finish(this.#first, message)
    } catch (error) {
      await this.#host.failed()
      throw error
    }
  }

  #begin(message: string): string {
    const parsed = /^([ny],(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(message)
    // `p=` asks for channel binding, `m=` for an extension: neither is offered (RFC 5802 §5.1, §6).
    if (parsed === null) refuse('the first message is not one of SCRAM-SHA-256 without channel binding')
    const [, gs2Header, authzid, bare, name, clientNonce] = parsed
    const username = saslPrep(nameOf(name))
    if (username === '') refuse('the user name is empty')
    if (authzid !== undefined && saslPrep(nameOf(authzid)) !== username) refuse('acting for another user is not offered')
    const keys = this.#host.keysOf(username)
    const { salt, iterations } = keys ?? this.#decoy(username)
    const nonce = clientNonce + this.#serverNonce
    const answer = `r=${nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`
    this.#first = { username, keys, gs2Header, messages: `${bare},${answer}`, nonce }
    return answer
  }

  #decoy(username: string): { salt: Uint8Array; iterations: number } {
    const { decoySecret, decoyIterations } = this.#host
    return { salt: hmac(decoySecret, username).subarray(0, 16), iterations: decoyIterations }
  }

  async #finish(first: First, message: string): Promise<ExchangeStep> {
    const parsed = /^(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/s.exec(message)
    if (parsed === null) refuse('the final message is not one of SCRAM-SHA-256')
    const [, withoutProof, binding, nonce, proofText] = parsed
    if (Buffer.from(binding, 'base64').toString('latin1') !== first.gs2Header) refuse('the channel binding has changed')
    if (nonce !== first.nonce) refuse('the nonce has changed')
    const proof = Buffer.from(proofText, 'base64')
    const { keys, username } = first
    const authMessage = `${first.messages},${withoutProof}`
    if (keys === undefined || proof.length !== HASH_BYTES || !proves(keys, proof, authMessage)) refuse('the user name or password is wrong')
    const identity = await this.#host.admit(username)
    return { identity, data: Buffer.from(`v=${hmac(keys.serverKey, authMessage).toString('base64')}`) }
  }
}

function proves(keys: ScramKeys, proof: Uint8Array, authMessage: string): boolean {
  const signature = hmac(keys.storedKey, authMessage)
  const clientKey = Uint8Array.from(proof, (byte, index) => byte ^ signature[index])
  return timingSafeEqual(hash(clientKey), keys.storedKey)
}

/** A saslname: `=2C` and `=3D` stand for comma and equals sign (`RFC 5802 §5.1`). */
function nameOf(saslName: string): string {
  if (/=(?!2C|3D)/.test(saslName)) refuse('the user name is not encoded as it must be')
  return saslName.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function textOf(bytes: Uint8Array | undefined): string {
  if (bytes === undefined || bytes.length > MESSAGE_BYTES_MAX) refuse('a message of the exchange is missing or too long')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return refuse('a message of the exchange is not UTF-8')
  }
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac(HASH, key).update(text).digest()
}

function hash(bytes: Uint8Array): Buffer {
  return createHash(HASH).update(bytes).digest()
}

function refuse(message: string): never {
  throw new GatewayError('bad-credentials', message, { reason: NOT_AUTHORIZED })
}
