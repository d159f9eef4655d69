/** Addresses and networks as numbers of 128 bits; IPv4 lies in `::ffff:0:0/96`. */

export interface NetworkSettings {
  readonly address: string
  readonly prefixBits: number
  readonly family: 'ipv4' | 'ipv6'
}

/** The addresses whose first `bits` of 128 are those of `base`. */
export interface NetworkRange {
  readonly base: bigint
  readonly shift: bigint
}

const IPV4_BASE = 0xffffn << 32n

export function rangeOf({ address, prefixBits, family }: NetworkSettings): NetworkRange {
  const shift = BigInt(family === 'ipv4' ? 32 - prefixBits : 128 - prefixBits)
  return { base: (addressNumber(address) ?? 0n) >> shift, shift }
}

/** Whether an address, as sockets show it, lies in a network. */
export function isWithin(address: string | undefined, { base, shift }: NetworkRange): boolean {
  const number = address === undefined ? undefined : addressNumber(address)
  return number !== undefined && number >> shift === base
}

/** An address as a number; undefined for text that is none. A zone (`%eth0`) does not count. */
export function addressNumber(text: string): bigint | undefined {
  const [plain] = text.split('%')
  return plain.includes(':') ? ipv6Number(plain) : ipv4Number(plain)
}

/** The network that counts as one peer: an IPv4 address, or the 64 bits that an IPv6 site hands to one of its links. */
export function peerKey(address: string): string {
  const number = address.includes(':') ? addressNumber(address) : undefined
  if (number === undefined || number >> 32n === 0xffffn) return address
  const groups = Array.from({ length: 4 }, (_, i) => ((number >> BigInt(112 - i * 16)) & 0xffffn).toString(16))
  return `${groups.join(':')}::/64`
}

function ipv4Number(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let number = 0
  for (const part of parts) {
    const value = /^\d{1,3}$/.test(part) ? Number(part) : 256
    if (value > 255) return undefined
    number = number * 256 + value
  }
  return IPV4_BASE | BigInt(number)
}

function ipv6Number(text: string): bigint | undefined {
  const [head, tail, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const front = groupsOf(head)
  const back = tail === undefined ? [] : groupsOf(tail)
  if (front === undefined || back === undefined) return undefined
  const missing = 8 - front.length - back.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...front, ...Array<number>(missing).fill(0), ...back]
  return groups.reduce((number, group) => (number << 16n) | BigInt(group), 0n)
}

function groupsOf(text: string): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  for (const part of text.split(':')) {
    if (part.includes('.')) {
      const number = ipv4Number(part)
      if (number === undefined) return undefined
      groups.push(Number((number >> 16n) & 0xffffn), Number(number & 0xffffn))
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}
