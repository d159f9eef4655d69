/** Pre-shared keys by identity, from a file with a line a device: `identity:hexkey`. */

/** Keys by identity. */
export type PskTable = ReadonlyMap<string, Buffer>

export interface PskFault {
  /** Counts from 1. */
  readonly line: number
  /** Never shows a key. */
  readonly message: string
}

/** What OpenSSL takes: identities of at most 256 bytes, keys of at most 512. */
const IDENTITY_BYTES_MAX = 256
const KEY_BYTES_MAX = 512
const DEVICES_MAX = 1_000_000

/** Reads the text of such a file. Empty lines and those that begin with `#` are skipped; an identity may hold colons. */
export function parsePskFile(text: string): { readonly table: PskTable; readonly faults: readonly PskFault[] } {
  const table = new Map<string, Buffer>()
  const faults: PskFault[] = []
  text
    .replace(/^\u00ef\u00bb\u00bf|^\ufeff/, '')
    .split('\n')
    .forEach((written, place) => {
      const line = written.trim()
      if (line === '' || line.startsWith('#')) return
      const fault = readLine(line, table)
      if (fault !== undefined) faults.push({ line: place + 1, message: fault })
    })
  return { table, faults }
}

function readLine(line: string, table: Map<string, Buffer>): string | undefined {
  const colon = line.lastIndexOf(':')
  if (colon < 0) return 'there is no ":" between identity and key'
  // Files are taken as bytes; an identity is UTF-8 (`RFC 4279 §5.1`).
  const identity = Buffer.from(line.slice(0, colon).trim(), 'latin1').toString('utf8')
  const hex = line.slice(colon + 1).trim()
  if (identity === '') return 'there is no identity before the ":"'
  if (Buffer.byteLength(identity) > IDENTITY_BYTES_MAX) return `the identity is longer than ${IDENTITY_BYTES_MAX} bytes`
  if (hex === '') return 'there is no key after the ":"'
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(hex)) return 'the key must be an even number of hexadecimal digits'
  if (hex.length / 2 > KEY_BYTES_MAX) return `the key is longer than ${KEY_BYTES_MAX} bytes`
  if (table.has(identity)) return `the identity ${JSON.stringify(identity)} stands in an earlier line already`
  if (table.size >= DEVICES_MAX) return `there are more than ${DEVICES_MAX} devices`
  table.set(identity, Buffer.from(hex, 'hex'))
  return undefined
}
