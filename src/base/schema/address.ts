/** Addresses to listen on, URLs of peers, and networks. */

import { resolve } from 'node:path'
import type { KeyOptions, PresenceOf, Reading, ScalarSchema } from './model.ts'
import { readFault, readOk } from './model.ts'
import { alternatives, quote } from './quote.ts'
import { readText, scalar } from './scalar.ts'

/** Where a listener waits: a host (name or address, IPv6 without brackets) and a port; 0 lets the system choose. */
export interface SocketAddress {
  readonly host: string
  readonly port: number
}

/** Where a listener waits on a Unix socket: an absolute path. */
export interface UnixAddress {
  readonly path: string
}

/** A peer's URL in parts. `host` has no brackets, `port` is the scheme's own if the URL names none, `path` keeps its query. */
export interface UrlParts {
  readonly href: string
  readonly scheme: string
  readonly host: string
  readonly port: number
  readonly path: string
}

/** A network as `BlockList.addSubnet` takes it. */
export interface Network {
  readonly address: string
  readonly prefixBits: number
  readonly family: 'ipv4' | 'ipv6'
}

type TextOptions = KeyOptions & { readonly default?: string; readonly required?: boolean }

const ADDRESS_EXAMPLE = 'an address and a port, such as "127.0.0.1:1883" or "[::1]:1883"'

/** An address to listen on: `"127.0.0.1:1883"`, `"[::1]:1883"`, `"0.0.0.0:8883"`. */
export function bind<const O extends TextOptions>(options: O): ScalarSchema<SocketAddress, PresenceOf<O>> {
  return scalar(
    {
      typeName: 'address',
      textual: true,
      json: { type: 'string', pattern: '^(\\[[0-9A-Fa-f:.%a-z]+\\]|[A-Za-z0-9._-]+):[0-9]{1,5}$' },
      range: 'host:port',
      read(written) {
        const text = readText(written)
        return text.ok ? readSocketAddress(text.value) : text
      },
    },
    options,
  )
}

/** Like {@link bind}, or the path of a Unix socket: whatever holds a `/`. Relative paths count from the file's folder. */
export function bindOrPath<const O extends TextOptions>(options: O): ScalarSchema<SocketAddress | UnixAddress, PresenceOf<O>> {
  return scalar<SocketAddress | UnixAddress, O>(
    {
      typeName: 'address or path',
      textual: true,
      json: { type: 'string', minLength: 1 },
      range: 'host:port, or the path of a Unix socket (with a `/`)',
      read(written, place) {
        const text = readText(written)
        if (!text.ok) return text
        if (!text.value.includes('/')) return readSocketAddress(text.value)
        if (text.value.includes('://')) return readFault(`${quote(text.value)} is a URL, not an address`, ADDRESS_EXAMPLE)
        if (text.value.includes('\0')) return readFault('must not hold control characters')
        return readOk({ path: resolve(place.folder, text.value) })
      },
    },
    options,
  )
}

/** Whether an address is that of a Unix socket. */
export function isUnixAddress(address: SocketAddress | UnixAddress): address is UnixAddress {
  return 'path' in address
}

/** `host:port` with brackets where IPv6 needs them, or the path. */
export function showAddress(address: SocketAddress | UnixAddress): string {
  if (isUnixAddress(address)) return address.path
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** Whether nothing but this machine reaches an address: 127.0.0.0/8, ::1, `localhost`, a Unix socket. */
export function isLoopback(address: SocketAddress | UnixAddress): boolean {
  if (isUnixAddress(address)) return true
  const host = address.host.toLowerCase()
  if (host === 'localhost') return true
  if (isIpv4(host)) return host.startsWith('127.')
  return isIpv6(host) && /^\[::(1|ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})\]$/.test(new URL(`http://[${host.replace(/%.*/, '')}]/`).hostname)
}

/** An address from `host:port` text. */
export function readSocketAddress(text: string): Reading<SocketAddress> {
  const split = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (split === null) return readFault(`${quote(text)} is not an address to listen on`, addressHint(text))
  const [, bracketed, plain, digits] = split
  const port = Number(digits)
  if (port > 65_535) return readFault(`port ${digits} is too high`, 'ports go from 0 to 65535')
  if (bracketed !== undefined) {
    if (!isIpv6(bracketed)) return readFault(`${quote(bracketed)} is not an IPv6 address`)
    return readOk({ host: bracketed, port })
  }
  if (plain === '' || plain === '*') {
    return readFault(`${quote(text)} names no address`, `"0.0.0.0:${port}" for every interface, "127.0.0.1:${port}" for this machine only`)
  }
  if (!isHost(plain)) return readFault(`${quote(plain)} is not an address or host name`)
  return readOk({ host: plain, port })
}

/** What was probably meant by text that is no address. */
function addressHint(text: string): string {
  if (text.includes('://')) return `no URL: ${ADDRESS_EXAMPLE}`
  if (/^\d{1,5}$/.test(text)) return `add the address: "127.0.0.1:${text}"`
  if (isIpv6(text)) return `add the port: "[${text}]:1883"`
  if (/^[0-9A-Fa-f:]+:\d+$/.test(text)) return 'an IPv6 address stands in brackets: "[::1]:1883"'
  if (isHost(text)) return `add the port: "${text}:1883"`
  return ADDRESS_EXAMPLE
}

/** The URL of a peer. `schemes` gives each allowed scheme its usual port: `{ mqtt: 1883, mqtts: 8883 }`. */
export function url<const O extends TextOptions & { readonly schemes: { readonly [scheme: string]: number } }>(
  options: O,
): ScalarSchema<UrlParts, PresenceOf<O>> {
  const schemes = Object.keys(options.schemes)
  return scalar(
    {
      typeName: 'URL',
      textual: true,
      json: { type: 'string', pattern: `^(${schemes.join('|')})://` },
      range: schemes.map(scheme => `\`${scheme}://\``).join(', '),
      read(written) {
        const text = readText(written)
        return text.ok ? readUrl(text.value, options.schemes) : text
      },
    },
    options,
  )
}

/** A peer's URL in parts. The message never shows what stands before an `@`. */
export function readUrl(text: string, ports: { readonly [scheme: string]: number }): Reading<UrlParts> {
  const schemes = Object.keys(ports)
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1].toLowerCase()
  const shown = quote(text.replace(/\/\/.*@/s, '//…@'))
  if (scheme === undefined) return readFault(`${shown} is not a URL`, `it begins with ${schemes.map(each => `${each}://`).join(', ')}`)
  if (!Object.hasOwn(ports, scheme))
    return readFault(`must begin with ${alternatives(schemes.map(each => `${each}://`))}, not ${quote(`${scheme}://`)}`)
  // As http, so that the same rules hold for the host of every scheme.
  const parsed = /[\s\\]/.test(text) ? null : URL.parse(`http${text.slice(scheme.length)}`)
  if (parsed === null) return readFault(`${shown} is not a valid URL`, `such as "${scheme}://host.example:${ports[scheme]}"`)
  if (parsed.username !== '' || parsed.password !== '') {
    return readFault('a user name or password does not belong in the URL', 'keys of their own, such as username and password_file')
  }
  if (parsed.hash !== '') return readFault(`${shown} has a part after "#" that a URL of a peer cannot have`)
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  // Not parsed.port: the http parser drops 80, its own default.
  const named = /^[^/]*\/\/[^/?]*:(\d+)(?:[/?]|$)/.exec(text)?.[1]
  const port = named === undefined ? ports[scheme] : Number(named)
  if (port === 0) return readFault('port 0 cannot be connected to')
  const path = `${parsed.pathname}${parsed.search}`
  return readOk({ href: `${scheme}://${parsed.hostname}:${port}${path}`, scheme, host, port, path })
}

/** A network in CIDR notation, or one address: `"192.0.2.0/24"`, `"2001:db8::/32"`, `"192.0.2.7"`. */
export function network<const O extends TextOptions>(options: O): ScalarSchema<Network, PresenceOf<O>> {
  return scalar(
    {
      typeName: 'network',
      textual: true,
      json: { type: 'string', pattern: '^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$' },
      range: 'address/bits',
      read(written) {
        const text = readText(written)
        return text.ok ? readNetwork(text.value) : text
      },
    },
    options,
  )
}

/** A network from CIDR text. */
export function readNetwork(text: string): Reading<Network> {
  const split = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(text)
  const family = split === null ? undefined : isIpv4(split[1]) ? 'ipv4' : isIpv6(split[1]) ? 'ipv6' : undefined
  if (split === null || family === undefined)
    return readFault(`${quote(text)} is not a network`, 'such as "192.0.2.0/24" or "2001:db8::/32"')
  const bitsMax = family === 'ipv4' ? 32 : 128
  const prefixBits = split[2] === undefined ? bitsMax : Number(split[2])
  if (prefixBits > bitsMax) return readFault(`${quote(text)} has too many bits`, `at most /${bitsMax}`)
  return readOk({ address: split[1], prefixBits, family })
}

function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)
}

function isIpv6(text: string): boolean {
  const [address, scope, ...rest] = text.split('%')
  if (rest.length > 0 || (scope !== undefined && !/^[A-Za-z0-9._-]+$/.test(scope))) return false
  return /^[0-9A-Fa-f:.]+$/.test(address) && address.includes(':') && URL.canParse(`http://[${address}]/`)
}

/** A host name (RFC 1123, underscores as found in the wild) or an IPv4 address; nothing that only looks like one. */
function isHost(text: string): boolean {
  if (/^[\d.]+$/.test(text)) return isIpv4(text)
  return text.length <= 253 && /^(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?$/.test(text)
}
