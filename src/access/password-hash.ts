/**
 * Salted slow hashes of passwords: our own (scrypt), and those that mosquitto_passwd writes. Computed off the event
 * loop, in Node's threads.
 */
import { argon2, createHash, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/** A hash that passwords can be compared with. */
export interface PasswordHash {
  readonly text: string
  /** Whether this is the password; takes some ten milliseconds of a thread. */
  verify(password: Uint8Array): Promise<boolean>
}

type Derive = (password: Uint8Array) => Promise<Uint8Array>

const deriveScrypt = promisify<Uint8Array, Uint8Array, number, object, Buffer>(scrypt)
const derivePbkdf2 = promisify(pbkdf2)
const deriveArgon2 = promisify(argon2)

/** 16 MiB and about 50 ms on a desktop, 150 ms on a Pi. */
const COST_LOG2 = 14
const BLOCK_SIZE = 8
const KEY_BYTES = 32
export const SALT_BYTES = 16

/** What a file may ask of this machine for one login. */
const MEMORY_MAX = 256 * 2 ** 20
const ITERATIONS_MAX = 10_000_000
const PASSES_MAX = 64

/** The hash to keep of a password. */
export async function hashPassword(password: Uint8Array, salt: Uint8Array): Promise<PasswordHash> {
  const derive = scryptWith(COST_LOG2, BLOCK_SIZE, 1, salt, KEY_BYTES)
  const key = await derive(password)
  return { text: `$scrypt$ln=${COST_LOG2},r=${BLOCK_SIZE},p=1$${encode(salt)}$${encode(key)}`, verify: comparison(derive, key) }
}

/** A hash as it is written in a file or the store; text that says what is wrong with it otherwise. */
export function parseHash(text: string): PasswordHash | string {
  const [, kind] = text.split('$')
  if (!text.startsWith('$')) return 'this is no hash: a password never stands in the file itself'
  switch (kind) {
    case 'scrypt':
      return parseScrypt(text)
    case '7':
      return parsePbkdf2(text)
    case '6':
      return parseSha512(text)
    case 'argon2id':
      return parseArgon2(text)
    default:
      return `hashes of the kind $${kind}$ are not known`
  }
}

function parseScrypt(text: string): PasswordHash | string {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([^$]+)\$([^$]+)$/.exec(text)
  if (match === null) return MALFORMED
  const [costLog2, blockSize, parallel] = match.slice(1, 4).map(Number)
  if (costLog2 < 1 || costLog2 > 24 || blockSize < 1 || parallel < 1 || 128 * 2 ** costLog2 * blockSize > MEMORY_MAX || parallel > 16)
    return TOO_COSTLY
  return hashOf(text, match[4], match[5], (salt, bytes) => scryptWith(costLog2, blockSize, parallel, salt, bytes))
}

/** mosquitto 2.0: PBKDF2 with SHA-512. */
function parsePbkdf2(text: string): PasswordHash | string {
  const match = /^\$7\$(\d{1,9})\$([^$]+)\$([^$]+)$/.exec(text)
  if (match === null) return MALFORMED
  const iterations = Number(match[1])
  if (iterations < 1) return MALFORMED
  if (iterations > ITERATIONS_MAX) return TOO_COSTLY
  return hashOf(text, match[2], match[3], (salt, bytes) => password => derivePbkdf2(password, salt, iterations, bytes, 'sha512'))
}

/** mosquitto 1: SHA-512 of password and salt, once. */
function parseSha512(text: string): PasswordHash | string {
  const match = /^\$6\$([^$]+)\$([^$]+)$/.exec(text)
  if (match === null) return MALFORMED
  return hashOf(text, match[1], match[2], salt => async password => createHash('sha512').update(password).update(salt).digest())
}

/** mosquitto 2.1, in the usual form of Argon2. */
function parseArgon2(text: string): PasswordHash | string {
  const match = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([^$]+)\$([^$]+)$/.exec(text)
  if (match === null) return MALFORMED
  const [memory, passes, parallelism] = match.slice(1, 4).map(Number)
  if (memory * 1024 > MEMORY_MAX || passes > PASSES_MAX || parallelism > 16) return TOO_COSTLY
  if (passes < 1 || parallelism < 1 || memory < 8 * parallelism) return MALFORMED
  const cost = { memory, passes, parallelism }
  return hashOf(text, match[4], match[5], (nonce, tagLength) => message => deriveArgon2('argon2id', { ...cost, message, nonce, tagLength }))
}

const MALFORMED = 'the hash is malformed'
const TOO_COSTLY = 'the hash asks for more memory or time than one login may take'

function hashOf(
  text: string,
  saltText: string,
  keyText: string,
  deriveWith: (salt: Uint8Array, keyBytes: number) => Derive,
): PasswordHash | string {
  const salt = decode(saltText)
  const key = decode(keyText)
  if (salt === undefined || salt.length < 8 || key === undefined || key.length < 16 || key.length > 128) return MALFORMED
  return { text, verify: comparison(deriveWith(salt, key.length), key) }
}

function comparison(derive: Derive, key: Uint8Array): (password: Uint8Array) => Promise<boolean> {
  return async password => {
    const derived = await derive(password)
    return derived.length === key.length && timingSafeEqual(derived, key)
  }
}

function scryptWith(costLog2: number, r: number, p: number, salt: Uint8Array, keyBytes: number): Derive {
  const N = 2 ** costLog2
  const maxmem = 128 * N * r + 128 * r * p + 2 ** 20
  return password => deriveScrypt(password, salt, keyBytes, { N, r, p, maxmem })
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '')
}

/** Base64 with or without padding; undefined for anything else. */
function decode(text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
}
