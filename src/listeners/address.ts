import { isIP } from 'node:net'

/** An IPv4 address that a dual-stack socket shows as `::ffff:192.0.2.1`, in dotted form; others as they are. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

/** Whether an address, in plain form, is this machine's own: 127.0.0.0/8 or ::1. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || (address.startsWith('127.') && isIP(address) === 4)
}

/** Whether an address in plain form is one of IPv6. */
export function isIPv6Text(address: string): boolean {
  return address.includes(':')
}
