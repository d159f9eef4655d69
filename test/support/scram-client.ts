import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

/** The client's side of SCRAM-SHA-256, written from RFC 5802 apart from the server's. */
export class ScramClient {
  readonly #password: string
  readonly first: string
  readonly #bare: string
  #expected = ''

  constructor(username: string, password: string, nonce = 'fyko+d2lbbFgONRv9qkxdawL') {
    this.#password = password
    this.#bare = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
    this.first = `n,,${this.#bare}`
  }

  /** The final message to the server's first one. */
  final(serverFirst: string): string {
    const fields = new Map(serverFirst.split(',').map(part => [part[0], part.slice(2)]))
    const salted = pbkdf2Sync(this.#password, Buffer.from(fields.get('s')!, 'base64'), Number(fields.get('i')), 32, 'sha256')
    const clientKey = hmac(salted, 'Client Key')
    const storedKey = createHash('sha256').update(clientKey).digest()
    const withoutProof = `c=biws,r=${fields.get('r')}`
    const message = `${this.#bare},${serverFirst},${withoutProof}`
    const signature = hmac(storedKey, message)
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]))
    this.#expected = `v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`
    return `${withoutProof},p=${proof.toString('base64')}`
  }

  /** Whether the server has proved that it knows the user. */
  believes(serverFinal: string): boolean {
    return serverFinal === this.#expected
  }
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
