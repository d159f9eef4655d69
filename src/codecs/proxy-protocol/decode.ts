/** The PROXY protocol, versions 1 and 2: what a proxy says about a connection before the first byte of its client. */
import { GatewayError } from '#base/errors.ts'

export interface ProxyHeader {
  /** Length of the header in bytes. */
  readonly length: number
  /** The client as the proxy sees it; undefined when the proxy speaks for itself (LOCAL, UNKNOWN). */
  readonly source: { readonly address: string; readonly port: number } | undefined
  /** What the proxy knows of TLS between the client and itself (version 2, `PP2_TYPE_SSL`). */
  readonly tls: ProxyTls | undefined
}

export interface ProxyTls {
  /** The client has shown a certificate on this connection or in its session, and it was verified. */
  readonly verified: boolean
  /** Common name of that certificate. */
  readonly commonName: string | undefined
}

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const V1_BYTES_MAX = 107
const V2_FIXED_BYTES = 16
/** Room for addresses and a few TLVs; proxies send some hundred bytes. */
const V2_BODY_BYTES_MAX = 4096
const TLV_SSL = 0x20
const TLV_SSL_COMMON_NAME = 0x22
const CLIENT_SSL = 0x01
const CLIENT_CERTIFICATE = 0x06

/**
 * The header at the begin of `bytes`; undefined while it is not whole.
 * @throws GatewayError `decode-malformed` for what can be no header
 */
export function decodeProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  const compared = Math.min(bytes.length, SIGNATURE.length)
  if (bytes.compare(SIGNATURE, 0, compared, 0, compared) === 0) return decodeBinary(bytes)
  return decodeText(bytes)
}

function decodeText(bytes: Buffer): ProxyHeader | undefined {
  const begin = bytes.toString('latin1', 0, Math.min(bytes.length, V1_BYTES_MAX))
  if (!begin.startsWith('PROXY '.slice(0, begin.length))) malformed('no PROXY protocol header', 0)
  const end = begin.indexOf('\r\n')
  if (end < 0) return bytes.length >= V1_BYTES_MAX ? malformed('a header of version 1 is too long', V1_BYTES_MAX) : undefined
  const line = begin.slice(0, end)
  const length = end + 2
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { length, source: undefined, tls: undefined }
  const parts = /^PROXY (TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(line)
  if (parts === null) return malformed('a header of version 1 is not as it must be', 0)
  const [, family, address, , port] = parts
  const plausible = family === 'TCP4' ? /^\d{1,3}(?:\.\d{1,3}){3}$/ : /^[0-9A-Fa-f:.]{2,45}$/
  if (!plausible.test(address) || Number(port) > 65_535) return malformed('a header of version 1 has no valid address', 6)
  return { length, source: { address: address.toLowerCase(), port: Number(port) }, tls: undefined }
}

function decodeBinary(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < V2_FIXED_BYTES) return undefined
  const [command, family] = [bytes[12], bytes[13]]
  if (command >> 4 !== 2) return malformed(`there is no version ${command >> 4} of the PROXY protocol`, 12)
  if ((command & 0x0f) > 1) return malformed('a header of version 2 has an unknown command', 12)
  const body = bytes.readUInt16BE(14)
  if (body > V2_BODY_BYTES_MAX) return malformed(`a header of version 2 has ${body} bytes`, 14)
  const length = V2_FIXED_BYTES + body
  if (bytes.length < length) return undefined
  if ((command & 0x0f) === 0) return { length, source: undefined, tls: undefined }
  const size = { 1: 4, 2: 16 }[family >> 4] ?? 0
  const addresses = size === 0 ? (family >> 4 === 3 ? 216 : 0) : size * 2 + 4
  if (body < addresses) return malformed('a header of version 2 is too short for its addresses', 14)
  const at = V2_FIXED_BYTES
  const source = size === 0 ? undefined : { address: showAddress(bytes.subarray(at, at + size)), port: bytes.readUInt16BE(at + size * 2) }
  return { length, source, tls: tlsOf(bytes, at + addresses, length) }
}

/** Walks over the TLVs; the one about TLS has further ones in it. */
function tlsOf(bytes: Buffer, from: number, to: number): ProxyTls | undefined {
  let tls: ProxyTls | undefined
  walk(bytes, from, to, (type, start, end) => {
    if (type !== TLV_SSL) return
    if (end - start < 5) malformed('what a header says of TLS is too short', start)
    const client = bytes[start]
    let commonName: string | undefined
    walk(bytes, start + 5, end, (inner, innerStart, innerEnd) => {
      if (inner === TLV_SSL_COMMON_NAME) commonName = bytes.toString('utf8', innerStart, innerEnd)
    })
    const verified = (client & CLIENT_SSL) !== 0 && (client & CLIENT_CERTIFICATE) !== 0 && bytes.readUInt32BE(start + 1) === 0
    tls = { verified, commonName }
  })
  return tls
}

function walk(bytes: Buffer, from: number, to: number, each: (type: number, start: number, end: number) => void): void {
  let at = from
  while (at < to) {
    if (to - at < 3) malformed('a header of version 2 ends within a TLV', at)
    const end = at + 3 + bytes.readUInt16BE(at + 1)
    if (end > to) malformed('a header of version 2 ends within a TLV', at)
    each(bytes[at], at + 3, end)
    at = end
  }
}

function showAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16))
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}

function malformed(message: string, offset: number): never {
  throw new GatewayError('decode-malformed', message, { offset })
}
