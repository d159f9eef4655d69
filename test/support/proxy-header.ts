/** PROXY protocol headers of version 2, right and wrong ones. */

export interface BinaryHeader {
  /** Version and command, 0x21 unless told. */
  command?: number
  family: number
  addresses?: number[]
  tlvs?: Buffer[]
}

export function binaryHeader({ command = 0x21, family, addresses = [], tlvs = [] }: BinaryHeader): Buffer {
  const body = Buffer.concat([Buffer.from(addresses), ...tlvs])
  const fixed = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
  return Buffer.concat([fixed, Buffer.from([command, family, body.length >> 8, body.length & 0xff]), body])
}

export function tlv(type: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([Buffer.from([type, bytes.length >> 8, bytes.length & 0xff]), bytes])
}

/** `PP2_TYPE_SSL` with the client's flags, the result of the verification (0: good), and a common name. */
export function sslTlv(client: number, verify: number, commonName?: string): Buffer {
  const fixed = Buffer.from([client, 0, 0, 0, verify])
  return tlv(0x20, Buffer.concat([fixed, tlv(0x21, 'TLSv1.3'), ...(commonName === undefined ? [] : [tlv(0x22, commonName)])]))
}
